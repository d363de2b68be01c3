"""The loop that keeps groups right: digests told, codes turned, owners asked."""

from __future__ import annotations

import asyncio

from sqlalchemy.exc import SQLAlchemyError

from bot import loggers
from bot.groups.codes import GroupCodes
from bot.groups.digests import Digester
from bot.groups.drift import GreetingTasks


class GroupKeeper:
    """Tends all of it every few seconds and whenever a group was read."""

    def __init__(self, digester: Digester, codes: GroupCodes, tasks: GreetingTasks) -> None:
        self._digester = digester
        self._codes = codes
        self._tasks = tasks
        self._wake = asyncio.Event()

    def nudge(self) -> None:
        self._wake.set()

    async def tend(self) -> None:
        await self._digester.tend()
        await self._codes.tend()
        await self._tasks.tend()

    async def run(self, *, poll_seconds: float = 5.0) -> None:
        """Tend until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self.tend()
            except (SQLAlchemyError, OSError) as error:
                loggers.groups.error("groups could not be tended", exc_info=error)
            try:
                async with asyncio.timeout(poll_seconds):
                    await self._wake.wait()
            except TimeoutError:
                continue
