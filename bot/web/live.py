"""Telling open pages that something changed, in this process or in another replica."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from sqlalchemy import func, select

from bot.store.database import Database
from bot.store.tables import Outbound, Suggestion, SuggestionStatus, WorkState

_POLL_SECONDS = 2.0
_ENDED = (WorkState.DONE, WorkState.FAILED, WorkState.DEAD)
_MARKS = select(
    select(func.max(Suggestion.id)).scalar_subquery(),
    select(func.count()).where(Suggestion.status == SuggestionStatus.PENDING).scalar_subquery(),
    select(func.max(Outbound.id)).scalar_subquery(),
    *(
        select(func.max(Outbound.finished_at)).where(Outbound.state == state).scalar_subquery()
        for state in _ENDED
    ),
)
"""Each is read off the end of an index, however many rows there are."""


class Hub:
    """Wakes every listener when suggestions or sends changed."""

    def __init__(self, database: Database, *, poll_seconds: float = _POLL_SECONDS) -> None:
        self._database = database
        self._poll = poll_seconds
        self._listeners: set[asyncio.Event] = set()
        self._seen: tuple[object, ...] = ()
        self._closed = False

    def publish(self, *_: object) -> None:
        """Something changed in this process."""
        for listener in self._listeners:
            listener.set()

    def close(self) -> None:
        """End every `listen`, so that open streams do not hold up a shutdown."""
        self._closed = True
        self.publish()

    async def listen(self) -> AsyncIterator[None]:
        """One item for every change (several at once count as one)."""
        changed = asyncio.Event()
        self._listeners.add(changed)
        try:
            while True:
                await changed.wait()
                changed.clear()
                if self._closed:
                    return
                yield
        finally:
            self._listeners.discard(changed)

    async def run(self) -> None:
        """Watch for what other replicas changed, while anybody listens."""
        while True:
            await asyncio.sleep(self._poll)
            if self._listeners:
                with suppress(Exception):
                    await self._look()

    async def _look(self) -> None:
        async with self._database.read() as session:
            seen = (await session.execute(_MARKS)).one()._tuple()
        if seen != self._seen:
            self._seen = seen
            self.publish()
