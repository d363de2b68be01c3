"""What the planner would do in the days to come, worked out without writing anything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outreach.people import people
from bot.outreach.planning import ledger_of
from bot.outreach.plans import HORIZON, Plans
from bot.outreach.walks import enrolment_of
from bot.store.outreach_tables import JourneyWalk
from scheduler import Audience, Customer, Enrolment, Ledger, PlanContext, Touch, plan_chunk

MOST_WALKS = 2_000
_ORDER = (Audience.COHORT, Audience.CUSTOMER, Audience.GROUP)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Touches from `since` on as they would be planned if nobody did anything meanwhile.

    `whole` is false when more people are under way than were looked at.
    """

    since: datetime
    touches: tuple[Touch, ...]
    whole: bool


async def forecast(
    session: AsyncSession,
    plans: Plans,
    now: datetime,
    until: datetime,
    *,
    journey: str | None = None,
) -> Forecast:
    """All journeys are worked out together, as they make room for each other; one is shown."""
    since = now + HORIZON
    rows = (
        await session.scalars(
            select(JourneyWalk)
            .where(JourneyWalk.next_due < until, JourneyWalk.journey.in_(list(plans.running)))
            .order_by(JourneyWalk.next_due, JourneyWalk.subject)
            .limit(MOST_WALKS + 1)
        )
    ).all()
    walks = [enrolment_of(row) for row in rows[:MOST_WALKS]]
    touches: list[Touch] = []
    for audience in _ORDER:
        mine = [one for one in walks if one.audience is audience]
        if not mine:
            continue
        subjects = {one.subject for one in mine}
        ledger = await ledger_of(session, plans, plans.context(now), audience, subjects)
        known = await people(session, subjects) if audience is Audience.CUSTOMER else {}
        touches += await asyncio.to_thread(_days, plans, mine, ledger, known, now, until)
    shown = [one for one in touches if journey is None or one.journey == journey]
    return Forecast(since, tuple(shown), len(rows) <= MOST_WALKS)


def _days(
    plans: Plans,
    walks: Iterable[Enrolment],
    ledger: Ledger,
    known: dict[str, Customer],
    now: datetime,
    until: datetime,
) -> list[Touch]:
    """Day after day as the service would, so that what is put off comes back."""
    touches: list[Touch] = []
    running, at = list(walks), now
    while at < until and running:
        day = plans.calendar.local_day(at) + timedelta(days=1)
        end = min(plans.calendar.at(day, time(0)), until)
        context = PlanContext(plans.journeys, plans.calendar, at, end)
        done = plan_chunk(context, running, ledger, known)
        touches += done.touches
        running = [one.enrolment for one in done.progress if one.next_due is not None]
        at = end
    return touches
