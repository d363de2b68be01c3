"""Touches of long ago are deleted; what came of them stays as counts by step and day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import delete, exists, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.store.database import Database
from bot.store.outreach_tables import (
    JourneyWalk,
    OutreachTask,
    TaskPhase,
    TouchRow,
    TouchState,
    TouchTally,
)

_CHUNK = 500
_OVER = (TouchState.SENT, TouchState.SKIPPED, TouchState.CANCELLED, TouchState.FAILED)
_ENDED = (TaskPhase.DONE, TaskPhase.CANCELLED, TaskPhase.FAILED)
_KEY = ("journey", "step", "variant", "kind", "status", "rule", "day")


class TouchForgetter:
    """Deletes touches `days` after they were due, and the tasks that carried them.

    Those of a journey under way stay: by them the planner knows what it has planned already.
    """

    def __init__(self, database: Database, clock: Clock, *, days: int) -> None:
        self._database = database
        self._clock = clock
        self._kept = timedelta(days=days)

    async def tick(self) -> int:
        """Delete all that is old enough, a little at a time; returns how many rows went."""
        before = self._clock.now() - self._kept
        gone = 0
        while taken := await self._touches(before):
            gone += taken
        while taken := await self._tasks(before):
            gone += taken
        if gone:
            loggers.outreach.info("old touches were deleted", rows=gone)
        return gone

    async def _touches(self, before: datetime) -> int:
        """Counted by what was really deleted, so that two replicas count nothing twice."""
        async with self._database.read() as session:
            ids = (await session.scalars(_old_touches(before))).all()
        if not ids:
            return 0
        async with self._database.write() as session:
            rows = await session.execute(
                delete(TouchRow)
                .where(TouchRow.id.in_(ids), TouchRow.status.in_(_OVER))
                .returning(
                    TouchRow.journey,
                    TouchRow.step,
                    TouchRow.variant,
                    TouchRow.kind,
                    TouchRow.status,
                    TouchRow.rule,
                    TouchRow.due_at,
                )
                .execution_options(synchronize_session=False)
            )
            await _count(session, [tuple(row) for row in rows])
        return len(ids)

    async def _tasks(self, before: datetime) -> int:
        """The last row stays, so that SQLite never gives its number to another."""
        old = (
            select(OutreachTask.id)
            .where(
                OutreachTask.phase.in_(_ENDED),
                OutreachTask.valid_until < before,
                OutreachTask.created_at < before,
                ~exists().where(TouchRow.task_id == OutreachTask.id),
                OutreachTask.id < select(func.max(OutreachTask.id)).scalar_subquery(),
            )
            .limit(_CHUNK)
        )
        async with self._database.read() as session:
            ids = (await session.scalars(old)).all()
        if ids:
            async with self._database.write() as session:
                await session.execute(
                    delete(OutreachTask)
                    .where(OutreachTask.id.in_(ids))
                    .execution_options(synchronize_session=False)
                )
        return len(ids)


def _old_touches(before: datetime) -> Any:
    under_way = exists().where(
        JourneyWalk.audience == TouchRow.audience,
        JourneyWalk.subject == TouchRow.subject,
        JourneyWalk.journey == TouchRow.journey,
        JourneyWalk.next_due.is_not(None),
    )
    return (
        select(TouchRow.id)
        .where(TouchRow.due_at < before, TouchRow.status.in_(_OVER), ~under_way)
        .order_by(TouchRow.due_at, TouchRow.id)
        .limit(_CHUNK)
    )


async def _count(session: AsyncSession, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add deleted touches to the tallies of their days."""
    counted = Counter(
        (journey, step, variant or "", kind, status, rule or "", _day(due_at))
        for journey, step, variant, kind, status, rule, due_at in rows
    )
    if not counted:
        return
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    new = insert(TouchTally)
    more = new.on_conflict_do_update(
        index_elements=list(_KEY), set_={"count": TouchTally.count + new.excluded.count}
    )
    tallies = [
        dict(zip(_KEY, key, strict=True)) | {"count": count}
        for key, count in sorted(counted.items())
    ]
    await session.execute(more, tallies)


def _day(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date(), time(), tzinfo=UTC)
