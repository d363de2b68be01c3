"""Tasks that WeCom has: whose turn it is to be asked about, and what is written of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from bot.clock import Clock
from bot.outreach.task_calls import end_touches
from bot.store.database import Database
from bot.store.outreach_tables import OutreachTask, TaskPhase, TouchState
from bot.store.tables import WorkState
from scheduler import Rule

USUAL = timedelta(minutes=10)
"""How soon a task is asked about again; for so long one replica has it for itself."""
_OPEN = (TaskPhase.CREATING, TaskPhase.ASKED, TaskPhase.RENEWING)
_MOST = 5_000


class OpenTasks:
    """Hands out each task to one replica at a time, and changes only what is still open.

    A person may cancel a task while it is looked at, or have it asked for again: then what the
    look would write of it comes too late.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def due(self, *, but: Collection[int]) -> Sequence[int]:
        """Who waits to be asked about, the longest first."""
        async with self._database.glance() as session:
            rows = await session.scalars(
                select(OutreachTask.id)
                .where(OutreachTask.poll_at <= self._clock.now())
                .order_by(OutreachTask.poll_at, OutreachTask.id)
                .limit(_MOST)
            )
            return [one for one in rows if one not in but]

    async def take(self, task_id: int) -> OutreachTask | None:
        """The task as it is now; None when another replica was faster."""
        now = self._clock.now()
        async with self._database.write() as session:
            task: OutreachTask | None = await session.scalar(
                update(OutreachTask)
                .where(OutreachTask.id == task_id, OutreachTask.poll_at <= now)
                .values(poll_at=now + USUAL)
                .returning(OutreachTask)
                .execution_options(synchronize_session=False)
            )
        return task

    async def keep(self, task: OutreachTask) -> None:
        """A look that takes long keeps the task for itself."""
        await self.set(task, poll_at=self._clock.now() + USUAL)

    async def set(self, task: OutreachTask, **values: Any) -> bool:
        """False when somebody else has decided on the task meanwhile."""
        async with self._database.write() as session:
            changed: Any = await session.execute(unless_decided(task).values(**values))
        if changed.rowcount:
            task.phase = values.get("phase", task.phase)
        return bool(changed.rowcount)

    async def end(
        self,
        task: OutreachTask,
        phase: TaskPhase,
        state: TouchState,
        reason: str,
        rule: Rule | None = None,
        *,
        overrule: bool = False,
    ) -> None:
        """What of its touches was still open ends with it, unless somebody else has decided on
        the task meanwhile; a person may `overrule` that."""
        values = {"phase": phase, "poll_at": None, "error": reason}
        change = _while_open(task) if overrule else unless_decided(task)
        async with self._database.write() as session:
            ended: Any = await session.execute(change.values(**values))
            if ended.rowcount:
                await end_touches(session, task.id, state, reason, rule)

    async def take_back(self, task: OutreachTask, reason: str) -> bool:
        """Drop a task that WeCom was not asked for yet; False when a call is under way."""
        async with self._database.write() as session:
            dropped: Any = await session.execute(
                update(OutreachTask)
                .where(
                    OutreachTask.id == task.id,
                    OutreachTask.state == WorkState.READY,
                    OutreachTask.called_at.is_(None),
                )
                .values(
                    state=WorkState.FAILED,
                    phase=TaskPhase.CANCELLED,
                    finished_at=self._clock.now(),
                    error=reason,
                )
                .execution_options(synchronize_session=False)
            )
            if dropped.rowcount:
                await end_touches(session, task.id, TouchState.CANCELLED, reason)
        return bool(dropped.rowcount)

    async def give_up_dead(self) -> None:
        """What the worker gave up on may have reached WeCom: a person must look."""
        given_up = select(OutreachTask).where(
            OutreachTask.state == WorkState.DEAD, OutreachTask.phase == TaskPhase.NEW
        )
        async with self._database.glance() as session:
            if (await session.scalars(given_up.limit(1))).first() is None:
                return
        async with self._database.write() as session:
            for task in (await session.scalars(given_up.with_for_update())).all():
                called = task.called_at is not None
                task.phase = TaskPhase.UNKNOWN if called else TaskPhase.FAILED
                state = TouchState.UNKNOWN if called else TouchState.FAILED
                await end_touches(session, task.id, state, task.error or "多次重试没有成功")


def unless_decided(task: OutreachTask) -> Any:
    """An update of the task as long as its phase is what the caller knows."""
    return _while_open(task).where(OutreachTask.phase == task.phase)


def _while_open(task: OutreachTask) -> Any:
    return (
        update(OutreachTask)
        .where(OutreachTask.id == task.id, OutreachTask.phase.in_(_OPEN))
        .execution_options(synchronize_session=False)
    )
