"""Steps that a limit keeps waiting: they become touches once there is room for them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.outreach.people import people
from bot.outreach.plans import Plans
from bot.outreach.touch_rows import touch_rows
from bot.outreach.walks import walks_of
from bot.store.outreach_tables import TouchRow
from scheduler import Audience, put_off_step


async def put_off(session: AsyncSession, plans: Plans, who: str, now: datetime) -> list[TouchRow]:
    """One row for each of this customer's steps that waits, as it will be; none is stored."""
    walks = (await walks_of(session, Audience.CUSTOMER, [who], active=True)).get(who, ())
    running = [one for one in walks if one.journey in plans.running]
    person = (await people(session, [who])).get(who) if running else None
    if person is None:
        return []
    context = plans.context(now)
    waiting = [put_off_step(context, one, person) for one in running]
    return touch_rows([touch for touch in waiting if touch is not None], now)
