"""Tasks as a person sees them, and decides on those that nobody can tell about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.errors import AlreadyDecided, NotFound
from bot.store.database import Database
from bot.store.outreach_tables import OutreachTask, TaskPhase, TouchRow, TouchState
from bot.store.tables import WorkState

_AT_LEAST = timedelta(hours=4)


class TaskDesk:
    """Lists tasks and takes a person's word on those of unknown outcome."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def list(
        self, *, phase: TaskPhase | None = None, limit: int = 50
    ) -> Sequence[OutreachTask]:
        """The newest tasks first."""
        query = select(OutreachTask).order_by(OutreachTask.id.desc()).limit(limit)
        if phase is not None:
            query = query.where(OutreachTask.phase == phase)
        async with self._database.read() as session:
            return (await session.scalars(query)).all()

    async def get(self, task_id: int) -> OutreachTask:
        """Raises `NotFound`."""
        async with self._database.read() as session:
            task = await session.get(OutreachTask, task_id)
        if task is None:
            raise NotFound(f"没有编号为 {task_id} 的任务")
        return task

    async def decide(self, task_id: int, *, happened: bool, repeat: bool = True) -> OutreachTask:
        """Made after all: its touches count as sent. Not made: it is called again, once, or
        dropped for good.

        Raises `NotFound`, or `AlreadyDecided` when its outcome is known.
        """
        now = self._clock.now()
        async with self._database.write() as session:
            task = await session.get(OutreachTask, task_id, with_for_update=True)
            if task is None:
                raise NotFound(f"没有编号为 {task_id} 的任务")
            if task.phase != TaskPhase.UNKNOWN:
                raise AlreadyDecided("这个任务的结果已经清楚，不需要再判断")
            if happened:
                await _happened(session, task, now)
            elif repeat:
                await _repeat(session, task, now)
            else:
                await _drop(session, task)
            return task


async def _happened(session: AsyncSession, task: OutreachTask, now: datetime) -> None:
    task.phase, task.poll_at = TaskPhase.DONE, None
    await _end_doubt(
        session,
        task,
        "由人工核对：企业微信里有这个任务",
        status=TouchState.SENT,
        sent_at=task.called_at or now,
    )


async def _repeat(session: AsyncSession, task: OutreachTask, now: datetime) -> None:
    task.phase, task.state, task.error = TaskPhase.NEW, WorkState.READY, None
    task.called_at, task.looks, task.attempts = None, 0, 0
    task.due_at, task.finished_at = now, None
    task.valid_until = max(task.valid_until, now + _AT_LEAST)
    said = "由人工核对：没有建成，重新提交"
    await _end_doubt(session, task, said, status=TouchState.ASKED)


async def _drop(session: AsyncSession, task: OutreachTask) -> None:
    task.phase, task.poll_at = TaskPhase.CANCELLED, None
    task.error = "由人工核对：没有建成，不再发送"
    await _end_doubt(session, task, task.error, status=TouchState.CANCELLED)


async def _end_doubt(
    session: AsyncSession, task: OutreachTask, explanation: str, **values: Any
) -> None:
    """What was unknown of the task's touches is known now."""
    await session.execute(
        update(TouchRow)
        .where(TouchRow.task_id == task.id, TouchRow.status == TouchState.UNKNOWN)
        .values(explanation=explanation, **values)
        .execution_options(synchronize_session=False)
    )
