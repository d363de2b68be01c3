"""What the planner would do in the days to come, worked out without writing anything."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outreach.people import people
from bot.outreach.planning import ledger_of
from bot.outreach.plans import HORIZON, Plans
from bot.outreach.walks import enrolment_of
from bot.store.outreach_tables import JourneyWalk
from scheduler import Audience, Customer, Enrolment, Ledger, PlanContext, Touch, plan_chunk

MOST_PEOPLE = 160
"""So many customers are worked out: a quarter of a second, however many are under way."""
_LOOKED_AT = 2_000
_FEWEST_LOOKED_AT, _FEWEST = 100, 20
_MOST_OTHERS = 300
_ORDER = (Audience.COHORT, Audience.CUSTOMER, Audience.GROUP)
_Due = tuple[Enrolment, datetime]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Touches from `since` on as they would be planned if nobody did anything meanwhile.

    Where many customers are under way, `people` of them stand for `due`, each journey counted
    for itself: a customer's touch counts as often as `weights` says.
    """

    since: datetime
    touches: tuple[Touch, ...]
    people: int
    due: int
    weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether everybody under way was worked out."""
        return self.people >= self.due

    def weight(self, touch: Touch) -> float:
        return self.weights.get(touch.journey, 1) if touch.audience is Audience.CUSTOMER else 1


@dataclass(frozen=True, slots=True)
class _Sample:
    """Customers of one journey who stand for about `due`."""

    subjects: frozenset[str]
    due: float


async def forecast(
    session: AsyncSession,
    plans: Plans,
    now: datetime,
    until: datetime,
    *,
    journey: str | None = None,
) -> Forecast:
    """All journeys are worked out together, as they make room for each other; one is shown."""
    samples = await _samples(session, plans, until)
    chosen = sum(len(one.subjects) for one in samples.values())
    due_at_all = round(sum(one.due for one in samples.values()))
    touches: list[Touch] = []
    for audience in _ORDER:
        rows = await _due(session, plans, audience, until, samples)
        if not rows:
            continue
        subjects = {row.subject for row in rows}
        whole = chosen >= due_at_all
        ledger = await ledger_of(
            session, plans, plans.context(now), audience, subjects, cards=whole
        )
        known = await people(session, subjects) if audience is Audience.CUSTOMER else {}
        walks = [(enrolment_of(row), row.next_due) for row in rows if row.next_due]
        touches += await asyncio.to_thread(_days, plans, walks, ledger, known, now, until)
    shown = [
        one
        for one in touches
        if journey in (None, one.journey)
        and (one.audience is not Audience.CUSTOMER or _stands(samples, one))
    ]
    return Forecast(
        now + HORIZON,
        tuple(shown),
        people=chosen,
        due=due_at_all,
        weights={name: one.due / len(one.subjects) for name, one in samples.items()},
    )


def _stands(samples: Mapping[str, _Sample], touch: Touch) -> bool:
    return touch.journey in samples and touch.subject in samples[touch.journey].subjects


async def _samples(session: AsyncSession, plans: Plans, until: datetime) -> dict[str, _Sample]:
    """Of each journey the first customers by id, which says nothing about them.

    Ids are read from an index, however many are under way; who is due among those looked at
    tells how many are due among all.
    """
    running = await _running(session, plans.running)
    total = sum(running.values())
    found: dict[str, tuple[list[str], float]] = {}
    for name, count in running.items():
        look = max(_FEWEST_LOOKED_AT, _LOOKED_AT * count // total)
        rows = (
            await session.execute(
                select(JourneyWalk.subject, JourneyWalk.next_due)
                .where(
                    JourneyWalk.journey == name,
                    JourneyWalk.audience == Audience.CUSTOMER,
                    JourneyWalk.next_due.is_not(None),
                )
                .order_by(JourneyWalk.subject)
                .limit(look)
            )
        ).all()
        if first := [str(subject) for subject, at in rows if at is not None and at < until]:
            found[name] = first, count * len(first) / len(rows)
    whole = sum(due for _, due in found.values())
    samples = {}
    for name, (subjects, due) in found.items():
        most = (
            len(subjects) if whole <= MOST_PEOPLE else max(_FEWEST, int(MOST_PEOPLE * due / whole))
        )
        samples[name] = _Sample(frozenset(subjects[:most]), due)
    return samples


async def _running(session: AsyncSession, journeys: Collection[str]) -> dict[str, int]:
    rows = await session.execute(
        select(JourneyWalk.journey, func.count())
        .where(
            JourneyWalk.journey.in_(list(journeys)),
            JourneyWalk.audience == Audience.CUSTOMER,
            JourneyWalk.next_due.is_not(None),
        )
        .group_by(JourneyWalk.journey)
    )
    return {str(name): int(count) for name, count in rows}


async def _due(
    session: AsyncSession,
    plans: Plans,
    audience: Audience,
    until: datetime,
    samples: Mapping[str, _Sample],
) -> Sequence[JourneyWalk]:
    """Walks to work out; those of one customer on other journeys come along as rivals."""
    due = select(JourneyWalk).where(
        JourneyWalk.audience == audience,
        JourneyWalk.next_due < until,
        JourneyWalk.journey.in_(list(plans.running)),
    )
    if audience is Audience.CUSTOMER:
        chosen = sorted({who for one in samples.values() for who in one.subjects})
        due = due.where(JourneyWalk.subject.in_(chosen))
    ordered = due.order_by(JourneyWalk.subject, JourneyWalk.journey)
    if audience is not Audience.CUSTOMER:
        ordered = due.order_by(JourneyWalk.next_due, JourneyWalk.subject).limit(_MOST_OTHERS)
    return (await session.scalars(ordered)).all()


def _days(
    plans: Plans,
    walks: Iterable[_Due],
    ledger: Ledger,
    known: dict[str, Customer],
    now: datetime,
    until: datetime,
) -> list[Touch]:
    """Day after day as the service would, so that what is put off comes back."""
    touches: list[Touch] = []
    by_day: defaultdict[datetime, list[Enrolment]] = defaultdict(list)
    ends = list(_ends(plans, now, until))
    for one, at in walks:
        by_day[_first_after(ends, at)].append(one)
    for start, end in zip([now, *ends], ends, strict=False):
        if not (due := by_day.pop(end, [])):
            continue
        done = plan_chunk(
            PlanContext(plans.journeys, plans.calendar, start, end), due, ledger, known
        )
        touches += done.touches
        later = [one for one in ends if one > end]
        for each in done.progress:
            if each.next_due is not None and each.next_due < until and later:
                by_day[_first_after(later, each.next_due)].append(each.enrolment)
    return touches


def _ends(plans: Plans, now: datetime, until: datetime) -> Iterable[datetime]:
    at = now
    while at < until:
        day = plans.calendar.local_day(at) + timedelta(days=1)
        at = min(plans.calendar.at(day, time(0)), until)
        yield at


def _first_after(ends: Sequence[datetime], at: datetime) -> datetime:
    """The end of the day on which something due `at` is seen to."""
    return next((end for end in ends if at < end), ends[-1])
