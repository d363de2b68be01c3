"""Due touches gathered into tasks: one mass send a sender and text, one moment a cohort."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outreach.cohorts import guides_of
from bot.outreach.plans import Plans
from bot.outreach.wording import NobodyThere
from bot.store.outreach_tables import (
    CohortTag,
    OutreachTask,
    TaskKind,
    TaskPhase,
    TouchRow,
    TouchState,
)
from bot.store.tables import WorkState
from scheduler import Audience, Step

MOST_CUSTOMERS = 10_000
MOST_GROUPS = 2_000
_MINUTE = timedelta(minutes=1)
_GATHER = timedelta(minutes=2)


@dataclass(slots=True)
class _Gathering:
    kind: TaskKind
    sender: str
    parts: Sequence[Mapping[str, Any]]
    valid_until: datetime
    lane: str
    rows: list[TouchRow] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def most(self) -> int:
        return MOST_GROUPS if self.kind is TaskKind.GROUP_MASS_SEND else MOST_CUSTOMERS


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
        valid_until = row.due_at + step.late
        if not gathered or len(gathered[-1].rows) >= gathered[-1].most:
            digest = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
            gathered.append(_Gathering(kind, sender, parts, valid_until, f"{kind}:{digest}"))
        gathered[-1].rows.append(row)
        gathered[-1].valid_until = max(gathered[-1].valid_until, valid_until)

    async def add_moment(
        self, session: AsyncSession, row: TouchRow, parts: Sequence[Mapping[str, Any]]
    ) -> None:
        """A moment aims at the cohort's tag and at the guides through whom members bear it."""
        tag = await session.get(CohortTag, row.subject)
        guides = await guides_of(session, row.subject)
        if tag is None or not guides:
            raise NobodyThere("这一批次里已经没有人了")
        row.guides = guides
        until = self._plans.calendar.next_midnight(row.due_at)
        one = _Gathering(TaskKind.MOMENT, "", parts, until, f"{TaskKind.MOMENT}:{row.id}", [row])
        one.more = {"tag": tag.name, "tag_group": tag.group_name, "guides": guides}
        self._moments.append(one)

    async def save(self, session: AsyncSession) -> None:
        """Write the tasks; moments keep their distance, as WeCom allows only so many a minute.

        What goes to a guide in the same words within two minutes joins a task that WeCom was
        not asked for yet: a guide confirms once, however many pages or ticks it came in.
        """
        mass = [one for several in self._mass.values() for one in several]
        waiting = await _gathering(session, {one.lane for one in mass})
        tasks: list[tuple[OutreachTask, _Gathering]] = []
        for one in mass:
            task = waiting.get(one.lane)
            if task is not None and len(task.audience) + len(one.rows) <= one.most:
                task.audience = [*task.audience, *(row.subject for row in one.rows)]
                task.valid_until = max(task.valid_until, one.valid_until)
            else:
                task = self._task(one, self._now + _GATHER)
            tasks.append((task, one))
        if self._moments:
            at = await self._next_moment(session)
            for one in self._moments:
                tasks.append((self._task(one, at), one))
                at += self._pace
        session.add_all([task for task, _ in tasks])
        await session.flush()
        for task, one in tasks:
            for row in one.rows:
                row.status, row.task_id = TouchState.ASKED, task.id
                if one.sender:
                    row.guides = [one.sender]

    @property
    def _pace(self) -> timedelta:
        return _MINUTE / self._plans.budget.moment_tasks_per_minute

    async def _next_moment(self, session: AsyncSession) -> datetime:
        last = await session.scalar(
            select(func.max(OutreachTask.due_at)).where(
                OutreachTask.kind == TaskKind.MOMENT, OutreachTask.state == WorkState.READY
            )
        )
        return max(self._now, last + self._pace) if last else self._now

    def _task(self, one: _Gathering, at: datetime) -> OutreachTask:
        texts = [str(part["text"]) for part in one.parts if "text" in part]
        return OutreachTask(
            lane=one.lane,
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


async def _gathering(session: AsyncSession, lanes: set[str]) -> dict[str, OutreachTask]:
    """By lane, the newest task that nobody has begun to carry out."""
    rows = await session.scalars(
        select(OutreachTask)
        .where(
            OutreachTask.lane.in_(sorted(lanes)),
            OutreachTask.state == WorkState.READY,
            OutreachTask.phase == TaskPhase.NEW,
            OutreachTask.called_at.is_(None),
            OutreachTask.leased_until.is_(None),
            OutreachTask.attempts == 0,
        )
        .order_by(OutreachTask.id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return {task.lane: task for task in rows}
