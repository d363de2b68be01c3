"""A channel as the form gives it, in the shape in which channels are checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.errors import Unprocessable

LABELS = {
    "name": "channel.name",
    "guides": "channel.guides",
    "backups": "channel.backups",
    "shifts": "channel.shifts",
    "daily_cap": "channel.cap",
    "tags": "channel.tags",
    "remark": "channel.remark",
    "greeting": "channel.greeting",
}
_COMMAS = re.compile(r"[,，、;；\s]+")


def read_channel(
    form: Mapping[str, str],
    *,
    ticked: Sequence[str],
    days: Mapping[int, Sequence[str]],
    names: Mapping[str, str],
) -> dict[str, Any]:
    """`ticked` are guides by box, `days` the ticked weekdays of each shift."""
    cap = form.get("daily_cap", "").strip()
    return {
        "name": form.get("name", ""),
        "guides": [*ticked, *people(form.get("more_guides", ""), names)],
        "backups": people(form.get("backups", ""), names),
        "shifts": [
            shift for number in days if (shift := _shift(form, number, days[number], names))
        ],
        "daily_cap": cap or None,
        "tags": _split(form.get("tags", "")),
        "remark": form.get("remark", "").strip(),
        "skip_verify": form.get("skip_verify") == "1",
        "greeting": {"text": form.get("greeting", "").replace("\r\n", "\n").strip()},
    }


def people(text: str, names: Mapping[str, str]) -> list[str]:
    """Ids of guides, written as ids or as names; a name that two bear must be written as an id."""
    by_name: dict[str, list[str]] = {}
    for userid, name in names.items():
        by_name.setdefault(name, []).append(userid)
    found = []
    for word in _split(text):
        if word in names:
            found.append(word)
            continue
        bearers = by_name.get(word, [word])
        if len(bearers) > 1:
            raise Unprocessable(
                f"有 {len(bearers)} 位导购叫{word}，请写账号：{'、'.join(bearers)}"
            )
        found.append(bearers[0])
    return found


def _shift(
    form: Mapping[str, str], number: int, days: Sequence[str], names: Mapping[str, str]
) -> dict[str, Any] | None:
    """A row of shifts; one without guides does not count."""
    guides = people(form.get(f"s{number}.guides", ""), names)
    if not guides:
        return None
    return {
        "days": [int(day) for day in days if day in "1234567"] or list(range(1, 8)),
        "from": form.get(f"s{number}.from", "") or "00:00",
        "to": form.get(f"s{number}.to", "") or "24:00",
        "guides": guides,
    }


def _split(text: str) -> list[str]:
    return [word for word in _COMMAS.split(text) if word]
