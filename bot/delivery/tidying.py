"""Work that was done long ago is deleted; what customers and guides said and did is not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, select

from bot import loggers
from bot.clock import Clock
from bot.store.channel_tables import GuideNotice
from bot.store.contact_tables import TagJob
from bot.store.database import Database
from bot.store.tables import InboxEvent, MediaUpload, WorkState

_DONE: tuple[Any, ...] = (InboxEvent, GuideNotice, TagJob)
_CHUNK = 500
_SPARE = timedelta(days=1)


class Tidier:
    """Deletes callbacks, notices and tag jobs `days` after they were done, and expired uploads.

    What failed stays, because somebody may still want to try it again.
    """

    def __init__(self, database: Database, clock: Clock, *, days: int) -> None:
        self._database = database
        self._clock = clock
        self._kept = timedelta(days=days)

    async def tick(self) -> int:
        """Delete all that is old enough, a little at a time; returns how many rows went."""
        now, gone = self._clock.now(), 0
        for table in _DONE:
            gone += await self._empty(table.id, _done_before(table, now - self._kept))
        expired = select(MediaUpload.media_id).where(MediaUpload.expires_at < now - _SPARE)
        gone += await self._empty(MediaUpload.media_id, expired)
        if gone:
            loggers.delivery.info("old work was deleted", rows=gone)
        return gone

    async def _empty(self, key: Any, old: Select[Any]) -> int:
        gone = 0
        while True:
            async with self._database.read() as session:
                keys = (await session.scalars(old.limit(_CHUNK))).all()
            if not keys:
                return gone
            async with self._database.write() as session:
                await session.execute(
                    delete(key.class_)
                    .where(key.in_(keys))
                    .execution_options(synchronize_session=False)
                )
            gone += len(keys)


def _done_before(table: Any, moment: datetime) -> Select[Any]:
    """The last row stays, so that SQLite never gives its number to another."""
    last: ColumnElement[int] = select(func.max(table.id)).scalar_subquery()
    return (
        select(table.id)
        .where(table.state == WorkState.DONE, table.finished_at < moment, table.id < last)
        .order_by(table.finished_at)
    )
