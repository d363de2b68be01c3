"""Callbacks made durable before WeCom hears "success"; a flood is committed in groups."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.errors import StoreError
from bot.store.database import Database
from bot.store.tables import InboxEvent, WorkState
from bot.store.upsert import insert_new
from bot.wecom.events import InboundEvent

Arrival = Callable[[AsyncSession, Sequence[InboundEvent]], Awaitable[None]]
_GROUP = 200


class Inbox:
    """Stores each event once.

    `handled` names the events that a worker must act on; the others are only recorded.
    `on_arrival` runs inside the storing transaction, `on_stored` after its commit.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        handled: Collection[str] = (),
        on_arrival: Arrival | None = None,
        on_stored: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._handled = frozenset(handled)
        self._on_arrival = on_arrival
        self._on_stored = on_stored
        self._waiting: asyncio.Queue[tuple[InboundEvent, asyncio.Future[None]]] = asyncio.Queue()

    async def put(self, event: InboundEvent) -> None:
        """Return once the event is on disk; raises `StoreError` when it cannot be."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((event, stored))
        await stored

    async def run(self) -> None:
        """Commit whatever has gathered since the last commit, for ever."""
        while True:
            group = [await self._waiting.get()]
            while len(group) < _GROUP and not self._waiting.empty():
                group.append(self._waiting.get_nowait())
            await self._commit(group)

    async def _commit(self, group: list[tuple[InboundEvent, asyncio.Future[None]]]) -> None:
        failure: StoreError | None = None
        try:
            await self._store([event for event, _ in group])
        except Exception as error:  # noqa: BLE001, RUF100  (whoever waits must hear of it)
            loggers.delivery.error("callbacks were not stored", exc_info=error, count=len(group))
            failure = StoreError("events could not be stored")
        for _, stored in group:
            if stored.cancelled():
                continue
            if failure is None:
                stored.set_result(None)
            else:
                stored.set_exception(failure)
        if failure is None:
            self._on_stored()

    async def _store(self, events: Sequence[InboundEvent]) -> None:
        rows = {event.dedupe_key: self._row(event) for event in events}
        async with self._database.write(urgent=True) as session:
            await insert_new(
                session,
                InboxEvent,
                list(rows.values()),
                unique=["dedupe_key"],
                returning=InboxEvent.id,
            )
            if self._on_arrival:
                await self._on_arrival(session, events)

    def _row(self, event: InboundEvent) -> dict[str, Any]:
        now = self._clock.now()
        handled = event.event in self._handled
        return {
            "dedupe_key": event.dedupe_key,
            "event": event.event[:64],
            "change_type": event.change_type[:64],
            "fields": dict(event.fields),
            "received_at": now,
            "lane": event.lane,
            "state": WorkState.READY if handled else WorkState.DONE,
            "due_at": now,
            "attempts": 0,
            "finished_at": None if handled else now,
        }
