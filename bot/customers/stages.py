"""A customer's funnel stage: compare-and-set, with a row for every move."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.tables import Customer, StageMove


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
