"""Customers taken out of a mass send that its guide has not confirmed yet, and words changed.

WeCom cannot take one customer out of a task, nor change its words. So the task is cancelled,
and whoever is still wanted goes back to the dispatcher, which asks the guide again without the
others and in the words of now.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from bot.clock import Clock
from bot.outreach.planning import TURN
from bot.store.database import Database
from bot.store.outreach_tables import OutreachTask, TaskKind, TaskPhase, TouchRow, TouchState
from scheduler import Rule

_PATIENCE = timedelta(hours=1)
"""A guide is asked again for replies and purchases at most so often; for an opt-out at once."""
_WITHOUT = "同一批里有客户退出，去掉后重新请导购确认"
_REWORDED = "话改过，撤回旧的，用新的话重新请导购确认"
_POST_ANEW = "话改过，或有客户不再接收：撤回后重新请导购确认"


class Renewals:
    """Decides when a task is to be asked again, and parts those who left from the rest."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def due(self, task: OutreachTask) -> bool:
        """Whether somebody in the task must not be written to any more.

        WeCom itself leaves out who is no friend any longer.
        """
        async with self._database.read() as session:
            left = set(
                await session.scalars(
                    select(TouchRow.unwanted).where(
                        TouchRow.task_id == task.id,
                        TouchRow.status == TouchState.ASKED,
                        TouchRow.unwanted.is_not(None),
                        TouchRow.unwanted != Rule.UNFRIENDED,
                    )
                )
            )
        waited = self._clock.now() - (task.asked_at or task.created_at)
        return Rule.OPTED_OUT in left or (bool(left) and waited >= _PATIENCE)

    async def waits(self, task: OutreachTask) -> bool:
        """Whether it is still to be learned of anybody whether they got it."""
        states = (TouchState.ASKED, TouchState.UNKNOWN)
        first = select(TouchRow.id).where(TouchRow.task_id == task.id, TouchRow.status.in_(states))
        async with self._database.read() as session:
            return await session.scalar(first.limit(1)) is not None

    async def part(self, task: OutreachTask) -> None:
        """Once WeCom has cancelled the task: end it for those who left, plan the rest anew.

        A post that a guide published at the last moment is read on.
        """
        now = self._clock.now()
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            rows = (
                await session.scalars(
                    select(TouchRow)
                    .where(TouchRow.task_id == task.id, TouchRow.status == TouchState.ASKED)
                    .order_by(TouchRow.id)
                    .with_for_update()
                )
            ).all()
            left = sum(row.unwanted is not None for row in rows)
            anew = _POST_ANEW if task.kind == TaskKind.MOMENT else _REWORDED
            for row in rows:
                if row.unwanted is not None:
                    rule = Rule(row.unwanted)
                    row.status, row.rule, row.explanation = TouchState.CANCELLED, rule, rule.zh
                else:
                    row.status, row.look_at, row.task_id = TouchState.PLANNED, now, None
                    row.explanation = _WITHOUT if left else anew
            published = task.kind == TaskKind.MOMENT and not rows
            values = (
                {"phase": TaskPhase.ASKED, "poll_at": now} if published else _ended(left, anew)
            )
            await session.execute(
                update(OutreachTask)
                .where(OutreachTask.id == task.id, OutreachTask.phase == TaskPhase.RENEWING)
                .values(values)
            )


def _ended(left: int, anew: str) -> dict[str, Any]:
    said = f"有 {left} 位客户不再需要，已取消；其余客户重新请导购确认" if left else anew
    return {"phase": TaskPhase.CANCELLED, "poll_at": None, "error": said}
