"""A customer's funnel stage: compare-and-set, with a row for every move."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.funnel import Funnel
from bot.customers.tag_checks import want_check
from bot.errors import Conflict, NotFound, Unprocessable
from bot.store.tables import Customer, StageMove

BY_HAND = "by_hand"


async def move_stage(
    session: AsyncSession,
    external_userid: str,
    *,
    seen: str,
    to: str,
    cause: str,
    now: datetime,
    detail: str = "",
) -> bool:
    """Move from the stage that the decision was based on; False when it changed meanwhile."""
    result = await session.execute(
        update(Customer)
        .where(Customer.external_userid == external_userid, Customer.stage == seen)
        .values(stage=to, stage_since=now)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", result).rowcount != 1:
        return False
    session.add(
        StageMove(
            external_userid=external_userid,
            from_stage=seen,
            to_stage=to,
            cause=cause,
            detail=detail,
            at=now,
        )
    )
    return True


async def move_by_hand(
    session: AsyncSession,
    external_userid: str,
    *,
    to: str,
    by: str,
    reason: str,
    funnel: Funnel,
    now: datetime,
    seen: str | None = None,
) -> bool:
    """Move a customer because a person says so; False when they stand there already.

    `seen` is the stage that the person saw: another one by now is a `Conflict`. A buyer stays a
    buyer, except that what was moved by hand can be taken back by hand.
    """
    _check_wish(to, reason, funnel)
    stage = await session.scalar(
        select(Customer.stage).where(Customer.external_userid == external_userid)
    )
    if stage is None:
        raise NotFound(f"没有客户 {external_userid[:64]}")
    if seen is not None and seen != stage:
        raise _moved_meanwhile(funnel, stage)
    if stage == to:
        return False
    if stage in funnel.buyers and to not in funnel.buyers:
        await _check_taken_back(session, external_userid, funnel, stage, to)
    moved = await move_stage(
        session,
        external_userid,
        seen=stage,
        to=to,
        cause=BY_HAND,
        detail=f"{by[:64]}：{reason.strip()[:150]}",
        now=now,
    )
    if not moved:
        raise _moved_meanwhile(funnel, stage)
    await want_check(session, [external_userid], now=now)
    return True


def _check_wish(to: str, reason: str, funnel: Funnel) -> None:
    if to not in funnel.names:
        raise Unprocessable(
            f"没有阶段 {to[:32]}：可用的有 {'、'.join(funnel.names)}", stages=funnel.names
        )
    if not reason.strip():
        raise Unprocessable("请写明为什么调整阶段，会留在记录里")


async def _check_taken_back(
    session: AsyncSession, external_userid: str, funnel: Funnel, stage: str, to: str
) -> None:
    last = await session.scalar(
        select(StageMove)
        .where(StageMove.external_userid == external_userid)
        .order_by(StageMove.id.desc())
        .limit(1)
    )
    if last is None or last.cause != BY_HAND or last.from_stage in funnel.buyers:
        raise Conflict(
            f"客户已经{funnel.label(stage)}，不能退回{funnel.label(to)}；"
            "只有手动调整的阶段可以手动改回",
            stage=stage,
        )


def _moved_meanwhile(funnel: Funnel, stage: str) -> Conflict:
    return Conflict(f"客户的阶段刚才变成了{funnel.label(stage)}，请刷新后再调整", stage=stage)
