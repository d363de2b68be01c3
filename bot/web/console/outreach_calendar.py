"""The calendar of outreach: a week at a glance, and one day with every reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import select

from bot.errors import NotFound
from bot.outreach.calendar_view import FURTHEST, Day, Line, TouchCalendar, touch_calendar
from bot.outreach.plans import Plans
from bot.store.outreach_tables import TouchRow, TouchState
from bot.web.console.desk import Desk, desk
from bot.web.console.outreach_desk import (
    ROOT,
    TONES,
    current_plans,
    day_name,
    names_of,
    outreach_page,
    said,
    segment_label,
    short_day,
    touch_line,
    why,
)
from scheduler import StepKind

_WEEK = 7
_SHOWN = 7
_TOUCHES = 300
_LEAD = timedelta(days=2)
"""So much of the past stands before today unless another week is asked for."""


@dataclass(frozen=True, slots=True)
class Chip:
    """Touches of one step that fare alike on one day."""

    time: str
    kind: str
    journey: str
    journey_name: str
    purpose: str
    segment: str
    people: int
    status: str
    tone: str
    why: str
    conflict: bool
    dropped: bool
    said: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One day of the calendar."""

    day: Day
    path: str
    label: str
    weekday: str
    today: bool
    past: bool
    rest: bool
    holiday: str
    chips: list[Chip]
    going_out: int
    skipped: int
    conflicts: list[tuple[str, int]]
    begins: list[str]


async def show_week(request: web.Request) -> web.Response:
    """Seven days around today or from any other day, by journey, kind and segment."""
    here, plans = desk(request), await current_plans(request)
    today = here.now.astimezone(here.zone).date()
    first = _day(request.query.get("week"), today) or today - _LEAD
    kept = _kept(request, plans)
    async with here.database.read() as session:
        seen = await touch_calendar(
            session, plans, here.now, first=first, days=_WEEK, journey=kept.get("journey")
        )
    sheets = [_merged(here, _sheet(here, plans, day, today, kept)) for day in seen.days]
    return await outreach_page(
        request,
        "outreach_calendar.html",
        tab="calendar",
        sheets=sheets,
        estimate=_estimate(here, seen),
        empty=not any(sheet.chips for sheet in sheets),
        shown=_SHOWN,
        kept=kept,
        kinds=list(StepKind),
        journeys={one.id: one.name for one in plans.journeys.values()},
        segments=_segments(here, plans, kept.get("journey")),
        title=(short_day(first), short_day(first + timedelta(days=6))),
        before=_week_path(first - timedelta(days=_WEEK), kept),
        after=_week_path(first + timedelta(days=_WEEK), kept),
        this_week=_week_path(None, kept) if first != today - _LEAD else "",
        week=first.isoformat() if first != today - _LEAD else "",
    )


async def show_day(request: web.Request) -> web.Response:
    """All lines of a day with quota use, what was skipped and why, and each touch."""
    here, plans = desk(request), await current_plans(request)
    today = here.now.astimezone(here.zone).date()
    day = _day(request.match_info["day"], today)
    if day is None:
        raise NotFound("没有这一天，请从日历里打开")
    async with here.database.read() as session:
        seen = await touch_calendar(session, plans, here.now, first=day, days=1)
        start = plans.calendar.at(day, time(0))
        rows = (
            await session.scalars(
                select(TouchRow)
                .where(TouchRow.due_at >= start, TouchRow.due_at < start + timedelta(days=1))
                .order_by(TouchRow.due_at, TouchRow.id)
                .limit(_TOUCHES)
            )
        ).all()
        names = await names_of(session, rows)
    sheet = _sheet(here, plans, seen.days[0], today, {})
    lines = [
        touch_line(here, plans, names, row, (row.sent_at or row.due_at).astimezone(here.zone))
        for row in rows
    ]
    dropped = (TouchState.SKIPPED, TouchState.CANCELLED)
    return await outreach_page(
        request,
        "outreach_day.html",
        tab="calendar",
        sheet=sheet,
        expected=[chip for chip in sheet.chips if chip.status == "expected"],
        expected_skips=[chip for chip in sheet.chips if chip.dropped] if not rows else [],
        out=[line for line in lines if line.status not in dropped],
        skips=[line for line in lines if line.status in dropped],
        estimate=_estimate(here, seen),
        all_of_day=f"{ROOT}/touches?from={day}&to={day}",
        cut=len(rows) == _TOUCHES,
        before=f"{ROOT}/days/{day - timedelta(days=1)}",
        after=f"{ROOT}/days/{day + timedelta(days=1)}",
        week=_week_path(day - _LEAD if abs(day - today) > _LEAD else None, {}),
    )


def _estimate(here: Desk, seen: TouchCalendar) -> str:
    """How far the expected numbers can be trusted; nothing where everybody was looked at."""
    if seen.whole:
        return ""
    return here.words("calendar.not_whole", n=seen.looked_at, all=f"{seen.under_way:,}")


def _sheet(here: Desk, plans: Plans, day: Day, today: date, kept: dict[str, str]) -> Sheet:
    info = plans.calendar.day_info(day.day)
    chips = [
        _chip(here, plans, line)
        for line in day.lines
        if kept.get("kind") in (None, line.kind) and kept.get("segment") in (None, line.segment)
    ]
    return Sheet(
        day=day,
        path=f"{ROOT}/days/{day.day}",
        label=short_day(day.day),
        weekday=day_name(day.day, here.words),
        today=day.day == today,
        past=day.day < today,
        rest=info.rest,
        holiday=day.silent or info.name or "",
        chips=chips,
        going_out=sum(chip.people for chip in chips if not chip.dropped),
        skipped=sum(chip.people for chip in chips if chip.dropped),
        conflicts=[(why(here.words, rule), n) for rule, n in day.conflicts.most_common()],
        begins=[plans.journeys[one].name for one in day.begins if one in plans.journeys],
    )


def _merged(here: Desk, sheet: Sheet) -> Sheet:
    """One chip a step, the segments that fare alike beside each other."""
    found: dict[tuple[str, ...], Chip] = {}
    for chip in sheet.chips:
        key = (chip.kind, chip.journey, chip.purpose, chip.status, chip.why)
        if (known := found.get(key)) is not None:
            names = dict.fromkeys([*known.segment.split(here.words("comma")), chip.segment])
            segment = here.words("comma").join(filter(None, names))
            chip = replace(known, segment=segment, people=known.people + chip.people)
        found[key] = chip
    return replace(sheet, chips=list(found.values()))


def _chip(here: Desk, plans: Plans, line: Line) -> Chip:
    local = line.first_at.astimezone(here.zone)
    tone = (
        TONES.get(TouchState(line.status), "") if line.status in list(TouchState) else "expected"
    )
    return Chip(
        time=f"{local:%H:%M}",
        kind=line.kind,
        journey=line.journey,
        journey_name=line.journey_name,
        purpose=line.purpose or line.step,
        segment=segment_label(plans.journeys.get(line.journey), line.segment, here.words),
        people=line.people,
        status=line.status,
        tone=tone,
        why=why(here.words, line.rule) if line.rule else "",
        conflict=line.conflict,
        dropped=line.dropped,
        said=said(plans.journeys.get(line.journey), line.step, line.segment),
    )


def _kept(request: web.Request, plans: Plans) -> dict[str, str]:
    kept = {name: request.query.get(name, "")[:64] for name in ("journey", "kind", "segment")}
    if kept["journey"] not in plans.journeys:
        kept["journey"] = ""
    return {name: value for name, value in kept.items() if value}


def _segments(here: Desk, plans: Plans, journey: str | None) -> dict[str, str]:
    chosen = [plans.journeys[journey]] if journey else list(plans.journeys.values())
    found = {
        one.name: label
        for each in chosen
        for one in each.segments
        if (label := segment_label(each, one.name, here.words))
    }
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def _week_path(first: date | None, kept: dict[str, str]) -> str:
    query = kept | ({"week": first.isoformat()} if first else {})
    return f"{ROOT}?{urlencode(query)}" if query else ROOT


def _day(text: str | None, today: date) -> date | None:
    """A day near enough that a calendar can be drawn for it."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if abs(day - today) <= FURTHEST else None


ROUTES = (
    web.get(ROOT, show_week),
    web.get(ROOT + "/days/{day}", show_day),
)
