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
from bot.outreach.dates import missed_days
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
        """Returns how many journeys were begun; days of a stop are made up for."""
        now = self._clock.now()
        local = now.astimezone(self._plans.calendar.zone)
        hour, last = f"{local:%Y-%m-%dT%H}", await self._last()
        met = [
            (journey, day, birthdays)
            for day in missed_days(last.partition("T")[0], local.date())
            for journey in self._plans.running.values()
            if (birthdays := birthdays_met(journey, day))
        ]
        if not met or last == hour:
            return 0
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            begun = 0
            for journey, day, birthdays in met:
                begun += await self._take_in(session, journey, birthdays, day)
            await session.merge(Bookmark(name=_MARK, position=hour, at=now))
        if begun:
            loggers.outreach.info("birthdays come near", customers=begun)
        return begun

    async def _last(self) -> str:
        """The hour in which somebody looked last, by the shop's wall clock."""
        async with self._database.read() as session:
            mark = await session.get(Bookmark, _MARK)
        return mark.position if mark else ""

    async def _take_in(
        self, session: AsyncSession, journey: Journey, birthdays: set[tuple[int, int]], day: date
    ) -> int:
        calendar = self._plans.calendar
        born = await _born_on(session, birthdays)
        ids = [who for who, birthday in born.items() if birthday_start(journey, birthday, day)]
        walks = await walks_of(session, Audience.CUSTOMER, ids)
        begun = []
        for who, person in (await people(session, ids)).items():
            current = {one.journey: one for one in walks.get(who, ())}.get(journey.id)
            walk = enrol_birthday(journey, day, person, calendar, current)
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
