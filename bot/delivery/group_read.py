"""Many small readings in one: whoever comes while one is under way shares the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.database import Database

Asked = TypeVar("Asked")
Found = TypeVar("Found")
Read = Callable[[AsyncSession, Sequence[Asked]], Awaitable[Sequence[Found]]]


class GroupRead(Generic[Asked, Found]):
    """A crowd costs as many queries as one: `read` answers for all that it is given, in order."""

    def __init__(self, database: Database, read: Read[Asked, Found], *, most: int = 200) -> None:
        self._database = database
        self._read = read
        self._most = most
        self._turn = asyncio.Lock()
        self._waiting: list[tuple[Asked, asyncio.Future[Found]]] = []

    async def get(self, asked: Asked) -> Found:
        """The answer for one; raises what the reading raised."""
        answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        async with self._turn:
            while not answer.done():
                group = self._waiting[: self._most]
                self._waiting = self._waiting[self._most :]
                await self._together(group)
        return await answer

    async def _together(self, group: list[tuple[Asked, asyncio.Future[Found]]]) -> None:
        try:
            async with self._database.read(urgent=True) as session:
                found = await self._read(session, [asked for asked, _ in group])
        except asyncio.CancelledError:
            self._waiting = [*group, *self._waiting]
            raise
        except Exception as error:  # noqa: BLE001, RUF100  (it is handed to whoever waits)
            for _, answer in group:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), one in zip(group, found, strict=True):
            if not answer.done():
                answer.set_result(one)
