"""How many calls about open tasks go out side by side: below WeCom's limits, shared fairly."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from enum import IntEnum
from typing import Any

from bot.errors import RetryLater
from bot.wecom.errcodes import CONCURRENCY_LIMIT, FREQUENCY_LIMIT


class Turn(IntEnum):
    """Who goes first: a person who waits for it, then another task, then one more guide of a
    post, so that a post of a thousand guides holds up nobody."""

    PERSON = 0
    TASK = 1
    GUIDE = 2


_COMPLAINTS = frozenset({FREQUENCY_LIMIT, CONCURRENCY_LIMIT})
_LEAST = 2


class CallRoom:
    """Has a place for each call that may be under way; whoever holds one makes one at a time.

    Half of the places close when WeCom says that we call too much, and open again one by one.
    """

    def __init__(self, most: int) -> None:
        self.most = self._wide = most
        self._taken = 0
        self._complained = False
        self._queues: dict[Turn, deque[asyncio.Future[None]]] = {turn: deque() for turn in Turn}

    @property
    def wide(self) -> int:
        """How many places there are now."""
        return self._wide

    @asynccontextmanager
    async def place(self, turn: Turn) -> AsyncIterator[None]:
        """A place for as long as the block runs, waited for in turn."""
        await self._enter(turn)
        try:
            yield
        finally:
            self._leave()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Others have the caller's place while the block runs; then it is first in turn."""
        self._leave()
        try:
            yield
        finally:
            try:
                await self._enter(Turn.PERSON)
            except BaseException:
                self._taken += 1  # its holder gives it back
                raise

    def heed(self, error: RetryLater) -> None:
        """Close places if WeCom said that there are too many calls."""
        if error.errcode in _COMPLAINTS:
            self._complained = True
            self._wide = max(self._wide // 2, min(_LEAST, self.most))

    def look_up(self) -> None:
        """Open a place that was closed, unless WeCom has complained since the last time."""
        if not self._complained and self._wide < self.most:
            self._wide += 1
            self._admit()
        self._complained = False

    async def _enter(self, turn: Turn) -> None:
        if self._taken < self._wide:
            self._taken += 1
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues[turn].append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        self._taken -= 1
        self._admit()

    def _admit(self) -> None:
        for queue in self._queues.values():
            while queue and self._taken < self._wide:
                waiting = queue.popleft()
                if not waiting.done():
                    self._taken += 1
                    waiting.set_result(None)


async def let_go(calls: Iterable[asyncio.Task[Any]]) -> None:
    """Stop what is still under way, and wait until it holds neither place nor connection."""
    under_way = list(calls)
    for one in under_way:
        one.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)
