"""The shop's touches day by day: sent, planned and to be expected, with limits and reasons."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outreach.calendar_loads import NOTHING, Load, Loads
from bot.outreach.forecast import Forecast, forecast
from bot.outreach.plans import Plans
from bot.store.outreach_tables import TouchRow, TouchState
from scheduler import Rule, StepKind, Touch, starting_on

EXPECTED = "expected"
"""The status of a touch that is not planned yet: planning looks an hour ahead."""
FURTHEST = timedelta(days=366)
"""A calendar is drawn for days no further from today; each day until then is worked out."""
_DROPPED = (TouchState.SKIPPED, TouchState.CANCELLED)
CONFLICTS = frozenset(
    {
        Rule.PRIORITY,
        Rule.GAP,
        Rule.FATIGUE_DAY,
        Rule.FATIGUE_WEEK,
        Rule.MASS_QUOTA,
        Rule.KF_FULL,
        Rule.MOMENT_DAY,
        Rule.MOMENT_MONTH,
        Rule.MOMENT_TASKS,
        Rule.GUIDE_FULL,
    }
)
"""Where a touch gave way to another one or to a limit, moved or left out."""


@dataclass(frozen=True, slots=True)
class Line:
    """Touches of one step that fare alike on one day; `people` are customers, cohorts, groups.

    `status` is a `TouchState` or `expected`; `rule` is why they are moved, skipped, cancelled.
    """

    journey: str
    journey_name: str
    step: str
    purpose: str
    kind: StepKind
    segment: str
    status: str
    rule: Rule | None
    people: int
    first_at: datetime
    last_at: datetime

    @property
    def dropped(self) -> bool:
        return self.status in _DROPPED

    @property
    def conflict(self) -> bool:
        return self.rule in CONFLICTS


@dataclass(slots=True)
class Day:
    """One day of the shop; `begins` are journeys of the calendar that start on it."""

    day: date
    silent: str | None
    lines: list[Line] = field(default_factory=list)
    begins: list[str] = field(default_factory=list)
    moments: Load = NOTHING
    mass_messages: int = 0
    customers: int = 0
    fullest_customer: Load = NOTHING
    fullest_guide: Load = NOTHING

    @property
    def going_out(self) -> int:
        return sum(line.people for line in self.lines if not line.dropped)

    @property
    def skips(self) -> Counter[Rule]:
        """People left out by rule."""
        return _by_rule(line for line in self.lines if line.dropped)

    @property
    def conflicts(self) -> Counter[Rule]:
        """People for whom something gave way, moved or left out, by rule."""
        return _by_rule(line for line in self.lines if line.conflict)


@dataclass(frozen=True, slots=True)
class TouchCalendar:
    """`expected_from` is where planning ends and expectation begins. `looked_at` customers of
    `under_way` were worked out for it; unless they are all, what is expected is an estimate."""

    days: tuple[Day, ...]
    expected_from: datetime
    looked_at: int
    under_way: int

    @property
    def whole(self) -> bool:
        return self.looked_at >= self.under_way


async def touch_calendar(
    session: AsyncSession,
    plans: Plans,
    now: datetime,
    *,
    first: date,
    days: int,
    journey: str | None = None,
) -> TouchCalendar:
    """From the shop's day `first` on; the past from what was done, the rest as expected."""
    calendar = plans.calendar
    start, end = (calendar.at(first + timedelta(days=n), time(0)) for n in (0, days))
    expected = await forecast(session, plans, now, end, journey=journey)
    coming: defaultdict[date, list[Touch]] = defaultdict(list)
    for touch in expected.touches:
        if start <= touch.due_at < end:
            coming[calendar.local_day(touch.due_at)].append(touch)
    shown = []
    for number in range(days):
        day = first + timedelta(days=number)
        one = await _past(session, plans, day, journey)
        one.lines += _lines(plans, coming[day], expected)
        loads = Loads(plans, coming[day], expected.weight)
        await loads.read(session, _on(plans, day, journey))
        loads.fill(one)
        if calendar.at(day + timedelta(days=1), time(0)) > now:
            begins = starting_on(plans.running.values(), day)
            one.begins = [each.id for each in begins if journey in (None, each.id)]
        one.lines.sort(key=lambda line: (line.first_at, line.journey, line.step))
        shown.append(one)
    return TouchCalendar(tuple(shown), expected.since, expected.people, expected.due)


async def _past(session: AsyncSession, plans: Plans, day: date, journey: str | None) -> Day:
    key = (
        TouchRow.journey,
        TouchRow.step,
        TouchRow.kind,
        TouchRow.segment,
        TouchRow.status,
        TouchRow.rule,
    )
    rows = await session.execute(
        select(*key, func.count(), func.min(TouchRow.due_at), func.max(TouchRow.due_at))
        .where(*_on(plans, day, journey))
        .group_by(*key)
    )
    silent = plans.calendar.silent_name(day)
    lines = []
    for name, step, kind, segment, status, rule, count, first_at, last_at in rows:
        why = Rule(rule) if rule else None
        named = _named(plans, name, step)
        lines.append(
            Line(name, *named, StepKind(kind), segment, status, why, count, first_at, last_at)
        )
    return Day(day, silent, lines)


def _on(plans: Plans, day: date, journey: str | None) -> list[Any]:
    start, end = (plans.calendar.at(day + timedelta(days=n), time(0)) for n in (0, 1))
    on = [TouchRow.due_at >= start, TouchRow.due_at < end]
    return [*on, TouchRow.journey == journey] if journey else on


def _lines(plans: Plans, touches: Iterable[Touch], expected: Forecast) -> Iterator[Line]:
    groups: defaultdict[tuple[object, ...], list[Touch]] = defaultdict(list)
    for one in touches:
        status = EXPECTED if one.status.counts else one.status.value
        key = (one.journey, one.step, one.kind, one.content.segment, status, one.rule)
        groups[key].append(one)
    for group in groups.values():
        one = group[0]
        yield Line(
            one.journey,
            *_named(plans, one.journey, one.step),
            one.kind,
            one.content.segment,
            EXPECTED if one.status.counts else one.status.value,
            one.rule,
            max(1, round(sum(expected.weight(each) for each in group))),
            min(each.due_at for each in group),
            max(each.due_at for each in group),
        )


def _named(plans: Plans, journey: str, step: str) -> tuple[str, str, str]:
    known = plans.journeys.get(journey)
    found = known.step(step) if known else None
    return known.name if known else journey, step, found.purpose if found else ""


def _by_rule(lines: Iterable[Line]) -> Counter[Rule]:
    found: Counter[Rule] = Counter()
    for line in lines:
        if line.rule is not None:
            found[line.rule] += line.people
    return found
