"""A channel as the form gives it, in the shape in which channels are checked."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from bot.customers.channel_draft import LINK
from bot.errors import Unprocessable
from bot.web.console.greeting_form import check_whole, read_greeting
from bot.web.console.plain_fields import split_words, words_in

LABELS = {
    "name": "channel.name",
    "guides": "channel.guides",
    "backups": "channel.backups",
    "shifts": "channel.shifts",
    "daily_cap": "channel.cap",
    "caps": "channel.caps",
    "tags": "channel.tags",
    "remark": "channel.remark",
    "greeting": "channel.greeting",
    "journey": "channel.journey",
}
MOST_ROWS = 50


def read_channel(
    form: Mapping[str, str],
    *,
    kind: str,
    ticked: Sequence[str],
    days: Mapping[int, Sequence[str]],
    names: Mapping[str, str],
) -> dict[str, Any]:
    """`ticked` are guides by box, `days` the ticked weekdays of each shift."""
    greeting = read_greeting(form)
    check_whole(greeting)
    made = {
        "name": form.get("name", ""),
        "guides": [*ticked, *people(form.get("more_guides", ""), names)],
        "backups": people(form.get("backups", ""), names),
        "tags": split_words(form.get("tags", "")),
        "remark": form.get("remark", "").strip(),
        "skip_verify": form.get("skip_verify") == "1",
        "greeting": greeting,
        "journey": form.get("journey", "") or None,
    }
    if kind == LINK:
        return made | {"shifts": [], "daily_cap": None, "caps": {}}
    return made | {
        "shifts": [
            shift for number in days if (shift := _shift(form, number, days[number], names))
        ],
        "daily_cap": form.get("daily_cap", "").strip() or None,
        "caps": _caps(form, names),
    }


def people(text: str, names: Mapping[str, str]) -> list[str]:
    """Ids of guides, written as ids or as names; a name that two bear must be written as an id."""
    by_name: dict[str, list[str]] = {}
    for userid, name in names.items():
        by_name.setdefault(name, []).append(userid)
    found = []
    for word in _words(text, {*names, *by_name}):
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


def spoken(userids: Sequence[str], names: Mapping[str, str]) -> str:
    """Guides as an operator writes them: by name where that is clear."""
    borne = list(names.values())
    return words_in(
        [
            name if borne.count(name := names.get(userid, userid)) == 1 else userid
            for userid in userids
        ]
    )


def _shift(
    form: Mapping[str, str], number: int, days: Sequence[str], names: Mapping[str, str]
) -> dict[str, Any] | None:
    """A row of shifts; one without guides does not count."""
    guides = people(form.get(f"s{number}.guides", ""), names)
    if not guides:
        return None
    return {
        "days": [int(day) for day in days if day in "1234567"] or list(range(1, 8)),
        "from": _hour(form.get(f"s{number}.from", "")) or "00:00",
        "to": _hour(form.get(f"s{number}.to", "")) or "24:00",
        "guides": guides,
    }


def _caps(form: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """Rows of guides with caps of their own; a row counts once both places are filled."""
    made: dict[str, str] = {}
    for number in range(MOST_ROWS):
        most = form.get(f"cap{number}.most", "").strip()
        for guide in people(form.get(f"cap{number}.guide", ""), names):
            if most:
                made[guide] = most
    return made


def _hour(text: str) -> str:
    """`9:00` and `9：00` as `09:00`."""
    hour, _, minute = text.strip().replace("：", ":").partition(":")
    return f"{hour.zfill(2)}:{minute.zfill(2)}" if hour else ""


def _words(text: str, known: Container[str]) -> Iterator[str]:
    """Names and ids with commas or spaces between; a known name may hold either itself."""
    if text.strip() in known:
        yield text.strip()
        return
    for word in split_words(text):
        if word in known:
            yield word
        else:
            yield from word.split()
