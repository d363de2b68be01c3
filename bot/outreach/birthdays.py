"""Journeys of birthdays: who has one soon, by what their portrait says."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.customers.portrait import Field
from bot.customers.portrait_facts import FactState
from bot.outreach.people import people
from bot.outreach.planning import TURN
from bot.outreach.plans import Plans
from bot.outreach.walks import save_walks, walks_of
from bot.store.contact_tables import Bookmark, PortraitFact
from bot.store.database import Database
from scheduler import (
    Audience,
    Journey,
    Progress,
    birthday_start,
    birthdays_met,
    enrol_birthday,
    next_due,
)

_MARK = "outreach:birthdays"
_VALUE = re.compile(r"(?:\d{4}-)?(\d{2})-(\d{2})")


class BirthdayBook:
    """Takes in whoever has a birthday, once an hour: some tell theirs on the day itself."""

    def __init__(self, database: Database, clock: Clock, plans: Plans) -> None:
        self._database = database
        self._clock = clock
        self._plans = plans

    async def tick(self) -> int:
        """Returns how many journeys were begun."""
        now = self._clock.now()
        today = self._plans.calendar.local_day(now)
        hour = f"{now.astimezone(self._plans.calendar.zone):%Y-%m-%dT%H}"
        met = {
            journey: days
            for journey in self._plans.running.values()
            if (days := birthdays_met(journey, today))
        }
        if not met or await self._is_done(hour):
            return 0
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            begun = 0
            for journey, days in met.items():
                begun += await self._take_in(session, journey, days, today)
            await session.merge(Bookmark(name=_MARK, position=hour, at=now))
        if begun:
            loggers.outreach.info("birthdays come near", customers=begun)
        return begun

    async def _is_done(self, hour: str) -> bool:
        async with self._database.read() as session:
            mark = await session.get(Bookmark, _MARK)
        return mark is not None and mark.position == hour

    async def _take_in(
        self, session: AsyncSession, journey: Journey, days: set[tuple[int, int]], today: date
    ) -> int:
        calendar = self._plans.calendar
        born = await _born_on(session, days)
        ids = [who for who, day in born.items() if birthday_start(journey, day, today)]
        walks = await walks_of(session, Audience.CUSTOMER, ids)
        begun = []
        for who, person in (await people(session, ids)).items():
            current = {one.journey: one for one in walks.get(who, ())}.get(journey.id)
            walk = enrol_birthday(journey, today, person, calendar, current)
            if walk is not None:
                begun.append(Progress(walk, next_due(journey, walk, calendar)))
        await save_walks(session, begun)
        return len(begun)


async def _born_on(
    session: AsyncSession, days: Iterable[tuple[int, int]]
) -> dict[str, tuple[int, int]]:
    """Customers whose likeliest birthday is one of these days; a confirmed one is likeliest."""
    endings = [PortraitFact.value.like(f"%{month:02}-{day:02}") for month, day in sorted(days)]
    known = (PortraitFact.field == Field.BIRTHDAY, PortraitFact.state != FactState.REJECTED)
    candidates = select(PortraitFact.external_userid).where(*known, or_(*endings))
    rows = await session.scalars(
        select(PortraitFact).where(*known, PortraitFact.external_userid.in_(candidates))
    )
    facts: defaultdict[str, list[PortraitFact]] = defaultdict(list)
    for row in rows:
        facts[row.external_userid].append(row)
    likeliest = {who: _day_of(several) for who, several in facts.items()}
    wanted = set(days)
    return {who: day for who, day in likeliest.items() if day in wanted}


def _day_of(facts: Sequence[PortraitFact]) -> tuple[int, int]:
    best = max(
        facts,
        key=lambda one: (one.state == FactState.CONFIRMED, one.confidence, one.last_at),
    )
    match = _VALUE.fullmatch(best.value)
    return (int(match[1]), int(match[2])) if match else (0, 0)
