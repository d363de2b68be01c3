"""What begins, ends and ranks a journey as fields of a form, and back into its plain data."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from bot.web.console.plain_fields import (
    Fields,
    fill,
    listed,
    number_or_text,
    split_words,
    spoken,
    words_in,
)
from scheduler.journey import TriggerKind

MOST_TRIGGERS = 9
EXITS = ("replied", "bought")
DATES = ("on", "weekly", "monthly", "yearly")
_WORDED = (TriggerKind.ADDED, TriggerKind.TAG_ADDED, TriggerKind.EVENT)
_ANY = "any"


def frame_fields(entry: Mapping[str, Any]) -> Fields:
    """Every field of the form for a journey as it is written."""
    fields = {
        "name": spoken(entry.get("name")),
        "priority": spoken(entry.get("priority", 50)),
        "note": spoken(entry.get("note")),
    }
    triggers = [one for one in listed(entry.get("triggers")) if isinstance(one, dict) and one]
    fields["triggers"] = str(len(triggers))
    for place, one in enumerate(triggers):
        fields |= {f"t{place}.{name}": value for name, value in _trigger_fields(one).items()}
    return fields | _exit_fields(entry) | _repeat_fields(entry) | _segment_fields(entry)


def _trigger_fields(trigger: Mapping[str, Any]) -> Fields:
    kind, value = next(iter(trigger.items()))
    fields = {"kind": str(kind)}
    given = value if isinstance(value, dict) else {}
    if kind in _WORDED:
        fields["values"] = "" if value == _ANY else words_in(value)
    elif kind == TriggerKind.STAGE_ENTERED:
        fields |= {f"stage.{one}": "1" for one in listed(value) if value != _ANY}
    elif kind == TriggerKind.SILENCE:
        after = given.get("after")
        fields |= {"hours": spoken(given.get("hours"))}
        fields |= {"values": "" if after == _ANY else words_in(after)}
    elif kind == TriggerKind.DATE:
        by = next((one for one in DATES if one in given), "on")
        fields |= {"by": by, f"date.{by}": spoken(given.get(by))}
    elif kind == TriggerKind.BIRTHDAY:
        fields["days_before"] = spoken(given.get("days_before", 0))
    return fields


def _exit_fields(entry: Mapping[str, Any]) -> Fields:
    fields: Fields = {}
    for one in listed(entry.get("exits")):
        if isinstance(one, str):
            fields[f"exit.{one}"] = "1"
        elif isinstance(one, dict) and one:
            name, value = next(iter(one.items()))
            if name == "stage_moved":
                fields |= {f"exit.stage.{stage}": "1" for stage in listed(value)}
            elif name == "tag_removed":
                fields["exit.tags"] = words_in(value)
            else:
                fields[f"exit.{name}"] = "1"
    return fields


def _repeat_fields(entry: Mapping[str, Any]) -> Fields:
    repeat = entry.get("repeat")
    if not repeat and not isinstance(repeat, dict):
        return {"again": "", "rest_days": ""}
    days = repeat.get("rest_days") if isinstance(repeat, dict) else 0
    return {"again": "1", "rest_days": spoken(days)}


def _segment_fields(entry: Mapping[str, Any]) -> Fields:
    fields: Fields = {}
    for name, one in segments_in(entry).items():
        fields |= {f"s.{name}.zh": spoken(one.get("zh"))}
        fields |= {f"s.{name}.tags": words_in(one.get("tags"))}
    return fields


def segments_in(entry: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The segments of a journey as they are written."""
    segments = entry.get("segments")
    return (
        {str(name): one for name, one in segments.items() if isinstance(one, dict)}
        if isinstance(segments, dict)
        else {}
    )


def triggers_in(fields: Mapping[str, str]) -> int:
    raw = fields.get("triggers", "")
    number = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 3 else 1
    return min(max(number, 1), MOST_TRIGGERS)


def frame_of(fields: Mapping[str, str], base: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what the form says; what is the same keeps the way it was written."""
    entry = dict(base)
    entry["name"] = fields.get("name", "").strip()
    priority = number_or_text(fields.get("priority", ""))
    if priority != entry.get("priority", 50):
        fill(entry, "priority", priority)
    fill(entry, "note", fields.get("note", "").replace("\r\n", "\n").strip(), str.strip)
    _put_triggers(entry, fields)
    _put_exits(entry, fields)
    if _repeat_fields(entry) != {name: fields.get(name, "") for name in ("again", "rest_days")}:
        days = number_or_text(fields.get("rest_days", "") or "0")
        fill(entry, "repeat", {"rest_days": days} if fields.get("again") else None)
    for name, one in segments_in(entry).items():
        kept = dict(one)
        kept["zh"] = fields.get(f"s.{name}.zh", kept.get("zh", "")).strip()
        fill(kept, "tags", split_words(fields.get(f"s.{name}.tags", "")), listed)
        entry["segments"] = {**entry["segments"], name: kept}
    return entry


def _put_triggers(entry: dict[str, Any], fields: Mapping[str, str]) -> None:
    old = [one for one in listed(entry.get("triggers")) if isinstance(one, dict) and one]
    made = []
    for place in range(triggers_in(fields)):
        own = _own(fields, f"t{place}.")
        before = next((one for one in old if _same(_trigger_fields(one), own)), None)
        made.append(before or _trigger(own))
    if made != entry.get("triggers"):
        entry["triggers"] = made


def _same(written: Fields, own: Fields) -> bool:
    """Whether a form says what was written; fields of other kinds of triggers do not count."""
    return _trigger_fields(_trigger(own)) == written


def _trigger(own: Mapping[str, str]) -> dict[str, Any]:
    kind = own.get("kind", "")
    values = split_words(own.get("values", ""))
    if kind == TriggerKind.STAGE_ENTERED:
        stages = _ticked(own, "stage.")
        return {kind: stages or _ANY}
    if kind == TriggerKind.SILENCE:
        silence: dict[str, Any] = {"hours": number_or_text(own.get("hours", ""))}
        return {kind: silence | ({"after": values} if values else {})}
    if kind == TriggerKind.DATE:
        by = own.get("by", "on")
        return {kind: {by: _day(by, own.get(f"date.{by}", "").strip())}}
    if kind == TriggerKind.BIRTHDAY:
        return {kind: {"days_before": number_or_text(own.get("days_before", "") or "0")}}
    return {kind: values or _ANY}


def _day(by: str, text: str) -> Any:
    if by == "on":
        with contextlib.suppress(ValueError):
            return date.fromisoformat(text)
    return number_or_text(text) if by in ("weekly", "monthly") else text


def _put_exits(entry: dict[str, Any], fields: Mapping[str, str]) -> None:
    own = {name: value for name, value in fields.items() if name.startswith("exit.") and value}
    if own == {name: value for name, value in _exit_fields(entry).items() if value}:
        return
    known = (*EXITS, "opted_out")
    made: list[Any] = [name for name in known if own.get(f"exit.{name}")]
    if stages := _ticked(own, "exit.stage."):
        made.append({"stage_moved": stages})
    if tags := split_words(own.get("exit.tags", "")):
        made.append({"tag_removed": tags})
    entry["exits"] = made


def _own(fields: Mapping[str, str], prefix: str) -> Fields:
    return {
        name.removeprefix(prefix): value
        for name, value in fields.items()
        if name.startswith(prefix)
    }


def _ticked(fields: Mapping[str, str], prefix: str) -> list[str]:
    return [name for name, value in _own(fields, prefix).items() if value]


def with_triggers(fields: Mapping[str, str], act: str) -> Fields:
    """The fields after a press on `trigger.add` or `trigger.drop.2`."""
    made, count = dict(fields), triggers_in(fields)
    if act == "trigger.add" and count < MOST_TRIGGERS:
        made |= {"triggers": str(count + 1), f"t{count}.kind": TriggerKind.ADDED}
    gone = act.removeprefix("trigger.drop.")
    if gone != act and gone.isascii() and gone.isdigit() and count > 1:
        rows = [_own(fields, f"t{place}.") for place in range(count)]
        del rows[min(int(gone), count - 1)]
        made = {name: one for name, one in made.items() if not _is_trigger(name)}
        for place, row in enumerate(rows):
            made |= {f"t{place}.{name}": value for name, value in row.items()}
        made["triggers"] = str(len(rows))
    return made


def _is_trigger(name: str) -> bool:
    head, dot, _ = name.partition(".")
    return bool(dot) and head[:1] == "t" and head[1:].isdigit()


def frame_field_of(path: Sequence[str | int]) -> str:
    """The field beside which a fault is said; empty for faults of steps."""
    match tuple(path):
        case ("triggers", int(place), *rest):
            names = {"hours": "hours", "after": "values", "days_before": "days_before"}
            inner = [names[str(one)] for one in rest if str(one) in names]
            dates = [f"date.{one}" for one in rest if one in DATES]
            return f"t{place}.{[*inner, *dates, 'kind'][0]}"
        case ("exits", *_):
            return "exit.tags"
        case ("segments", str(name), *rest):
            return f"s.{name}.{rest[0] if rest and rest[0] in ('zh', 'tags') else 'zh'}"
        case ("repeat", *_):
            return "rest_days"
        case ("steps" | "cohort", *_):
            return ""
        case (str(name), *_):
            return name
    return ""
