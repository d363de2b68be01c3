"""Slowing down whoever guesses passwords, counted in the database for all replicas together."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.errors import TooManyRequests
from bot.store.database import Database
from bot.store.tables import ConsoleThrottle
from bot.store.upsert import insert_new

FREE_FAILURES = 5
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)


class Throttle:
    """Counts failures by key (an address, a user); after five each costs a growing wait."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def attempt(self, keys: Sequence[str]) -> None:
        """Count an attempt as failed until `forgive` says otherwise.

        Raises `TooManyRequests`, with `wait_seconds` among its details, while a key must wait.
        """
        now = self._clock.now()
        async with self._database.write() as session:
            tallies = await _tallies(session, keys, now)
            longest = max(_open_again(one) for one in tallies) - now
            if longest <= timedelta(0):
                for one in tallies:
                    one.failures, one.last_at = one.failures + 1, now
        if longest > timedelta(0):
            raise TooManyRequests(wait_seconds=int(longest.total_seconds()) + 1)

    async def forgive(self, keys: Sequence[str]) -> None:
        """The attempt was good: start counting anew."""
        async with self._database.write() as session:
            await session.execute(
                delete(ConsoleThrottle).where(ConsoleThrottle.key.in_(map(_digest, keys)))
            )


async def _tallies(
    session: AsyncSession, keys: Sequence[str], now: datetime
) -> Sequence[ConsoleThrottle]:
    """The rows of these keys, made where they are missing, held until the end."""
    await session.execute(
        delete(ConsoleThrottle).where(ConsoleThrottle.last_at < now - FORGOTTEN_AFTER)
    )
    digests = sorted({_digest(key) for key in keys})
    await insert_new(
        session,
        ConsoleThrottle,
        [{"key": key, "failures": 0, "last_at": now} for key in digests],
        unique=["key"],
        returning=ConsoleThrottle.key,
    )
    return (
        await session.scalars(
            select(ConsoleThrottle)
            .where(ConsoleThrottle.key.in_(digests))
            .order_by(ConsoleThrottle.key)
            .with_for_update()
        )
    ).all()


def _open_again(tally: ConsoleThrottle) -> datetime:
    over = tally.failures - FREE_FAILURES
    if over < 0:
        return tally.last_at
    doubled: int = 2 ** min(over, 10)
    return tally.last_at + min(FIRST_WAIT * doubled, LONGEST_WAIT)


def _digest(key: str) -> str:
    """Neither addresses nor what was typed as a name need to be kept."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()
