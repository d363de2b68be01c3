"""Tasks as a person sees them, and decides on those that nobody can tell about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select, update

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
            touches = (
                update(TouchRow)
                .where(TouchRow.task_id == task_id, TouchRow.status == TouchState.UNKNOWN)
                .execution_options(synchronize_session=False)
            )
            if happened:
                task.phase, task.poll_at = TaskPhase.DONE, None
                await session.execute(
                    touches.values(
                        status=TouchState.SENT,
                        sent_at=task.called_at or now,
                        explanation="由人工核对：企业微信里有这个任务",
                    )
                )
                return task
            if not repeat:
                task.phase, task.poll_at = TaskPhase.CANCELLED, None
                task.error = "由人工核对：没有建成，不再发送"
                await session.execute(
                    touches.values(status=TouchState.CANCELLED, explanation=task.error)
                )
                return task
            task.phase, task.state, task.error = TaskPhase.NEW, WorkState.READY, None
            task.called_at, task.looks, task.attempts = None, 0, 0
            task.due_at, task.finished_at = now, None
            task.valid_until = max(task.valid_until, now + _AT_LEAST)
            await session.execute(
                touches.values(
                    status=TouchState.ASKED, explanation="由人工核对：没有建成，重新提交"
                )
            )
            return task
