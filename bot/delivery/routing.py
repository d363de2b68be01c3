"""Stored callbacks on their way to the rooms that act on them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.store.claims import settle
from bot.store.database import Database
from bot.store.tables import InboxEvent, WorkState
from bot.wecom.events import InboundEvent, typed_event

Effect = Callable[[AsyncSession], Awaitable[None]]
Handler = Callable[[InboundEvent], Awaitable[Effect]]


class EventRouter:
    """Knows which room handles which event.

    A handler first asks the platform whatever it needs and then returns its effect, which runs
    in the transaction that settles the event: it happens once, or not at all.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._handlers: dict[tuple[str, str], Handler] = {}

    def on(self, event: str, handler: Handler, *, change_type: str = "") -> None:
        """Let `handler` act on `event`, or only on one `change_type` of it."""
        self._handlers[event, change_type] = handler

    @property
    def events(self) -> frozenset[str]:
        """The events that somebody handles; the others are only recorded."""
        return frozenset(event for event, _ in self._handlers)

    async def handle(self, row: InboxEvent) -> None:
        """Act on one stored event and settle it."""
        event = typed_event(row.fields)
        handler = self._handlers.get((row.event, row.change_type)) or self._handlers.get(
            (row.event, "")
        )
        effect = await handler(event) if handler else None
        async with self._database.write() as session:
            if not await settle(session, row, now=self._clock.now(), state=WorkState.DONE):
                return
            if effect:
                await effect(session)
