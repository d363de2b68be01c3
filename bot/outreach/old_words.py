"""Tasks at WeCom that say what their step said before: found, and asked for again in new words.

WeCom cannot change the words of a task. So one that no guide has confirmed is cancelled, and
its touches go back to the dispatcher, which asks in the words of now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.dialogue.library import Library
from bot.errors import Conflict
from bot.outreach.people import guide_names
from bot.outreach.plans import Plans
from bot.outreach.touch_rows import touch_of
from bot.outreach.wording import Unsayable, Wordsmith
from bot.store.database import Database
from bot.store.outreach_tables import OutreachTask, TaskKind, TaskPhase, TouchRow, TouchState
from bot.wecom.client import WeComClient
from bot.wecom.moments import publishers
from bot.wecom.paging import pages
from scheduler import Rule, Step, Touch
from scheduler.dispatch import hours_refusal
from scripts_library import Script

_AT_WECOM = (TaskPhase.CREATING, TaskPhase.ASKED, TaskPhase.RENEWING)
_CHUNK = 300
_ANEW = timedelta(minutes=5)
"""So long it takes at most until guides are asked again."""


class Mend(StrEnum):
    """What can be done about old words: ask again, or why that cannot be."""

    ASK_ANEW = "ask_anew"
    BEING_MADE = "being_made"
    BEING_ASKED = "being_asked"
    PARTLY_OUT = "partly_out"
    PAUSED = "paused"
    NOT_NOW = "not_now"
    TOO_LATE = "too_late"


@dataclass(frozen=True, slots=True)
class OldWords:
    """A task whose words are not its step's any more, and the guides who may still say them."""

    task_id: int
    kind: TaskKind
    remote_id: str | None
    journey: str
    step: str
    segment: str
    waiting: tuple[str, ...]
    people: int
    mend: Mend


class Rewording:
    """Compares what guides were asked to say with what would be said now."""

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        plans: Plans,
        words: Wordsmith,
        library: Library,
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._plans = plans
        self._words = words
        self._library = library

    async def found(self, journey: str | None = None) -> list[OldWords]:
        """Tasks with old words of one journey, or of all; those all guides confirmed are out."""
        async with self._database.read() as session:
            rows = await _asked(session, journey)
            names = await guide_names(session, {row.OutreachTask.sender for row in rows})
        scripts = {one.id: one for one in await self._library.index()} if rows else {}
        old: dict[int, Row[Any]] = {}
        for row in rows:
            task: OutreachTask = row.OutreachTask
            step = self._step(row)
            if task.id in old or step is None or not _waiting(task):
                continue
            if self._differ(row, step, names.get(task.sender, ""), scripts):
                old[task.id] = row
        due: dict[int, datetime] = {}
        for row in rows:
            due[row.OutreachTask.id] = min(row.due, due.get(row.OutreachTask.id, row.due))
        async with self._database.read() as session:
            firsts = await _touches(session, [row.first for row in old.values()])
        return [
            self._told(row, replace(firsts[row.first], due_at=due[task_id]))
            for task_id, row in old.items()
            if row.first in firsts
        ]

    async def ask_anew(self, journey: str, step: str, *, by: str) -> int:
        """Take back what no guide has confirmed and have it asked again; returns how many tasks.

        Raises `Conflict` when there is none.
        """
        wanted = []
        for one in await self.found(journey):
            if one.step != step or one.mend is not Mend.ASK_ANEW:
                continue
            post = one.remote_id if one.kind is TaskKind.MOMENT else None
            if post is None or not await is_published(self._client, post):
                wanted.append(one.task_id)
        async with self._database.write() as session:
            asked = await take_back(session, wanted, self._clock.now())
        if not asked:
            raise Conflict("这一步没有可以换的任务了：导购刚确认过，或者已过补发时限，请刷新再看")
        loggers.outreach.info("guides are asked in new words", journey=journey, step=step, by=by)
        return asked

    def _step(self, row: Row[Any]) -> Step | None:
        journey = self._plans.journeys.get(row.journey)
        return journey.step(row.step) if journey is not None else None

    def _told(self, row: Row[Any], first: Touch) -> OldWords:
        task: OutreachTask = row.OutreachTask
        return OldWords(
            task_id=task.id,
            kind=TaskKind(task.kind),
            remote_id=task.remote_id,
            journey=row.journey,
            step=row.step,
            segment=row.segment,
            waiting=_waiting(task),
            people=0 if task.kind == TaskKind.MOMENT else len(task.audience),
            mend=self._mend(row, first),
        )

    def _differ(
        self, row: Row[Any], step: Step, guide: str, scripts: Mapping[str, Script]
    ) -> bool:
        """Words that cannot be said now, a script being gone, are no better than the old ones."""
        said = row.OutreachTask.body.get("parts")
        content = step.content_for(row.segment, row.variant)
        if said is None or content is None:
            return said is not None
        try:
            parts = self._words.parts(content, scripts=scripts, guide=guide)
        except Unsayable:
            return False
        return bool(json.loads(json.dumps(parts)) != said)

    def _mend(self, row: Row[Any], first: Touch) -> Mend:
        task, step = row.OutreachTask, self._step(row)
        if task.phase == TaskPhase.RENEWING:
            return Mend.BEING_ASKED
        if any(task.guides.values()):
            return Mend.PARTLY_OUT
        if task.phase == TaskPhase.CREATING or task.remote_id is None or step is None:
            return Mend.BEING_MADE
        return askable(self._plans, step, first, self._clock.now())


def askable(plans: Plans, step: Step, touch: Touch, now: datetime) -> Mend:
    """Whether the dispatcher would ask again: taken back too late it would not go out at all,
    and outside its hours nobody knows when."""
    if touch.journey not in plans.running:
        return Mend.PAUSED
    moments = (now, now + _ANEW)
    rules = {hours_refusal(step, touch, plans.calendar, at) for at in moments} - {None}
    if Rule.MISSED in rules:
        return Mend.TOO_LATE
    return Mend.NOT_NOW if rules else Mend.ASK_ANEW


async def is_published(client: WeComClient, moment_id: str) -> bool:
    """Whether some guide has published the post meanwhile."""
    async for answer in pages(client.moments.members, moment_id):
        if any(publishers(answer).values()):
            return True
    return False


async def take_back(session: AsyncSession, tasks: Sequence[int], now: datetime) -> int:
    """Have the poller cancel tasks at WeCom and ask anew, unless a guide is faster; how many."""
    taken = 0
    for start in range(0, len(tasks), _CHUNK):
        some = OutreachTask.id.in_(tasks[start : start + _CHUNK])
        done: Any = await session.execute(
            update(OutreachTask)
            .where(some, OutreachTask.phase == TaskPhase.ASKED)
            .values(phase=TaskPhase.RENEWING, poll_at=now)
            .execution_options(synchronize_session=False)
        )
        taken += done.rowcount
    return taken


async def _asked(session: AsyncSession, journey: str | None) -> list[Row[Any]]:
    """Tasks that wait for guides, once for each segment and arm, with the earliest time."""
    own = () if journey is None else (TouchRow.journey == journey,)
    open_tasks = select(OutreachTask.id).where(OutreachTask.phase.in_(_AT_WECOM))
    words = (TouchRow.task_id, TouchRow.journey, TouchRow.step, TouchRow.segment, TouchRow.variant)
    touches = (
        select(
            *words, func.min(TouchRow.id).label("first"), func.min(TouchRow.due_at).label("due")
        )
        .where(
            *own,
            TouchRow.task_id.in_(open_tasks),
            TouchRow.status.in_((TouchState.ASKED, TouchState.SENT)),
            TouchRow.unwanted.is_(None),
        )
        .group_by(*words)
        .subquery()
    )
    rows = await session.execute(
        select(OutreachTask, touches)
        .join(touches, touches.c.task_id == OutreachTask.id)
        .order_by(OutreachTask.id, touches.c.segment, touches.c.variant)
    )
    return list(rows.all())


async def _touches(session: AsyncSession, ids: Sequence[str]) -> dict[str, Touch]:
    found: dict[str, Touch] = {}
    for start in range(0, len(ids), _CHUNK):
        some = select(TouchRow).where(TouchRow.id.in_(ids[start : start + _CHUNK]))
        found |= {row.id: touch_of(row) for row in await session.scalars(some)}
    return found


def _waiting(task: OutreachTask) -> tuple[str, ...]:
    """Guides who have not confirmed; before WeCom tells of them, those whom it was asked for."""
    if task.guides:
        return tuple(str(userid) for userid, done in task.guides.items() if not done)
    return (task.sender,) if task.sender else tuple(task.body.get("guides", ()))
