"""Loops that do rounds: on at once while there is more, else when nudged or after a pause."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from typing import Generic, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from bot import loggers
from bot.clock import Clock
from bot.store.database import Database
from bot.store.tables import ReadWish

_LEASE = timedelta(seconds=60)


class Rounds(ABC):
    """One loop; a round that fails is told in the log and tried again after the pause."""

    poll_seconds = 5.0

    def __init__(self) -> None:
        self._wake = asyncio.Event()

    def nudge(self) -> None:
        """There is something to do."""
        self._wake.set()

    async def run(self) -> None:
        """Do rounds until cancelled."""
        while True:
            self._wake.clear()
            try:
                if await self.round():
                    continue
            except (SQLAlchemyError, OSError) as error:
                loggers.delivery.error(
                    "a round failed", rounds=type(self).__name__, exc_info=error
                )
            try:
                async with asyncio.timeout(self.poll_seconds):
                    await self._wake.wait()
            except TimeoutError:
                continue

    @abstractmethod
    async def round(self) -> bool:
        """Do what is due; true when more may be due at once."""


Row = TypeVar("Row", bound=ReadWish)


class DueReads(Rounds, Generic[Row]):
    """Reads what rows ask for, a few side by side, each leased so that replicas share the work."""

    table: type[Row]
    batch = 20

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__()
        self._database = database
        self._clock = clock

    async def round(self) -> bool:
        """Read a few that are due; False when none is."""
        due = await self._claim()
        await asyncio.gather(*(self._read(row) for row in due))
        return bool(due)

    async def _claim(self) -> Sequence[Row]:
        now, table = self._clock.now(), self.table
        due = select(table).where(table.due_at <= now).order_by(table.due_at).limit(self.batch)
        async with self._database.glance() as session:
            if not (await session.scalars(due.limit(1))).first():
                return ()
        async with self._database.write() as session:
            rows = (await session.scalars(due.with_for_update(skip_locked=True))).all()
            for row in rows:
                row.due_at = now + _LEASE
                row.attempts += 1
            return rows

    @abstractmethod
    async def _read(self, row: Row) -> None:
        """Read what one row asks for, and settle the row."""
