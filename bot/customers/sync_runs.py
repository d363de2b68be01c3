"""Sync runs as rows: who was read, how far, and what is left after a crash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.tally import Tally
from bot.errors import Conflict
from bot.store.contact_tables import Guide, SyncBatch, SyncMember, SyncRun
from bot.store.upsert import insert_new

LEASE = timedelta(seconds=90)
_STALE = timedelta(hours=20)
_KEPT_RUNS = 30


class RunState(StrEnum):
    """`stopped`: something failed, the next start goes on; `abandoned`: too old to go on."""

    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"
    ABANDONED = "abandoned"


class Phase(StrEnum):
    """The steps of a run, in order."""

    MEMBERS = "members"
    CONTACTS = "contacts"
    MISSING = "missing"
    GROUPS = "groups"
    DONE = "done"


class MemberState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


class LostRun(Conflict):
    """同步已由另一个进程接手。"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; `percent` counts guides, those of open pages by where the page is."""

    run: SyncRun
    members: int
    members_done: int
    failed: Sequence[tuple[str, str]]
    percent: float


async def latest_run(session: AsyncSession) -> SyncRun | None:
    return cast(
        "SyncRun | None",
        await session.scalar(select(SyncRun).order_by(SyncRun.id.desc()).limit(1)),
    )


async def begin(session: AsyncSession, *, by: str, now: datetime) -> SyncRun:
    """Take up the unfinished run or start one; raises `Conflict` while another process syncs."""
    unfinished = await session.scalar(
        select(SyncRun)
        .where(SyncRun.state.in_([RunState.RUNNING, RunState.STOPPED]))
        .order_by(SyncRun.id.desc())
        .limit(1)
        .with_for_update()
    )
    if unfinished is not None and unfinished.state == RunState.RUNNING:
        if unfinished.leased_until is not None and unfinished.leased_until > now:
            raise Conflict("同步正在进行，请等它完成；进度见 /api/v1/sync", run=unfinished.id)
    if unfinished is not None and now - unfinished.started_at < _STALE:
        unfinished.resumed += 1
        return _held(unfinished, by, now)
    if unfinished is not None:
        unfinished.state, unfinished.finished_at = RunState.ABANDONED, now
    run = SyncRun(
        state=RunState.RUNNING,
        phase=Phase.MEMBERS,
        counts={},
        calls=0,
        seconds=0.0,
        resumed=0,
        started_at=now,
    )
    session.add(run)
    await session.flush()
    await _forget_old(session, run.id)
    return _held(run, by, now)


def _held(run: SyncRun, by: str, now: datetime) -> SyncRun:
    run.state, run.error = RunState.RUNNING, None
    run.leased_by, run.leased_until = by, now + LEASE
    return run


async def _forget_old(session: AsyncSession, newest: int) -> None:
    old = select(SyncRun.id).where(SyncRun.id <= newest - _KEPT_RUNS)
    for table in (SyncMember, SyncBatch):
        await session.execute(delete(table).where(table.run_id.in_(old)))
    await session.execute(delete(SyncRun).where(SyncRun.id <= newest - _KEPT_RUNS))


async def save(session: AsyncSession, run: SyncRun, *, now: datetime, **values: Any) -> None:
    """Write progress and renew the lease; raises `LostRun` when somebody else has the run."""
    result = await session.execute(
        update(SyncRun)
        .where(SyncRun.id == run.id, SyncRun.leased_by == run.leased_by)
        .values(**({"leased_until": now + LEASE} | values))
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", result).rowcount != 1:
        raise LostRun


async def plan_members(
    session: AsyncSession, run: SyncRun, userids: Sequence[str], *, batch: int, now: datetime
) -> None:
    """Write down whom this run will read, in batches, and who no longer talks to customers."""
    members = sorted({userid[:64] for userid in userids if userid})
    await note_guides(session, members, now=now)
    numbers = range((len(members) + batch - 1) // batch)
    if not members:
        return
    await session.execute(
        insert(SyncBatch),
        [
            {
                "run_id": run.id,
                "number": number,
                "cursor": "",
                "done": False,
                "pages": 0,
                "reached": 0,
            }
            for number in numbers
        ],
    )
    await session.execute(
        insert(SyncMember),
        [
            {
                "run_id": run.id,
                "userid": userid,
                "batch": place // batch,
                "state": MemberState.WAITING,
            }
            for place, userid in enumerate(members)
        ],
    )


async def note_guides(session: AsyncSession, members: Sequence[str], *, now: datetime) -> None:
    """Members who may talk to customers now; the others have left, which is not erased."""
    rows = [{"userid": userid, "name": "", "since": now} for userid in members]
    await insert_new(session, Guide, rows, unique=["userid"], returning=Guide.userid)
    present = set(members)
    known = (await session.execute(select(Guide.userid, Guide.left_at))).all()
    gone = [userid for userid, left in known if left is None and userid not in present]
    back = [userid for userid, left in known if left is not None and userid in present]
    for ids, left_at in ((gone, now), (back, None)):
        for start in range(0, len(ids), 500):
            await session.execute(
                update(Guide)
                .where(Guide.userid.in_(ids[start : start + 500]))
                .values(left_at=left_at)
            )


async def open_batches(session: AsyncSession, run_id: int) -> list[SyncBatch]:
    rows = await session.scalars(
        select(SyncBatch)
        .where(SyncBatch.run_id == run_id, SyncBatch.done.is_(False))
        .order_by(SyncBatch.number)
    )
    return list(rows)


async def waiting_members(session: AsyncSession, run_id: int, batch: int) -> list[str]:
    rows = await session.scalars(
        select(SyncMember.userid)
        .where(
            SyncMember.run_id == run_id,
            SyncMember.batch == batch,
            SyncMember.state == MemberState.WAITING,
        )
        .order_by(SyncMember.userid)
    )
    return list(rows)


async def settle_members(
    session: AsyncSession,
    run_id: int,
    *,
    batch: int,
    state: MemberState,
    error: str | None = None,
    only: Sequence[str] | None = None,
) -> None:
    """Mark the waiting members of a batch, or `only` some of them."""
    wanted = [
        SyncMember.run_id == run_id,
        SyncMember.batch == batch,
        SyncMember.state == MemberState.WAITING,
    ]
    if only is not None:
        wanted.append(SyncMember.userid.in_(only))
    await session.execute(
        update(SyncMember)
        .where(*wanted)
        .values(state=state, error=error)
        .execution_options(synchronize_session=False)
    )


async def split(session: AsyncSession, run_id: int, batch: int, half: Sequence[str]) -> None:
    """Move some members of a refused batch into a new one, to find out who is at fault."""
    last = await session.scalar(
        select(func.max(SyncBatch.number)).where(SyncBatch.run_id == run_id)
    )
    number = (last or 0) + 1
    session.add(SyncBatch(run_id=run_id, number=number))
    await session.flush()
    await session.execute(
        update(SyncMember)
        .where(SyncMember.run_id == run_id, SyncMember.userid.in_(half))
        .values(batch=number)
    )
    await session.execute(
        update(SyncBatch)
        .where(SyncBatch.run_id == run_id, SyncBatch.number == batch)
        .values(cursor="", reached=0)
    )


async def progress(session: AsyncSession, run: SyncRun) -> Progress:
    """How far this run is."""
    counted = await session.execute(
        select(SyncMember.state, func.count().label("number"))
        .where(SyncMember.run_id == run.id)
        .group_by(SyncMember.state)
    )
    states = {row.state: row.number for row in counted}
    reached = await session.scalar(
        select(func.sum(SyncBatch.reached)).where(
            SyncBatch.run_id == run.id, SyncBatch.done.is_(False)
        )
    )
    failed = await session.execute(
        select(SyncMember.userid, SyncMember.error)
        .where(SyncMember.run_id == run.id, SyncMember.state == MemberState.FAILED)
        .order_by(SyncMember.userid)
        .limit(100)
    )
    total = sum(states.values())
    over = total - states.get(MemberState.WAITING, 0)
    return Progress(
        run=run,
        members=total,
        members_done=states.get(MemberState.DONE, 0),
        failed=[(userid, error or "") for userid, error in failed],
        percent=_percent(run, total, over + int(reached or 0)),
    )


def _percent(run: SyncRun, total: int, over: int) -> float:
    if run.state == RunState.DONE:
        return 100.0
    if run.phase == Phase.MEMBERS or not total:
        return 0.0
    return round(min(over / total, 1.0) * 99, 1)


def tally(run: SyncRun, name: str) -> Tally:
    """One of the run's counts: customers, follows, tags, groups."""
    return Tally.of(run.counts.get(name))


def is_free(run: SyncRun, now: datetime) -> bool:
    return run.leased_until is None or run.leased_until <= now


UNFINISHED = or_(SyncRun.state == RunState.RUNNING, SyncRun.state == RunState.STOPPED)
