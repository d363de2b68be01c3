"""A last look at one promised message or card: a crash may lie between promise and call."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock, as_real
from bot.delivery.backoff import Backoff
from bot.outreach.last_look import closed_until, resting_until
from bot.outreach.plans import Plans
from bot.outreach.walks import walks_of
from bot.store.channel_tables import GuideNotice
from bot.store.claims import postpone, settle
from bot.store.database import Database
from bot.store.outreach_tables import TouchRow, TouchState
from bot.store.tables import Customer, Outbound, WorkState
from scheduler import Audience, Rule

Promised = TypeVar("Promised", Outbound, GuideNotice)
CARD = "outreach"
TOUCH = "touch"
_TRANSIT, _TRANSIT_REAL = timedelta(hours=1), timedelta(minutes=1)
"""What was promised in the last minute of its time may wait so long in a queue."""
_TRIED = timedelta(days=1)
UNTIL_TOO_LATE = Backoff(attempts=1_000_000)
"""What outreach promised is tried until its time is over, however long WeCom is out of order."""


class Gate:
    """Lets a send of outreach pass, puts it off to the step's hours, or ends it.

    What others send passes without a look.
    """

    def __init__(self, database: Database, clock: Clock, plans: Plans) -> None:
        self._database = database
        self._clock = clock
        self._plans = plans

    async def passes(self, row: Promised) -> bool:
        """Whether to make the call now; if not, the row has been dealt with."""
        if not _is_ours(row):
            return True
        now = self._clock.now()
        async with self._database.read() as session:
            touch = await _touch_of(session, row)
            left = await self._left(session, touch) if touch is not None else None
        if touch is None:
            return True
        if left is not None:
            await self._end(row, touch, left)
            return False
        latest = touch.due_at + self._late(touch)
        until = resting_until(self._plans, touch, now) or closed_until(
            self._plans, touch, now, now
        )
        if until is None and now <= latest + self._slack(row):
            return True
        if until is None or until > latest:
            await self._end(row, touch, Rule.TOO_LATE)
        else:
            await self._put_off(row, until)
        return False

    async def _left(self, session: AsyncSession, touch: TouchRow) -> Rule | None:
        """Why the customer wants it no longer."""
        customer = await session.get(Customer, touch.subject)
        if customer is not None and customer.opted_out_at is not None:
            return Rule.OPTED_OUT
        walks = await walks_of(session, Audience.CUSTOMER, [touch.subject])
        mine = (one for one in walks.get(touch.subject, ()) if one.journey == touch.journey)
        ended = next((one.ended_by for one in mine), None)
        return ended if ended not in (None, Rule.FINISHED) else None

    async def _end(self, row: Promised, touch: TouchRow, rule: Rule) -> None:
        now = self._clock.now()
        async with self._database.write() as session:
            if await settle(session, row, now=now, state=WorkState.FAILED, error=rule.zh):
                known = await session.get_one(TouchRow, touch.id, with_for_update=True)
                known.status, known.rule = TouchState.CANCELLED, rule
                known.explanation = rule.zh

    async def _put_off(self, row: Promised, until: datetime) -> None:
        """A look is no try: what was never tried may still be said in other words."""
        table: type[Outbound] | type[GuideNotice] = type(row)
        async with self._database.write() as session:
            await session.execute(
                update(table)
                .where(table.id == row.id, table.leased_by == row.leased_by)
                .values(attempts=row.attempts - 1)
                .execution_options(synchronize_session=False)
            )
            await postpone(session, row, until=until, error="不在可以发送的时段，等下一个时段")

    def _slack(self, row: Promised) -> timedelta:
        """What was tried may have arrived, so it is tried to the end; the call tells."""
        return _TRIED if row.attempts > 1 else max(_TRANSIT, as_real(self._clock, _TRANSIT_REAL))

    def _late(self, touch: TouchRow) -> timedelta:
        journey = self._plans.journeys.get(touch.journey)
        step = journey.step(touch.step) if journey else None
        return step.late if step else timedelta(0)


def patience(row: Outbound | GuideNotice) -> Backoff:
    """How long a row is tried: the gate ends what is of outreach, its tries the rest."""
    return UNTIL_TOO_LATE if _is_ours(row) else Backoff()


def _is_ours(row: Outbound | GuideNotice) -> bool:
    if isinstance(row, Outbound):
        return TOUCH in row.payload
    return row.kind == CARD


async def _touch_of(session: AsyncSession, row: Outbound | GuideNotice) -> TouchRow | None:
    if isinstance(row, Outbound):
        return await session.get(TouchRow, str(row.payload[TOUCH]))
    return await session.scalar(
        select(TouchRow).where(
            TouchRow.external_userid == row.external_userid, TouchRow.receipt == row.key
        )
    )
