"""Handing a customer from one guide to another, as it is kept: how it stands and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.follows import FollowChange
from bot.customers.notices import tell_guide
from bot.store.contact_tables import Transfer
from bot.store.tables import Customer


class TransferState(StrEnum):
    """`asking`: WeCom is being asked, or its answer was lost; `waiting`: begun, done after 24 h
    unless the customer refuses."""

    ASKING = "asking"
    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


OPEN_STATES = (TransferState.ASKING, TransferState.WAITING)
ENDINGS = (FollowChange.HANDED_ON, FollowChange.TRANSFER_FAILED)


async def open_transfers(session: AsyncSession, external_userid: str) -> Sequence[Transfer]:
    """Those of a customer that have not ended, locked."""
    rows = await session.scalars(
        select(Transfer)
        .where(Transfer.external_userid == external_userid, Transfer.state.in_(OPEN_STATES))
        .order_by(Transfer.id)
        .with_for_update()
    )
    return rows.all()


async def end_transfers(
    session: AsyncSession,
    external_userid: str,
    *,
    userid: str,
    kind: FollowChange,
    reason: str,
    at: datetime,
    now: datetime,
) -> None:
    """What a callback says of a transfer: WeCom names the giver when it is done, the taker when
    it failed. One that began only later is another one."""
    for row in await open_transfers(session, external_userid):
        if at < row.asked_at.replace(microsecond=0):
            continue
        if kind is FollowChange.HANDED_ON and row.handover == userid:
            await end(session, row, TransferState.DONE, now=now)
        elif kind is FollowChange.TRANSFER_FAILED and row.takeover == userid:
            await end(session, row, TransferState.REFUSED, reason=reason, now=now)


async def end(
    session: AsyncSession,
    row: Transfer,
    state: TransferState,
    *,
    reason: str = "",
    errcode: int | None = None,
    now: datetime,
) -> None:
    """Write down how a transfer ended, and tell the guide whom it concerns."""
    row.state, row.reason, row.errcode = state, reason[:300], errcode
    row.look_at, row.ended_at = None, now
    name = await session.scalar(
        select(Customer.name).where(Customer.external_userid == row.external_userid)
    )
    done = state is TransferState.DONE
    customer = name or "一位客户"
    await tell_guide(
        session,
        row.takeover if done else row.handover,
        f"「{customer}」已由 {row.handover} 转给您跟进，请先看客户页上的往来。"
        if done
        else f"「{customer}」没有转给 {row.takeover}：{reason or '原因不明'}。请您继续跟进。",
        kind="transfer",
        about=str(row.id),
        external_userid=row.external_userid,
        now=now,
    )
