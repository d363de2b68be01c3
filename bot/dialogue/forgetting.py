"""What was said long ago is deleted; how suggestions and scripts fared is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, or_, select

from bot import loggers
from bot.clock import Clock
from bot.store.contact_tables import PortraitFact
from bot.store.database import Database
from bot.store.nlu_tables import NluReview
from bot.store.tables import Message, Outbound, Suggestion, SuggestionStatus, WorkState

_CHUNK = 500


class MessageForgetter:
    """Deletes messages and replies after `days`, and empties the suggestions between them.

    Emptied suggestions still say which intent was understood, what was decided and by whom; what
    was learnt of a customer stays without the words that it was learnt from.
    """

    def __init__(self, database: Database, clock: Clock, *, days: int) -> None:
        self._database = database
        self._clock = clock
        self._kept = timedelta(days=days)

    async def tick(self) -> int:
        """Forget all that is old enough, a little at a time; returns how many rows it was."""
        before = self._clock.now() - self._kept
        gone = 0
        for one in (self._messages, self._replies, self._reviews, self._words, self._quotes):
            while taken := await one(before):
                gone += taken
        if gone:
            loggers.dialogue.info("old messages were deleted", rows=gone)
        return gone

    async def _messages(self, before: datetime) -> int:
        return await self._empty(Message, Message.received_at < before)

    async def _replies(self, before: datetime) -> int:
        done = Outbound.state != WorkState.READY
        return await self._empty(Outbound, Outbound.created_at < before, done)

    async def _reviews(self, before: datetime) -> int:
        return await self._empty(NluReview, NluReview.created_at < before)

    async def _quotes(self, before: datetime) -> int:
        old = select(PortraitFact).where(PortraitFact.last_at < before, PortraitFact.quote != "")
        async with self._database.write() as session:
            rows = (await session.scalars(old.order_by(PortraitFact.id).limit(_CHUNK))).all()
            for row in rows:
                row.quote = ""
        return len(rows)

    async def _empty(self, table: Any, *old: Any) -> int:
        """Rows come in the order of their numbers, so the oldest are found without an index.

        The last one stays, so that SQLite never gives its number to another.
        """
        last = select(func.max(table.id)).scalar_subquery()
        async with self._database.read() as session:
            first = select(table.id).order_by(table.id).limit(_CHUNK).subquery()
            ids = (
                await session.scalars(
                    select(table.id).where(table.id.in_(select(first.c.id)), table.id < last, *old)
                )
            ).all()
        if ids:
            async with self._database.write() as session:
                await session.execute(
                    delete(table)
                    .where(table.id.in_(ids), *old)  # somebody may have sent one again meanwhile
                    .execution_options(synchronize_session=False)
                )
        return len(ids)

    async def _words(self, before: datetime) -> int:
        old = (
            select(Suggestion)
            .where(
                Suggestion.said_at < before,
                Suggestion.status != SuggestionStatus.PENDING,
                or_(Suggestion.text != "", Suggestion.sent_text.is_not(None)),
            )
            .order_by(Suggestion.id)
            .limit(_CHUNK)
        )
        async with self._database.write() as session:
            rows = (await session.scalars(old)).all()
            for row in rows:
                row.text, row.sent_text, row.choices = "", None, []
                row.understanding = {**row.understanding, "entities": []}
        return len(rows)
