"""Moments tasks keep WeCom's pace: every call counts, answered or not, by all replicas."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock, as_real
from bot.store.contact_tables import Bookmark
from bot.store.database import Database

_LOCK = "outreach moments"
_MINUTE = timedelta(minutes=1)
_LATE, _LATE_REAL = timedelta(seconds=5), timedelta(seconds=1.5)
"""One call may take so much longer to arrive than the next: a minute here is that much more."""


async def take_turn(
    session: AsyncSession, database: Database, clock: Clock, *, calls_a_minute: int
) -> datetime | None:
    """Take one of a minute's calls in the caller's transaction; else when there will be one."""
    await database.alone(session, _LOCK)
    now = clock.now()
    names = [f"outreach:moment:{number}" for number in range(calls_a_minute)]
    rows = await session.scalars(select(Bookmark).where(Bookmark.name.in_(names)))
    taken = {row.name: row for row in rows}
    for row in taken.values():
        row.at = min(row.at, now)
    if free := [name for name in names if name not in taken]:
        session.add(Bookmark(name=free[0], position="", at=now))
        return None
    oldest = min(taken.values(), key=lambda row: row.at)
    until = oldest.at + _MINUTE + max(_LATE, as_real(clock, _LATE_REAL))
    if until > now:
        return until
    oldest.at = now
    return None
