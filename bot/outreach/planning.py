"""Planning what is due: walks in, touches out, both in one transaction."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.outreach.people import people
from bot.outreach.plans import Plans
from bot.outreach.touch_rows import cards_of_others, history, save_touches
from bot.outreach.walks import cohort_walks, enrolment_of, save_walks
from bot.store.database import Database
from bot.store.outreach_tables import TURN as TURN
from bot.store.outreach_tables import JourneyWalk
from scheduler import (
    Audience,
    Enrolment,
    Ledger,
    PlanContext,
    history_since,
    plan_chunk,
    schedule_of,
)

_SUBJECTS = 400


class Planner:
    """Plans whoever is due within the next hour, a few hundred subjects a transaction."""

    def __init__(self, database: Database, clock: Clock, plans: Plans) -> None:
        self._database = database
        self._clock = clock
        self._plans = plans

    async def tick(self) -> int:
        """Plan until nothing is due; returns how many touches were planned or skipped."""
        total = 0
        for audience in await self._audiences():
            last: str | None = ""
            while last is not None:
                touches, last = await self._some(audience, last)
                total += touches
        if total:
            loggers.outreach.info("touches planned", touches=total)
        return total

    async def _audiences(self) -> list[Audience]:
        """Who has anything due, cohorts first: contacts of one person make room for posts."""
        until = self._plans.context(self._clock.now()).until
        async with self._database.read() as session:
            any_due = select(JourneyWalk.subject).where(JourneyWalk.next_due < until).limit(1)
            if await session.scalar(any_due) is None:
                return []
            due = set(
                await session.scalars(
                    select(JourneyWalk.audience)
                    .where(
                        JourneyWalk.next_due < until,
                        JourneyWalk.journey.in_(list(self._plans.running)),
                    )
                    .distinct()
                )
            )
        order = (Audience.COHORT, Audience.CUSTOMER, Audience.GROUP)
        return [audience for audience in order if audience in due]

    async def _some(self, audience: Audience, after: str) -> tuple[int, str | None]:
        """Plan the due ones of some subjects; how many touches, and after whom others follow."""
        context = self._plans.context(self._clock.now())
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            walks, more = await self._due(session, audience, context.until, after)
            if not walks:
                return 0, None
            subjects = {one.subject for one in walks}
            ledger = await ledger_of(session, self._plans, context, audience, subjects)
            customers = await people(session, subjects) if audience is Audience.CUSTOMER else {}
            coming = await self._coming(session, audience, subjects, context.until)
            plan = plan_chunk(context, [*walks, *coming], ledger, customers)
            await save_touches(session, plan.touches, context.now)
            await save_walks(session, plan.progress)
        return len(plan.touches), walks[-1].subject if more else None

    async def _due(
        self, session: AsyncSession, audience: Audience, until: datetime, after: str
    ) -> tuple[list[Enrolment], bool]:
        """All that is due of some subjects, and whether there are others."""
        due = (
            select(JourneyWalk)
            .where(
                JourneyWalk.next_due < until,
                JourneyWalk.audience == audience,
                JourneyWalk.subject > after,
                JourneyWalk.journey.in_(list(self._plans.running)),
            )
            .order_by(JourneyWalk.subject, JourneyWalk.journey)
        )
        rows = (await session.scalars(due.limit(_SUBJECTS + 1))).all()
        if more := len(rows) > _SUBJECTS:
            last = rows[-1].subject
            rows = [row for row in rows if row.subject != last] or list(
                await session.scalars(due.where(JourneyWalk.subject == last))
            )
        return [enrolment_of(row) for row in rows], more

    async def _coming(
        self, session: AsyncSession, audience: Audience, subjects: set[str], until: datetime
    ) -> list[Enrolment]:
        """What these subjects have before them so soon that it may claim its place already."""
        budget = self._plans.budget
        rows = await session.scalars(
            select(JourneyWalk).where(
                JourneyWalk.audience == audience,
                JourneyWalk.subject.in_(sorted(subjects)),
                JourneyWalk.next_due >= until,
                JourneyWalk.next_due < until + budget.spread + budget.gap,
                JourneyWalk.journey.in_(list(self._plans.running)),
            )
        )
        return [enrolment_of(row) for row in rows]


async def ledger_of(
    session: AsyncSession,
    plans: Plans,
    context: PlanContext,
    audience: Audience,
    subjects: set[str],
    *,
    cards: bool = True,
) -> Ledger:
    """The ledger of these subjects with everything that counts against their limits.

    Without `cards` it does not know what guides have to do for others.
    """
    calendar = plans.calendar
    since = history_since(context.now, calendar, plans.budget)
    wanted = cards and audience is Audience.CUSTOMER
    cohorts = await cohort_walks(session, plans.journeys, since=since - _longest_posts(plans))
    rows = await history(
        session, audience, subjects, since=since, now=context.now, gap=plans.budget.gap
    )
    return Ledger(
        plans.budget,
        calendar,
        schedule=schedule_of(context, cohorts),
        history=rows,
        cards=await _cards(session, plans, context.now, subjects) if wanted else None,
    )


def _longest_posts(plans: Plans) -> timedelta:
    """How long after its beginning a cohort may still be shown a post."""
    steps = (each for one in plans.journeys.values() for each in one.steps_for(Audience.COHORT))
    return timedelta(days=1 + max((step.timing.offset.days for step in steps), default=0))


async def _cards(
    session: AsyncSession, plans: Plans, now: datetime, subjects: set[str]
) -> dict[tuple[str, date], int]:
    """Other customers' cards of today and tomorrow, by guide; nothing is planned further ahead."""
    found: dict[tuple[str, date], int] = {}
    for ahead in range(2):
        day = plans.calendar.local_day(now) + timedelta(days=ahead)
        since, until = (plans.calendar.at(day + timedelta(days=n), time(0)) for n in (0, 1))
        counted = await cards_of_others(session, subjects, since=since, until=until)
        found |= {(guide, day): number for guide, number in counted.items()}
    return found
