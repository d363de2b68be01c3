"""Attachments of a greeting as a form: read from its fields, and shown as they will arrive."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bot.wecom.contact_ways import MOST_ATTACHMENTS

KINDS = ("image", "link", "miniprogram", "video", "file")
FILES = ("image", "video", "file")
FIELDS = {
    "link": ("title", "url", "desc", "picurl"),
    "miniprogram": ("title", "appid", "page", "image"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One attachment in the form; `raw` is one in WeCom's own form, kept as it is."""

    kind: str
    fields: Mapping[str, str]
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """One attachment on the phone; `picture` is an address, empty where there is none."""

    kind: str
    title: str
    text: str = ""
    picture: str = ""


def read_attachments(form: Mapping[str, str]) -> list[dict[str, Any]]:
    """The attachments that the form holds, in the shape in which greetings keep them."""
    return [made for row in rows_of_form(form) if (made := _made(row))]


def rows_of_form(form: Mapping[str, str]) -> list[Row]:
    """All rows, also those that are not filled in yet."""
    rows = []
    for number in range(MOST_ATTACHMENTS):
        kind, raw = form.get(f"a{number}.kind", ""), form.get(f"a{number}.raw", "")
        if kind in KINDS:
            names = FIELDS.get(kind, ("source",))
            given = {name: form.get(f"a{number}.{name}", "").strip() for name in names}
            rows.append(Row(kind, given, raw))
    return rows


def rows_of(attachments: Sequence[Mapping[str, Any]]) -> list[Row]:
    """What was written down, as rows of the form."""
    return [_row(one) for one in attachments]


def changed(rows: Sequence[Row], act: str) -> list[Row]:
    """The rows after a press on a button: `add.image`, `drop.2`, `up.2`."""
    made, (name, _, place) = list(rows), act.partition(".")
    with contextlib.suppress(ValueError, IndexError):
        if name == "add" and place in KINDS and len(made) < MOST_ATTACHMENTS:
            made.append(Row(place, dict.fromkeys(FIELDS.get(place, ("source",)), "")))
        elif name == "drop":
            del made[int(place)]
        elif name == "up" and int(place) > 0:
            made.insert(int(place) - 1, made.pop(int(place)))
    return made


def shown_attachment(attachment: Mapping[str, Any]) -> Shown:
    """One attachment as the phone shows it."""
    row = _row(attachment)
    fields = row.fields
    if row.kind == "link":
        picture = fields.get("picurl", "")
        safe = picture if picture.startswith("https://") else ""
        return Shown("link", fields.get("title", ""), fields.get("desc", ""), safe)
    if row.kind == "miniprogram":
        return Shown("miniprogram", fields.get("title", ""), "", _address(fields.get("image", "")))
    source = fields.get("source", "")
    name = source.rsplit("/", 1)[-1] or row.kind
    return Shown(row.kind, name, "", _address(source) if row.kind == "image" else "")


def _row(attachment: Mapping[str, Any]) -> Row:
    if "msgtype" in attachment:
        kind = str(attachment["msgtype"])
        body = attachment.get(kind)
        given = body if isinstance(body, Mapping) else {}
        raw = json.dumps(dict(attachment), ensure_ascii=False)
        return Row(kind, {name: str(value) for name, value in given.items()}, raw)
    kind, body = next(iter(attachment.items()))
    if isinstance(body, Mapping):
        return Row(kind, {name: str(body.get(name) or "") for name in FIELDS.get(kind, ())})
    return Row(kind, {"source": str(body)})


def _made(row: Row) -> dict[str, Any] | None:
    if row.raw:
        with contextlib.suppress(ValueError):
            kept: dict[str, Any] = json.loads(row.raw)
            return kept
    given = {name: value for name, value in row.fields.items() if value}
    if not given:
        return None
    if row.kind in FILES:
        return {row.kind: given["source"]}
    return {row.kind: given}


def _address(source: str) -> str:
    return f"/console/uploads?source={quote(source, safe='')}" if source else ""
