"""What one sample customer would get of a journey, day by day, as pages show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.outreach.journey_preview import Preview, preview
from bot.web.console.desk import Desk, desk
from bot.web.console.outreach_desk import segment_label, short_day, why
from bot.web.console.wording import Wording
from bot.web.keys import CLOCK, JOURNEYS, SETTINGS, VARIABLES
from scheduler import Journey
from scheduler.conflicts import Conflict
from scheduler.preview import Row
from scripts_library import ScriptLibraryError, render

DAYS = (7, 14, 30, 60)


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of a rehearsal."""

    step: str
    day: int
    date: str
    time: str
    kind: str
    way: str
    purpose: str
    text: str
    extras: list[tuple[str, str]]
    note: str
    variant: str
    skipped: str
    quota: str
    other: str
    moved: str


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A rehearsal day by day."""

    journey: Journey
    segment: str
    segments: dict[str, str]
    days: list[tuple[int, str, list[Shown]]]
    together: bool
    displaced: int


async def rehearsed(
    request: web.Request, form: dict[str, str] | None = None, **what: Any
) -> Rehearsed:
    """Of a `text` or a saved `journey`, for the segment and days that a form asks for.

    Raises `JourneyRefused`, and `Unprocessable` for a segment that the journey lacks.
    """
    asked = form or {}
    days = asked.get("days", "")
    shown = await preview(
        request.app[JOURNEYS],
        request.app[SETTINGS],
        request.app[CLOCK].now(),
        segment=asked.get("segment") or None,
        days=int(days) if days in map(str, DAYS) else DAYS[0],
        others=asked.get("with_others") == "on",
        **what,
    )
    here = desk(request)
    return _rehearsed(here, shown, sample_values(request, here))


def sample_values(request: web.Request, here: Desk) -> dict[str, str]:
    """What variables become for a sample customer and guide."""
    return request.app[VARIABLES] | {
        "customer_name": here.words("sample.customer"),
        "guide_name": here.words("sample.guide"),
    }


def _rehearsed(here: Desk, shown: Preview, values: Mapping[str, str]) -> Rehearsed:
    days: dict[int, list[Shown]] = {}
    for row in shown.rows:
        days.setdefault(row.day, []).append(_line(here, row, values))
    return Rehearsed(
        shown.journey,
        shown.segment,
        {
            one.name: segment_label(shown.journey, one.name, here.words) or one.zh
            for one in shown.journey.segments
        },
        [(day, lines[0].date, lines) for day, lines in sorted(days.items())],
        shown.together,
        sum(row.conflict is not None for row in shown.rows if not row.other),
    )


def _line(here: Desk, row: Row, values: Mapping[str, str]) -> Shown:
    touch, content = row.touch, row.content
    way = here.words(f"way.{touch.way}") if touch.way and str(touch.way) != str(touch.kind) else ""
    said = content.as_dict() if content else {}
    extras = [("link", str(said["link"]["title"]))] if "link" in said else []
    extras += [("image", str(image).rsplit("/", 1)[-1]) for image in said.get("images", ())]
    extras += [("app", str(said["miniprogram"]["title"]))] if "miniprogram" in said else []
    return Shown(
        step=touch.step,
        day=row.day,
        date=short_day(row.at.date()),
        time=f"{row.at:%H:%M}",
        kind=touch.kind,
        way=way,
        purpose=row.purpose,
        text=_filled(str(said.get("text") or (content.summary() if content else "")), values),
        extras=extras,
        note=str(said.get("todo") or said.get("note") or ""),
        variant=touch.variant or "",
        skipped=why(here.words, touch.rule) if row.skipped_by and touch.rule else "",
        quota=row.quota,
        other=row.journey if row.other else "",
        moved=_moved(here.words, row),
    )


def _moved(words: Wording, row: Row) -> str:
    """Why a touch goes out at another time than its step says."""
    if row.conflict is not None:
        return _told(words, row.conflict)
    if row.other or row.skipped_by or row.touch.rule is None:
        return ""
    return why(words, row.touch.rule, row.touch.explanation)


def _told(words: Wording, conflict: Conflict) -> str:
    """What other journeys did to a touch, in the page's language."""
    if words.language == "zh":
        return conflict.explanation
    if conflict.touch.status.counts and conflict.touch.due_at == conflict.alone.due_at:
        would = words("conflict.window")
    else:
        would = words("conflict.alone", time=f"{conflict.alone_at:%m-%d %H:%M}")
    if not conflict.taken_by:
        return words("conflict.follows", would=would)
    first = conflict.taken_by[0]
    more = len(conflict.taken_by) - 1
    taken = words(
        "conflict.taken", name=first.name, purpose=first.purpose, time=f"{first.at:%m-%d %H:%M}"
    )
    return would + taken + (words("conflict.more", n=more) if more else "")


def _filled(text: str, values: Mapping[str, str]) -> str:
    """With sample values; as it is written where a value is missing."""
    try:
        return render(text, values)
    except ScriptLibraryError:
        return text
