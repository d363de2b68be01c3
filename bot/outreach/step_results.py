"""What came of touches: the credit for replies and purchases, and how the arms of a step fare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
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
        select(TouchRow.step, TouchRow.variant, TouchRow.outcome).where(
            TouchRow.journey == journey, TouchRow.status == TouchState.SENT
        )
    )
    steps: dict[str, list[tuple[str | None, dict[str, object]]]] = {}
    for step, variant, outcome in rows:
        steps.setdefault(step, []).append((variant, outcome))
    return [_result(step, touches) for step, touches in sorted(steps.items())]


def _result(step: str, touches: list[tuple[str | None, dict[str, object]]]) -> StepResult:
    arms: dict[str, tuple[int, int]] = {}
    for variant, outcome in touches:
        if variant is not None:
            sent, good = arms.get(variant, (0, 0))
            arms[variant] = (sent + 1, good + (REPLIED in outcome))
    return StepResult(
        step=step,
        sent=len(touches),
        replied=sum(REPLIED in outcome for _, outcome in touches),
        bought=sum(BOUGHT in outcome for _, outcome in touches),
        arms=read_out(arms) if len(arms) > 1 else None,
    )
