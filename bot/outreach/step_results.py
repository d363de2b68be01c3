"""What came of touches: the credit for replies and purchases, and how the arms of a step fare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.outreach_tables import TouchRow, TouchState
from scheduler import ReadOut, read_out

_CREDIT = timedelta(days=3)
REPLIED, BOUGHT = "replied", "bought"


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step: how many went out and what followed within three days."""

    step: str
    sent: int
    replied: int
    bought: int
    arms: ReadOut | None


async def credit(session: AsyncSession, who: str, *, what: str, at: datetime) -> None:
    """The touch that reached this customer last gets the credit, once and within three days."""
    row = await session.scalar(
        select(TouchRow)
        .where(
            TouchRow.external_userid == who,
            TouchRow.status == TouchState.SENT,
            TouchRow.sent_at <= at,
            TouchRow.sent_at > at - _CREDIT,
        )
        .order_by(TouchRow.sent_at.desc())
        .limit(1)
    )
    if row is not None and what not in row.outcome:
        row.outcome = {**row.outcome, what: at.isoformat()}


async def step_results(session: AsyncSession, journey: str) -> list[StepResult]:
    """The steps of a journey with their figures; arms are compared by replies."""
    rows = await session.execute(
        select(
            TouchRow.step,
            TouchRow.variant,
            func.count(),
            func.count(TouchRow.outcome[REPLIED].as_string()),
            func.count(TouchRow.outcome[BOUGHT].as_string()),
        )
        .where(TouchRow.journey == journey, TouchRow.status == TouchState.SENT)
        .group_by(TouchRow.step, TouchRow.variant)
    )
    steps: dict[str, list[_Counts]] = {}
    for step, variant, sent, replied, bought in rows:
        steps.setdefault(step, []).append(_Counts(variant, sent, replied, bought))
    return [_result(step, arms) for step, arms in sorted(steps.items())]


@dataclass(frozen=True, slots=True)
class _Counts:
    variant: str | None
    sent: int
    replied: int
    bought: int


def _result(step: str, counts: list[_Counts]) -> StepResult:
    arms = {one.variant: (one.sent, one.replied) for one in counts if one.variant is not None}
    return StepResult(
        step=step,
        sent=sum(one.sent for one in counts),
        replied=sum(one.replied for one in counts),
        bought=sum(one.bought for one in counts),
        arms=read_out(arms) if len(arms) > 1 else None,
    )
