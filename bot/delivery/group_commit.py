"""Many small writes in one commit: whoever comes while a commit is under way shares the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.database import Database

Item = TypeVar("Item")
Write = Callable[[AsyncSession, Sequence[Item]], Awaitable[None]]


class GroupCommit(Generic[Item]):
    """A disk write costs the same for one as for fifty, and `write` is given all of them at once.

    When a group fails, each of its items gets a transaction of its own, so that a bad one harms
    nobody else. An item may be written again after a cancelled commit, so `write` checks that
    what it settles is still held.
    """

    def __init__(
        self,
        database: Database,
        write: Write[Item],
        *,
        urgent: bool = False,
        most: int = 50,
    ) -> None:
        self._database = database
        self._write = write
        self._urgent = urgent
        self._most = most
        self._turn = asyncio.Lock()
        self._waiting: list[tuple[Item, asyncio.Future[None]]] = []

    async def commit(self, item: Item) -> None:
        """Return once the item is on disk; raises what its own writing raised."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        async with self._turn:
            while not done.done():
                group = self._waiting[: self._most]
                self._waiting = self._waiting[self._most :]
                await self._together(group)
        await done

    async def _together(self, group: list[tuple[Item, asyncio.Future[None]]]) -> None:
        try:
            await self._written([item for item, _ in group])
        except asyncio.CancelledError:
            self._waiting = [*group, *self._waiting]
            raise
        except Exception:  # noqa: BLE001, RUF100  (which of them it was shows one by one)
            for item, done in group:
                await self._alone(item, done)
            return
        for _, done in group:
            if not done.done():
                done.set_result(None)

    async def _alone(self, item: Item, done: asyncio.Future[None]) -> None:
        try:
            await self._written([item])
        except Exception as error:  # noqa: BLE001, RUF100  (it is handed to whoever waits)
            if not done.done():
                done.set_exception(error)
        else:
            if not done.done():
                done.set_result(None)

    async def _written(self, items: Sequence[Item]) -> None:
        async with self._database.write(urgent=self._urgent) as session:
            await self._write(session, items)
