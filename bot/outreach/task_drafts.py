"""Due touches gathered into tasks: one mass send a sender and text, one moment a cohort."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outreach.cohorts import guides_of
from bot.outreach.plans import Plans
from bot.outreach.wording import Unsayable
from bot.store.outreach_tables import (
    CohortTag,
    OutreachTask,
    TaskKind,
    TaskPhase,
    TouchRow,
    TouchState,
)
from bot.store.tables import WorkState
from scheduler import Audience, Rule, Step

MOST_CUSTOMERS = 10_000
MOST_GROUPS = 2_000
_MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class _Gathering:
    kind: TaskKind
    sender: str
    parts: Sequence[Mapping[str, Any]]
    valid_until: datetime
    rows: list[TouchRow] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)


class TaskDrafts:
    """Gathers what one page of due touches asks guides to confirm."""

    def __init__(self, plans: Plans, now: datetime) -> None:
        self._plans = plans
        self._now = now
        self._mass: dict[str, list[_Gathering]] = {}
        self._moments: list[_Gathering] = []

    def add_mass_send(
        self, row: TouchRow, step: Step, parts: Sequence[Mapping[str, Any]], *, sender: str
    ) -> None:
        """A mass send of the same words by the same sender goes out as one task."""
        to_group = row.audience == Audience.GROUP
        kind = TaskKind.GROUP_MASS_SEND if to_group else TaskKind.MASS_SEND
        key = json.dumps([kind, row.journey, row.step, sender, parts], ensure_ascii=False)
        gathered = self._mass.setdefault(key, [])
        most = MOST_GROUPS if to_group else MOST_CUSTOMERS
        if not gathered or len(gathered[-1].rows) >= most:
            gathered.append(_Gathering(kind, sender, parts, row.due_at + step.late))
        gathered[-1].rows.append(row)

    async def add_moment(
        self,
        session: AsyncSession,
        row: TouchRow,
        step: Step,
        parts: Sequence[Mapping[str, Any]],
    ) -> None:
        """A moment aims at the cohort's tag and at the guides through whom members bear it."""
        tag = await session.get(CohortTag, row.subject)
        guides = await guides_of(session, row.subject)
        if tag is None or not guides:
            raise Unsayable(f"这一批次没有人，{Rule.NO_GUIDE.zh}")
        row.guides = guides
        until = self._plans.calendar.next_midnight(row.due_at)
        one = _Gathering(TaskKind.MOMENT, "", parts, until, [row])
        one.more = {"tag": tag.name, "tag_group": tag.group_name, "guides": guides}
        self._moments.append(one)

    async def save(self, session: AsyncSession) -> None:
        """Write the tasks; moments keep their distance, as WeCom allows only so many a minute."""
        for gathered in self._mass.values():
            for one in gathered:
                await self._store(session, one, self._now)
        if not self._moments:
            return
        pace = _MINUTE / self._plans.budget.moment_tasks_per_minute
        last = await session.scalar(
            select(func.max(OutreachTask.due_at)).where(
                OutreachTask.kind == TaskKind.MOMENT, OutreachTask.state == WorkState.READY
            )
        )
        at = max(self._now, last + pace) if last else self._now
        for one in self._moments:
            await self._store(session, one, at)
            at += pace

    async def _store(self, session: AsyncSession, one: _Gathering, at: datetime) -> None:
        texts = [str(part["text"]) for part in one.parts if "text" in part]
        task = OutreachTask(
            lane=f"{one.kind}:{one.rows[0].id}",
            state=WorkState.READY,
            due_at=at,
            attempts=0,
            kind=one.kind,
            phase=TaskPhase.NEW,
            body={"parts": [dict(part) for part in one.parts], **one.more},
            audience=[row.subject for row in one.rows],
            sender=one.sender,
            summary=" ".join(" ".join(texts).split())[:200],
            looks=0,
            created_at=self._now,
            valid_until=one.valid_until,
            reminders=[],
            guides={},
        )
        session.add(task)
        await session.flush()
        for row in one.rows:
            row.status, row.task_id = TouchState.ASKED, task.id
            if one.sender:
                row.guides = [one.sender]
