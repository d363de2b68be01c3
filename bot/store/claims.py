"""Claiming work: leases, lanes and back-off, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.store.channel_tables import Greeting, GuideNotice
from bot.store.columns import UtcDateTime
from bot.store.contact_tables import SyncRun, TagJob
from bot.store.outreach_tables import OutreachTask, TouchRow, TouchState
from bot.store.tables import Burst, InboxEvent, KfAccount, Outbound, Work, WorkState

WorkRow = TypeVar(
    "WorkRow", InboxEvent, Burst, Outbound, TagJob, Greeting, GuideNotice, OutreachTask
)
LEASED: tuple[Any, ...] = (
    InboxEvent,
    Burst,
    Outbound,
    KfAccount,
    TagJob,
    SyncRun,
    Greeting,
    GuideNotice,
    OutreachTask,
)
_READY: Any = literal_column(f"'{WorkState.READY}'")
"""Spelled out, because an index over the ready rows is not used for a bound value."""


def worker_name() -> str:
    """A name for this process that says where it runs and never comes back."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


async def claim(
    session: AsyncSession,
    table: type[WorkRow],
    *,
    by: str,
    now: datetime,
    lease: timedelta,
    limit: int,
) -> Sequence[WorkRow]:
    """Lease due rows to `by`, oldest first and never two of one lane."""
    rows = (await session.scalars(_due(table).limit(limit), {"now": now})).all()
    for row in rows:
        row.leased_by, row.leased_until = by, now + lease
        row.attempts += 1
    await session.flush()
    return rows


@cache
def _due(table: Any) -> Any:
    """Written once a table: every worker asks it every second."""
    now = bindparam("now", type_=UtcDateTime())
    return (
        select(table)
        .where(
            table.state == _READY,
            table.due_at <= now,
            or_(table.leased_until.is_(None), table.leased_until <= now),
            ~_blocked(table),
        )
        .order_by(table.due_at, table.id)
        .with_for_update(skip_locked=True)
    )


def _blocked(table: Any) -> Any:
    """Whether an earlier row of the same lane is still to do."""
    earlier: Any = aliased(table)
    return (
        select(earlier.id)
        .where(
            earlier.lane == table.lane,
            earlier.state == _READY,
            earlier.id < table.id,
        )
        .exists()
    )


async def settle(
    session: AsyncSession, row: WorkRow, *, now: datetime, state: WorkState, **changes: Any
) -> bool:
    """Finish a row that we still hold; False when the lease went to somebody else."""
    return await _change_held(
        session, row, state=state, finished_at=now, leased_by=None, leased_until=None, **changes
    )


async def settle_all(
    session: AsyncSession, rows: Sequence[WorkRow], *, now: datetime, state: WorkState
) -> set[int]:
    """Finish rows of one table in a statement for each holder; returns the ids of those that we
    still held."""
    held: set[int] = set()
    for owner in {row.leased_by for row in rows}:
        table: Any = type(rows[0])
        settled = await session.scalars(
            update(table)
            .where(
                table.id.in_([row.id for row in rows if row.leased_by == owner]),
                table.leased_by == owner,
                table.state == WorkState.READY,
            )
            .values(state=state, finished_at=now, error=None, leased_by=None, leased_until=None)
            .returning(table.id)
            .execution_options(synchronize_session=False)
        )
        held.update(settled)
    return held


async def postpone(session: AsyncSession, row: WorkRow, *, until: datetime, error: str) -> bool:
    """Give a row back to be tried again at `until`."""
    return await _change_held(
        session, row, due_at=until, error=error, leased_by=None, leased_until=None
    )


async def _change_held(session: AsyncSession, row: WorkRow, **changes: Any) -> bool:
    table: Any = type(row)
    held = and_(
        table.id == row.id, table.leased_by == row.leased_by, table.state == WorkState.READY
    )
    result = cast(
        "CursorResult[Any]",
        await session.execute(
            update(table)
            .where(held)
            .values(**changes)
            .execution_options(synchronize_session=False)
        ),
    )
    return result.rowcount == 1


async def revive(session: AsyncSession, table: type[Work], row_id: int, *, now: datetime) -> bool:
    """Put a failed or dead row back to work, as an operator asked.

    A touch that had failed with it is on its way again, and counts against its limits.
    """
    target: Any = table
    result = cast(
        "CursorResult[Any]",
        await session.execute(
            update(target)
            .where(target.id == row_id, target.state.in_([WorkState.FAILED, WorkState.DEAD]))
            .values(state=WorkState.READY, due_at=now, attempts=0, error=None, finished_at=None)
        ),
    )
    if result.rowcount != 1:
        return False
    if (promised := _TOUCHES.get(target)) is not None:
        await session.execute(
            update(TouchRow)
            .where(promised(row_id), TouchRow.status == TouchState.FAILED)
            .values(status=TouchState.SENDING, explanation="")
            .execution_options(synchronize_session=False)
        )
    return True


_TOUCHES: dict[Any, Callable[[int], ColumnElement[bool]]] = {
    Outbound: lambda row_id: (
        TouchRow.id
        == select(Outbound.payload["touch"].as_string())
        .where(Outbound.id == row_id)
        .scalar_subquery()
    ),
    GuideNotice: lambda row_id: tuple_(TouchRow.external_userid, TouchRow.receipt).in_(
        select(GuideNotice.external_userid, GuideNotice.key).where(GuideNotice.id == row_id)
    ),
}


async def next_due(session: AsyncSession, table: type[WorkRow]) -> datetime | None:
    """When the next row at the head of its lane can be claimed: when due and not leased.

    Rows further back do not count: a worker would look for them in vain, over and over.
    """
    due: datetime | None = await session.scalar(_next_due(table))
    return due


@cache
def _next_due(table: Any) -> Any:
    return select(func.min(func.coalesce(table.leased_until, table.due_at))).where(
        table.state == _READY, ~_blocked(table)
    )


async def release_dead_leases(session: AsyncSession, *, by: str) -> int:
    """Free what killed processes of this host still hold, so that a restart goes on at once.

    Leases of other hosts simply run out.
    """
    freed = 0
    for table in LEASED:
        leased = [table.leased_by.is_not(None)]
        if issubclass(table, Work):
            leased.append(table.state == _READY)
        owners = (await session.scalars(select(table.leased_by).where(*leased).distinct())).all()
        dead = [owner for owner in owners if _is_dead(owner, by)]
        if dead:
            result = await session.execute(
                update(table)
                .where(table.leased_by.in_(dead), *leased)
                .values(leased_by=None, leased_until=None)
            )
            freed += cast("CursorResult[Any]", result).rowcount
    return freed


def _is_dead(owner: str, by: str) -> bool:
    our_host, our_pid, _ = by.rsplit("/", 2)
    host, pid, *_ = (*owner.rsplit("/", 2), "", "")
    if owner == by or host != our_host or not pid.isdecimal():
        return False
    if pid == our_pid:
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
