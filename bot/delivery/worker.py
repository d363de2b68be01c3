"""A worker claims due rows, handles them side by side and gives back what failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Generic

from sqlalchemy.exc import SQLAlchemyError

from bot import loggers
from bot.clock import Clock, as_real, patient
from bot.delivery.backoff import Backoff
from bot.delivery.precedence import Precedence
from bot.errors import BotError, RetryLater
from bot.store.claims import WorkRow, claim, next_due, postpone, settle
from bot.store.database import Database
from bot.store.tables import WorkState

_LEASE = timedelta(seconds=60)
_BOUND = 45.0
_SHORTEST = 0.02
_LEAST_PAUSE = timedelta(seconds=0.5)
_USUAL = Backoff()


class Worker(Generic[WorkRow]):
    """Handles one table's rows: in order within a lane, lanes side by side.

    `handle` settles its row itself, in the transaction that holds its effects. What it raises
    puts the row off (`RetryLater` says for how long) until the row's backoff is exhausted; then
    it is dead and waits for a person. Nothing new is begun while something urgent is under way
    that this lane stands `behind`.
    """

    def __init__(
        self,
        database: Database,
        table: type[WorkRow],
        handle: Callable[[WorkRow], Awaitable[None]],
        *,
        name: str,
        clock: Clock,
        backoff: Callable[[WorkRow], Backoff] = lambda _: _USUAL,
        concurrency: int = 8,
        poll_seconds: float = 1.0,
        urgent: bool = False,
        behind: Precedence | None = None,
        on_settled: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._table: type[WorkRow] = table
        self._handle: Callable[[WorkRow], Awaitable[None]] = handle
        self._name = name
        self._clock = clock
        self._backoff: Callable[[WorkRow], Backoff] = backoff
        self._concurrency = concurrency
        self._poll = poll_seconds
        self._urgent = urgent
        self._behind = behind
        self._on_settled = on_settled
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def nudge(self) -> None:
        """There may be new work: look now instead of at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; what is under way is then given a moment to finish."""
        try:
            while True:
                self._wake.clear()
                if self._behind:
                    await self._behind.give_way()
                if not await self._start_some():
                    await self._sleep()
        finally:
            await self._drain()

    async def _start_some(self) -> bool:
        free = self._concurrency - len(self._running)
        if free <= 0:
            return False
        try:
            rows = await self._claim(free)
        except (SQLAlchemyError, OSError) as error:
            loggers.delivery.error("work could not be claimed", exc_info=error)
            return False
        for row in rows:
            task = asyncio.create_task(self._attempt(row))
            self._running.add(task)
            task.add_done_callback(self._finished)
        return bool(rows)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()
        self._on_settled()

    async def _claim(self, limit: int) -> Sequence[WorkRow]:
        now = self._clock.now()
        async with self._database.write(urgent=self._urgent) as session:
            return await claim(
                session,
                self._table,
                by=self._name,
                now=now,
                lease=as_real(self._clock, _LEASE),
                limit=limit,
            )

    async def _sleep(self) -> None:
        """Until nudged, or until there is something to claim: looking costs less than claiming."""
        busy = len(self._running) >= self._concurrency
        until_due = None if busy else await self._until_due()
        while not await self._woken(min(until_due or self._poll, self._poll)):
            if busy or (until_due is not None and until_due <= self._poll):
                return
            until_due = await self._until_due()

    async def _woken(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def _until_due(self) -> float | None:
        """Seconds until the next row can be claimed; None when there is none."""
        try:
            async with self._database.glance() as session:
                due = await next_due(session, self._table)
        except (SQLAlchemyError, OSError):
            return self._poll
        if due is None:
            return None
        wait = (due - self._clock.now()) / as_real(self._clock, timedelta(seconds=1))
        return max(wait, _SHORTEST)

    async def _attempt(self, row: WorkRow) -> None:
        try:
            async with asyncio.timeout(_BOUND):
                await self._handle(row)
        except RetryLater as error:
            await self._put_off(row, error, wait=error.wait_seconds)
        except Exception as error:  # noqa: BLE001, RUF100  (one bad row must not stop the others)
            await self._put_off(row, error, wait=None)

    async def _put_off(self, row: WorkRow, error: Exception, *, wait: float | None) -> None:
        message = error.message if isinstance(error, BotError) else type(error).__name__
        loggers.delivery.warning(
            "work was put off",
            table=self._table.__tablename__,
            row=row.id,
            attempt=row.attempts,
            exc_info=error,
        )
        now, backoff = self._clock.now(), self._backoff(row)
        try:
            async with self._database.write() as session:
                if backoff.exhausted(row.attempts):
                    await settle(session, row, now=now, state=WorkState.DEAD, error=message)
                    return
                pause = backoff.wait(row.attempts)
                if wait is not None:
                    pause = max(timedelta(seconds=wait), timedelta(0))
                least = _LEAST_PAUSE * row.attempts
                until = now + patient(self._clock, pause, least=least)
                await postpone(session, row, until=until, error=message)
        except (SQLAlchemyError, OSError) as failure:
            loggers.delivery.error("the lease will have to run out", exc_info=failure)

    async def _drain(self) -> None:
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=5)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
