"""Many small effects in one commit: whoever comes while a commit is under way shares the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.database import Database

Effect = Callable[[AsyncSession], Awaitable[None]]
Waiting = tuple[Effect, asyncio.Future[None]]


class GroupCommit:
    """A disk write costs the same for one effect as for fifty.

    When a group fails, each of its effects gets a transaction of its own, so that one bad effect
    harms nobody else. An effect may run again after a cancelled commit, so it checks that it still
    holds what it settles.
    """

    def __init__(self, database: Database, *, urgent: bool = False, most: int = 50) -> None:
        self._database = database
        self._urgent = urgent
        self._most = most
        self._turn = asyncio.Lock()
        self._waiting: list[Waiting] = []

    async def commit(self, effect: Effect) -> None:
        """Return once the effect is on disk; raises what the effect itself raised."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((effect, done))
        async with self._turn:
            while not done.done():
                group = self._waiting[: self._most]
                self._waiting = self._waiting[self._most :]
                await self._together(group)
        await done

    async def _together(self, group: list[Waiting]) -> None:
        try:
            await self._write(group)
        except asyncio.CancelledError:
            self._waiting = [*group, *self._waiting]
            raise
        except Exception:  # noqa: BLE001, RUF100  (which of them it was shows one by one)
            for one in group:
                await self._alone(one)
            return
        for _, done in group:
            if not done.done():
                done.set_result(None)

    async def _alone(self, one: Waiting) -> None:
        _, done = one
        try:
            await self._write([one])
        except Exception as error:  # noqa: BLE001, RUF100  (it is handed to whoever waits)
            if not done.done():
                done.set_exception(error)
        else:
            if not done.done():
                done.set_result(None)

    async def _write(self, group: list[Waiting]) -> None:
        async with self._database.write(urgent=self._urgent) as session:
            for effect, _ in group:
                await effect(session)
