"""One step of a journey as fields of a form, and back into the plain data of its YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.web.console.journey_content_fields import content_fields, put_content
from bot.web.console.plain_fields import (
    Fields,
    fill,
    listed,
    number_or_text,
    split_words,
    spoken,
    words_in,
)
from scheduler.journey import DEFAULT_SEGMENT, CatchUp, Days, StepKind

SIGNALS = ("replied", "bought")
CONDITIONS = {"with": "signals", "without": "without_signals"}
_WINDOW = re.compile(r"\s*(\d{1,2}:\d\d)\s*[-–~至]\s*(\d{1,2}:\d\d)\s*")
_OFFSET = ("day", "time", "hours", "minutes")
_MERGE_HOURS = 72


def segments_of(entry: Mapping[str, Any]) -> list[str]:
    """For whom words are written; the last is whoever has none of their own."""
    segments = entry.get("segments")
    names = [str(one) for one in segments] if isinstance(segments, dict) else []
    return [*(one for one in names if one != DEFAULT_SEGMENT), DEFAULT_SEGMENT]


def step_fields(step: Mapping[str, Any], segments: Sequence[str]) -> Fields:
    """Every field of the form for a step as it is written."""
    return (
        {"purpose": spoken(step.get("purpose")), "kind": spoken(step.get("kind"))}
        | _timing_fields(step)
        | _limit_fields(step)
        | _condition_fields(step.get("only_if"))
        | {f"way.{n}": spoken(way) for n, way in enumerate(listed(step.get("ways"))[:3])}
        | content_fields(step, segments)
    )


def _timing_fields(step: Mapping[str, Any]) -> Fields:
    after = step.get("after")
    offset = after if isinstance(after, dict) else step.get("at")
    offset = offset if isinstance(offset, dict) else {}
    by_hours = "hours" in offset or "minutes" in offset
    return {
        "base": "event" if "event" in offset else "step" if "step" in offset else "trigger",
        "base_step": spoken(offset.get("step")),
        "base_event": spoken(offset.get("event")),
        "within": spoken(offset.get("within_hours")),
        "by": "hours" if by_hours else "day",
    } | {name: spoken(offset.get(name)) for name in _OFFSET}


def _limit_fields(step: Mapping[str, Any]) -> Fields:
    window = _WINDOW.fullmatch(spoken(step.get("window")))
    catch, late = _catch_up(step.get("catch_up"))
    return {
        "from": window[1].zfill(5) if window else "",
        "to": window[2].zfill(5) if window else "",
        "days": spoken(step.get("days")) or Days.ANY,
        "catch": catch,
        "late": spoken(late),
    }


def _catch_up(value: Any) -> tuple[str, Any]:
    if value == CatchUp.MERGE:
        return CatchUp.MERGE, _MERGE_HOURS
    if isinstance(value, dict):
        for name in (CatchUp.MERGE, CatchUp.SEND_LATE):
            if name in value:
                return name, value[name]
    return CatchUp.SKIP, None


def _condition_fields(condition: Any) -> Fields:
    given = condition if isinstance(condition, dict) else {}
    fields = {f"stage.{one}": "1" for one in listed(given.get("stages"))}
    fields |= {name: words_in(given.get(name)) for name in ("tags", "without_tags")}
    for short, key in CONDITIONS.items():
        known = listed(given.get(key))
        fields |= {f"{short}.{one}": "1" for one in SIGNALS if one in known}
        fields[f"{short}.more"] = words_in([one for one in known if one not in SIGNALS])
    return fields


def step_of(
    fields: Mapping[str, str], base: Mapping[str, Any], segments: Sequence[str]
) -> dict[str, Any]:
    """`base` with what the form says; what is the same keeps the way it was written."""
    step = dict(base)
    step["purpose"] = fields.get("purpose", "").strip()
    step["kind"] = fields.get("kind") or step.get("kind", StepKind.NUDGE.value)
    _put_timing(step, fields)
    _put_limits(step, fields)
    if step["kind"] in (StepKind.MOMENT, StepKind.GROUP_POST):
        step.pop("ways", None)
    else:
        ways = [fields.get(f"way.{place}", "") for place in range(3)]
        fill(step, "ways", list(dict.fromkeys(filter(None, ways))), listed)
    condition = dict(step["only_if"]) if isinstance(step.get("only_if"), dict) else {}
    fill(step, "only_if", _condition(condition, fields))
    put_content(step, fields, segments)
    return step


def _put_timing(step: dict[str, Any], fields: Mapping[str, str]) -> None:
    base = fields.get("base", "trigger")
    used = ("hours", "minutes") if fields.get("by") == "hours" else ("day", "time")
    offset: dict[str, Any] = {}
    if base == "step":
        offset["step"] = fields.get("base_step", "").strip()
    elif base == "event":
        offset["event"] = fields.get("base_event", "").strip()
    for name in used:
        text = fields.get(name, "").strip()
        if text:
            offset[name] = text[:5] if name == "time" else number_or_text(text)
    if base == "event" and (within := fields.get("within", "").strip()):
        offset["within_hours"] = number_or_text(within)
    step.pop("at" if base != "trigger" else "after", None)
    key = "at" if base == "trigger" else "after"
    if key not in step or step[key] != offset:
        step[key] = offset


def _put_limits(step: dict[str, Any], fields: Mapping[str, str]) -> None:
    opens, closes = fields.get("from", "").strip()[:5], fields.get("to", "").strip()[:5]
    window = f"{opens}-{closes}" if opens or closes else ""
    fill(step, "window", window, _window_text)
    days = fields.get("days", "")
    if (days or Days.ANY) != step.get("days", Days.ANY):
        fill(step, "days", days if days != Days.ANY else "")
    catch, late = fields.get("catch") or CatchUp.SKIP, number_or_text(fields.get("late", ""))
    if (catch, late if catch != CatchUp.SKIP else None) != _catch_up(step.get("catch_up")):
        fill(step, "catch_up", {catch: late} if catch != CatchUp.SKIP else None)


def _window_text(value: str) -> str:
    found = _WINDOW.fullmatch(value)
    return f"{found[1].zfill(5)}-{found[2].zfill(5)}" if found else value


def _condition(condition: dict[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    stages = [
        name.removeprefix("stage.")
        for name in fields
        if name.startswith("stage.") and fields[name]
    ]
    before = listed(condition.get("stages"))
    fill(condition, "stages", before if set(stages) == set(before) else stages, listed)
    for name in ("tags", "without_tags"):
        fill(condition, name, split_words(fields.get(name, "")), listed)
    for short, key in CONDITIONS.items():
        ticked = [one for one in SIGNALS if fields.get(f"{short}.{one}")]
        wanted = [*ticked, *split_words(fields.get(f"{short}.more", ""))]
        known = listed(condition.get(key))
        fill(condition, key, known if set(wanted) == set(known) else wanted, listed)
    return condition


def field_of(path: Sequence[str | int], segments: Sequence[str]) -> str:
    """The field beside which a fault inside a step is said; empty for the step itself."""
    match tuple(path):
        case ("at" | "after", str(name), *_):
            renamed = {"step": "base_step", "event": "base_event", "within_hours": "within"}
            return renamed.get(name, name)
        case ("at" | "after", *_):
            return "base"
        case ("window", *_):
            return "from"
        case ("catch_up", *_):
            return "late"
        case ("ways", *_):
            return "way.0"
        case ("only_if", "signals" | "without_signals" as key, *_):
            return "with.more" if key == "signals" else "without.more"
        case ("only_if", str(name), *_):
            return name
        case ("content", *rest):
            return f"c0.{_inside(rest, segments)}"
        case ("variants", int(arm), "content", *rest):
            return f"c{arm}.{_inside(rest, segments)}"
        case ("variants", int(arm), str(name), *_):
            return f"a{arm}.{name}"
        case ("variants", *_):
            return "arms"
        case (str(name), *_):
            return name
    return ""


def _inside(rest: Sequence[str | int], segments: Sequence[str]) -> str:
    name = rest[0] if rest else ""
    known = name in segments
    place = segments.index(str(name)) if known else len(segments) - 1
    match tuple(rest[1:] if known else rest):
        case ("images", *_):
            return f"{place}.image.0"
        case ("link" | "miniprogram" as card, *more):
            field = str(more[0]) if more else "title"
            return f"{place}.{'app' if card == 'miniprogram' else 'link'}.{field}"
        case (str(field), *_):
            return f"{place}.{field}"
    return f"{place}.says"
