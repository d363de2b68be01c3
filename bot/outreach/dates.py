"""Journeys of the calendar: member day, wave campaigns, the week of a group."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.outreach.cohorts import CohortBook
from bot.outreach.people import people
from bot.outreach.planning import TURN
from bot.outreach.plans import Plans
from bot.outreach.walks import save_walks, walks_of
from bot.store.contact_tables import Bookmark
from bot.store.database import Database
from bot.store.group_tables import CustomerGroup, GroupState
from bot.store.tables import Customer
from scheduler import (
    Audience,
    Journey,
    Progress,
    enrol_group,
    enrol_on,
    next_due,
    starting_on,
)

_PAGE = 500
_DONE = "~"
_MARK = "outreach:dates"
_WEEK = 7


def missed_days(last: str, today: date) -> list[date]:
    """Today, and the days of the last week after `last` (ISO), on which the service stood still.

    What began longer ago is over for the most part; a first start knows of no day before it.
    """
    seen = date.fromisoformat(last) if last else today
    behind = min((today - seen).days - 1, _WEEK)
    return [today - timedelta(days=ago) for ago in range(max(behind, 0), -1, -1)]


class DateBook:
    """Takes everybody in on the day on which a journey of the calendar begins.

    How far a day has come is kept in a bookmark, so a crash or another replica goes on there.
    """

    def __init__(
        self, database: Database, clock: Clock, plans: Plans, cohorts: CohortBook
    ) -> None:
        self._database = database
        self._clock = clock
        self._plans = plans
        self._cohorts = cohorts

    async def tick(self) -> None:
        """Take in whoever is missing for today, and for days on which nobody looked."""
        today = self._plans.calendar.local_day(self._clock.now())
        last = await self._last()
        for day in missed_days(last, today):
            for journey in starting_on(self._plans.running.values(), day):
                while await self._page(journey, day, today):
                    pass
        if last != today.isoformat():
            async with self._database.write() as session:
                await self._database.alone(session, TURN)
                mark = Bookmark(name=_MARK, position=today.isoformat(), at=self._clock.now())
                await session.merge(mark)

    async def _last(self) -> str:
        async with self._database.read() as session:
            mark = await session.get(Bookmark, _MARK)
        return mark.position if mark else ""

    async def _page(self, journey: Journey, day: date, today: date) -> bool:
        """One page of customers, or at last the groups and cohorts; False once all is done.

        Another replica may have come to a later day meanwhile.
        """
        name = f"outreach:date:{journey.id}"[:64]
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            mark = await session.get(Bookmark, name)
            marked, _, after = (mark.position if mark else "").partition("|")
            is_this = marked == day.isoformat()
            if (is_this and after == _DONE) or day.isoformat() < marked <= today.isoformat():
                return False
            ids = await self._customers(session, after if is_this else "")
            await self._take_in(session, journey, day, ids)
            if len(ids) < _PAGE:
                await self._take_in_groups(session, journey, day)
                await self._cohorts.begin_standing(session, journey, day)
                loggers.outreach.info("a journey of the calendar begins", journey=journey.id)
            last = ids[-1] if len(ids) == _PAGE else _DONE
            await session.merge(
                Bookmark(name=name, position=f"{day.isoformat()}|{last}", at=self._clock.now())
            )
        return last != _DONE

    async def _customers(self, session: AsyncSession, after: str) -> list[str]:
        rows = await session.scalars(
            select(Customer.external_userid)
            .where(Customer.external_userid > after, Customer.opted_out_at.is_(None))
            .order_by(Customer.external_userid)
            .limit(_PAGE)
        )
        return list(rows)

    async def _take_in(
        self, session: AsyncSession, journey: Journey, day: date, ids: list[str]
    ) -> None:
        calendar, now = self._plans.calendar, self._clock.now()
        walks = await walks_of(session, Audience.CUSTOMER, ids)
        begun = []
        for who, person in (await people(session, ids)).items():
            current = {one.journey: one for one in walks.get(who, ())}
            walk = enrol_on(journey, day, person, calendar, current.get(journey.id))
            if walk is not None:
                begun.append(Progress(walk, next_due(journey, walk, calendar)))
            if journey.steps_for(Audience.COHORT):
                await self._cohorts.renew(session, journey, person, now=now)
        await save_walks(session, begun)

    async def _take_in_groups(self, session: AsyncSession, journey: Journey, day: date) -> None:
        if not journey.steps_for(Audience.GROUP):
            return
        calendar = self._plans.calendar
        groups = await session.execute(
            select(CustomerGroup.chat_id, CustomerGroup.owner, CustomerGroup.segment).where(
                CustomerGroup.state == GroupState.ACTIVE, CustomerGroup.owner != ""
            )
        )
        names = {segment.name for segment in journey.segments}
        begun = []
        for chat_id, owner, segment in groups:
            own = segment if segment in names else None
            walk = enrol_group(journey, day, chat_id, owner, calendar, own)
            if walk is not None:
                begun.append(Progress(walk, next_due(journey, walk, calendar)))
        await save_walks(session, begun)
