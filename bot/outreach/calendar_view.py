"""The shop's touches day by day: sent, planned and to be expected, with limits and reasons."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outreach.forecast import forecast
from bot.outreach.plans import Plans
from bot.store.outreach_tables import TouchRow, TouchState
from scheduler import Audience, Rule, StepKind, Touch, Way, starting_on

EXPECTED = "expected"
"""The status of a touch that is not planned yet: planning looks an hour ahead."""
_USED = (
    TouchState.PLANNED,
    TouchState.MOVED,
    TouchState.SENDING,
    TouchState.ASKED,
    TouchState.SENT,
    TouchState.UNKNOWN,
)
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


@dataclass(frozen=True, slots=True)
class Load:
    """What is used of a limit, by whom it is nearest to it."""

    used: int
    limit: int


@dataclass(slots=True)
class Day:
    """One day of the shop; `begins` are journeys of the calendar that start on it."""

    day: date
    silent: str | None
    lines: list[Line] = field(default_factory=list)
    begins: list[str] = field(default_factory=list)
    moments: Load = Load(0, 0)
    mass_messages: int = 0
    customers: int = 0
    fullest_customer: Load = Load(0, 0)
    fullest_guide: Load = Load(0, 0)

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
    """`expected_from` is where planning ends and expectation begins; `whole` tells whether
    everybody under way was looked at for it."""

    days: tuple[Day, ...]
    expected_from: datetime
    whole: bool


@dataclass(slots=True)
class _Used:
    """Counts of one day that are compared to limits."""

    points: Counter[str] = field(default_factory=Counter)
    cards: Counter[str] = field(default_factory=Counter)
    mass: int = 0
    moments: Counter[str] = field(default_factory=Counter)


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
        used = await _used(session, plans, day, journey)
        one.lines += _lines(plans, coming[day])
        _count(plans, used, coming[day])
        _fill(plans, one, used)
        if calendar.at(day + timedelta(days=1), time(0)) > now:
            begins = starting_on(plans.running.values(), day)
            one.begins = [each.id for each in begins if journey in (None, each.id)]
        one.lines.sort(key=lambda line: (line.first_at, line.journey, line.step))
        shown.append(one)
    return TouchCalendar(tuple(shown), expected.since, expected.whole)


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


async def _used(session: AsyncSession, plans: Plans, day: date, journey: str | None) -> _Used:
    """By customer, guide and cohort; only those with most matter, so the rest stays in SQL."""
    on = [*_on(plans, day, journey), TouchRow.status.in_(_USED)]
    used = _Used()
    people = await session.execute(
        select(TouchRow.audience, TouchRow.subject, TouchRow.kind, func.count())
        .where(*on)
        .group_by(TouchRow.audience, TouchRow.subject, TouchRow.kind)
    )
    for audience, who, kind, count in people:
        if audience == Audience.CUSTOMER:
            used.points[who] += plans.budget.fatigue.weight(StepKind(kind)) * count
    others = await session.execute(
        select(TouchRow.way, TouchRow.audience, TouchRow.subject, TouchRow.guides).where(
            *on, TouchRow.way.in_((Way.GUIDE_CARD, Way.MOMENT))
        )
    )
    for way, _, subject, guides in others:
        if way == Way.MOMENT:
            used.moments[subject] += 1
        elif guides:
            used.cards[str(guides[0])] += 1
    mass = select(func.count()).where(*on, TouchRow.way.in_((Way.MASS_SEND, Way.GROUP_MASS_SEND)))
    used.mass = await session.scalar(mass) or 0
    return used


def _lines(plans: Plans, touches: Iterable[Touch]) -> Iterator[Line]:
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
            len(group),
            min(each.due_at for each in group),
            max(each.due_at for each in group),
        )


def _named(plans: Plans, journey: str, step: str) -> tuple[str, str, str]:
    known = plans.journeys.get(journey)
    found = known.step(step) if known else None
    return known.name if known else journey, step, found.purpose if found else ""


def _count(plans: Plans, used: _Used, touches: Iterable[Touch]) -> None:
    for one in touches:
        if not one.status.counts:
            continue
        if one.audience is Audience.CUSTOMER:
            used.points[one.subject] += plans.budget.fatigue.weight(one.kind)
        if one.way is Way.MOMENT:
            used.moments[one.subject] += 1
        elif one.way is Way.GUIDE_CARD and one.guides:
            used.cards[one.guides[0]] += 1
        elif one.way in (Way.MASS_SEND, Way.GROUP_MASS_SEND):
            used.mass += 1


def _fill(plans: Plans, day: Day, used: _Used) -> None:
    budget = plans.budget
    day.customers, day.mass_messages = len(used.points), used.mass
    day.fullest_customer = Load(max(used.points.values(), default=0), budget.fatigue.per_day)
    day.fullest_guide = Load(max(used.cards.values(), default=0), budget.guide_cards_per_day)
    day.moments = Load(max(used.moments.values(), default=0), budget.moments_per_day)


def _by_rule(lines: Iterable[Line]) -> Counter[Rule]:
    found: Counter[Rule] = Counter()
    for line in lines:
        if line.rule is not None:
            found[line.rule] += line.people
    return found
