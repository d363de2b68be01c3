"""What is under way on a journey that an operator has written anew: brought in line with it.

What was promised but not tried goes back to be said in the new words, at the new time. What
WeCom has been asked for stays as it is, unless its step is gone: then it is taken back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outreach.touch_rows import touch_of
from bot.outreach.walks import save_walks, walks_of
from bot.store.channel_tables import GuideNotice
from bot.store.outreach_tables import (
    OPEN_TOUCH,
    SENDING_TOUCH,
    JourneyWalk,
    OutreachTask,
    TaskPhase,
    TouchRow,
    TouchState,
)
from bot.store.tables import Outbound, WorkState
from scheduler import Audience, Journey, Progress, Rule, WorkCalendar, next_due
from scheduler.edits import changed_steps, later_than_planned, taken_back

_OPEN = (TouchState.PLANNED, TouchState.MOVED)
_DAY = timedelta(days=1)
_UNDER_WAY = (TaskPhase.NEW, TaskPhase.CREATING, TaskPhase.ASKED, TaskPhase.RENEWING)
_ANEW = "旅程改过，按新的写法发"


async def follow_edit(
    session: AsyncSession,
    old: Journey | None,
    new: Journey,
    *,
    calendar: WorkCalendar,
    now: datetime,
) -> None:
    """Bring everybody under way in line with `new`, in the caller's transaction and turn."""
    await take_up(session, old, new, calendar=calendar, now=now)
    await _look_again(session, new.id, now)


async def take_up(
    session: AsyncSession,
    old: Journey | None,
    new: Journey,
    *,
    calendar: WorkCalendar,
    now: datetime,
) -> None:
    """Bring what is planned and promised in line with `new`; doing it again does no harm.

    Whoever goes by `new` from now on does it, too: until then it went on promising old words.
    """
    if old is not None:
        gone = {step.id for step in old.steps} - {step.id for step in new.steps}
        edited = changed_steps(old, new)
        if gone or edited:
            await _recall(session, new.id, gone | edited, now)
        await _put_later(session, new, edited, calendar)
    await drop_removed(session, {new.id: new}, now=now, only=new.id)


async def drop_removed(
    session: AsyncSession,
    journeys: Mapping[str, Journey | None],
    *,
    now: datetime,
    only: str | None = None,
) -> None:
    """End what was planned for steps that are gone, and what guides were asked for them.

    A journey that is None no longer reads, and waits for whoever mends it. One that is missing
    may run in a replica with newer files: its touches end a day after their time.
    """
    this = () if only is None else (TouchRow.journey == only,)
    place = select(TouchRow.journey, TouchRow.step, TouchRow.audience).where(*this).distinct()
    planned = place.where(OPEN_TOUCH, TouchRow.status.in_(_OPEN))
    asked = place.where(
        TouchRow.task_id.in_(select(OutreachTask.id).where(OutreachTask.phase.in_(_UNDER_WAY))),
        TouchRow.status == TouchState.ASKED,
        TouchRow.unwanted.is_(None),
    )
    found = {tuple(row) for query in (planned, asked) for row in await session.execute(query)}
    for journey, step, audience in sorted(found):
        known = journeys.get(journey)
        if journey in journeys and (known is None or _walks(known, step, audience)):
            continue
        mine = (
            TouchRow.journey == journey,
            TouchRow.step == step,
            TouchRow.audience == audience,
        )
        if known is not None:
            await _end(session, Rule.STEP_REMOVED, *mine)
            await _unwant(session, Rule.STEP_REMOVED, *mine)
        else:
            await _end(session, Rule.JOURNEY_REMOVED, *mine, TouchRow.due_at < now - _DAY)


def _walks(journey: Journey, step: str, audience: str) -> bool:
    found = journey.step(step)
    return found is not None and found.kind.audience == audience


async def _end(session: AsyncSession, rule: Rule, *which: Any) -> None:
    await session.execute(
        update(TouchRow)
        .where(*which, TouchRow.status.in_(_OPEN))
        .values(status=TouchState.SKIPPED, rule=rule, explanation=rule.zh)
        .execution_options(synchronize_session=False)
    )


async def _unwant(session: AsyncSession, rule: Rule, *which: Any) -> None:
    await session.execute(
        update(TouchRow)
        .where(*which, TouchRow.status == TouchState.ASKED, TouchRow.unwanted.is_(None))
        .values(unwanted=rule)
        .execution_options(synchronize_session=False)
    )


async def _recall(
    session: AsyncSession, journey: str, steps: Collection[str], now: datetime
) -> None:
    """Back to the dispatcher goes what no worker has begun to carry out."""
    mine = (TouchRow.journey == journey, TouchRow.step.in_(sorted(steps)))
    asked = select(OutreachTask.id).where(
        OutreachTask.state == WorkState.READY, OutreachTask.phase == TaskPhase.NEW
    )
    rows: list[TouchRow] = []
    for promised in (
        (SENDING_TOUCH, TouchRow.status == TouchState.SENDING),
        (TouchRow.task_id.in_(asked), TouchRow.status == TouchState.ASKED),
    ):
        rows += await session.scalars(select(TouchRow).where(*mine, *promised).with_for_update())
    for row in await _untried(session, rows):
        if row.unwanted is not None:
            rule = Rule(row.unwanted)
            row.status, row.rule, row.explanation = TouchState.CANCELLED, rule, rule.zh
        else:
            row.status, row.look_at, row.explanation = TouchState.PLANNED, now, _ANEW
            row.task_id, row.receipt = None, None


async def _untried(session: AsyncSession, rows: Sequence[TouchRow]) -> list[TouchRow]:
    tasks = await _dropped_tasks(session, {row.task_id for row in rows if row.task_id})
    free = [row for row in rows if row.task_id in tasks]
    for row in rows:
        if row.status != TouchState.SENDING:
            continue
        sends = list(row.outcome.get("outbound", ()))
        table, mine = (Outbound, Outbound.id.in_(sends))
        if row.receipt:
            table, mine = GuideNotice, GuideNotice.key == row.receipt  # type: ignore[assignment]
        if await _deleted(session, table, mine, max(1, len(sends))):
            row.outcome = {k: v for k, v in row.outcome.items() if k != "outbound"}
            free.append(row)
    return free


async def _dropped_tasks(session: AsyncSession, ids: Collection[int]) -> set[int]:
    dropped = await session.scalars(
        update(OutreachTask)
        .where(
            OutreachTask.id.in_(sorted(ids)),
            OutreachTask.state == WorkState.READY,
            OutreachTask.phase == TaskPhase.NEW,
            OutreachTask.called_at.is_(None),
            OutreachTask.leased_by.is_(None),
        )
        .values(state=WorkState.FAILED, phase=TaskPhase.CANCELLED, error=_ANEW)
        .returning(OutreachTask.id)
        .execution_options(synchronize_session=False)
    )
    return set(dropped)


async def _deleted(session: AsyncSession, table: Any, mine: Any, parts: int) -> bool:
    """Whether all parts were still untried, and are gone now."""
    untried = (
        select(table.id)
        .where(
            mine,
            table.state == WorkState.READY,
            table.attempts == 0,
            table.leased_by.is_(None),
        )
        .with_for_update(skip_locked=True)
    )
    ids = list(await session.scalars(untried))
    if len(ids) != parts:
        return False
    await session.execute(
        delete(table).where(table.id.in_(ids)).execution_options(synchronize_session=False)
    )
    return True


async def _put_later(
    session: AsyncSession, journey: Journey, steps: Collection[str], calendar: WorkCalendar
) -> None:
    """Take back what is planned for a time before the one that its step has now."""
    rows = (
        await session.scalars(
            select(TouchRow)
            .where(
                TouchRow.journey == journey.id,
                TouchRow.step.in_(sorted(steps)),
                TouchRow.status.in_(_OPEN),
            )
            .order_by(TouchRow.due_at)
        )
    ).all()
    planned: defaultdict[tuple[Audience, str], list[TouchRow]] = defaultdict(list)
    for row in rows:
        planned[Audience(row.audience), row.subject].append(row)
    for audience in {audience for audience, _ in planned}:
        subjects = [subject for kind, subject in planned if kind is audience]
        walks = await walks_of(session, audience, subjects)
        back: list[Progress] = []
        for subject in subjects:
            walk = next((one for one in walks.get(subject, ()) if one.journey == journey.id), None)
            if walk is None:
                continue
            touches = [touch_of(row) for row in planned[audience, subject]]
            late = later_than_planned(journey, touches, walk, calendar)
            before = taken_back(journey, walk, late[0].step) if late else None
            if before is None:
                continue
            back.append(Progress(before, next_due(journey, before, calendar)))
            await session.execute(
                delete(TouchRow)
                .where(TouchRow.id.in_([touch.id for touch in late]))
                .execution_options(synchronize_session=False)
            )
        await save_walks(session, back)


async def _look_again(session: AsyncSession, journey: str, now: datetime) -> None:
    """The planner must see everybody under way: their next step may have another time now."""
    await session.execute(
        update(JourneyWalk)
        .where(JourneyWalk.journey == journey, JourneyWalk.next_due > now)
        .values(next_due=now)
        .execution_options(synchronize_session=False)
    )
