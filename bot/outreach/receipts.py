"""How promised touches ended: what the outbox and the herald tell, and what customers did then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.outreach.planning import TURN
from bot.store.channel_tables import GuideNotice
from bot.store.database import Database
from bot.store.outreach_tables import SENDING_TOUCH, TouchRow, TouchState
from bot.store.tables import Outbound, WorkState

_PAGE = 300
LANE = "touch:"
"""What stands before a touch's id in the lane of its messages."""
_NEWS = timedelta(minutes=10)
"""So long a message counts as newly undelivered, whenever it was sent."""


class Receipts:
    """Brings touches that were handed to the outbox or the herald to their end."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def tick(self) -> int:
        """Look after all that is under way; returns how many touches changed."""
        changed, last = 0, ""
        async with self._database.read() as session:
            if (await session.scalars(self._waiting("").limit(1))).first() is None:
                return 0
        while True:
            async with self._database.write() as session:
                await self._database.alone(session, TURN)
                rows = await self._under_way(session, last)
                if not rows:
                    return changed
                changed += await self._settle(session, rows)
            if len(rows) < _PAGE:
                return changed
            last = rows[-1].id

    async def _under_way(self, session: AsyncSession, after: str) -> Sequence[TouchRow]:
        found = self._waiting(after).limit(_PAGE).with_for_update(skip_locked=True)
        return (await session.scalars(found)).all()

    def _waiting(self, after: str) -> Select[TouchRow]:
        """Touches under way, and those sent of which WeCom now says that they did not arrive."""
        undelivered = select(func.substr(Outbound.lane, len(LANE) + 1)).where(
            Outbound.state == WorkState.FAILED,
            Outbound.finished_at >= self._clock.now() - _NEWS,
            Outbound.lane.startswith(LANE),
        )
        waiting = union(
            select(TouchRow.id).where(SENDING_TOUCH),
            select(TouchRow.id).where(
                TouchRow.status == TouchState.SENT, TouchRow.id.in_(undelivered)
            ),
        )
        return (
            select(TouchRow)
            .where(TouchRow.id.in_(waiting), TouchRow.id > after)
            .order_by(TouchRow.id)
        )

    async def _settle(self, session: AsyncSession, rows: Sequence[TouchRow]) -> int:
        sends = await _sends(session, rows)
        notices = await _notices(session, rows)
        before = [(row.status, row.sent_at) for row in rows]
        for row in rows:
            if row.receipt is not None and row.receipt in notices:
                _from_notice(row, notices[row.receipt])
            elif ids := row.outcome.get("outbound"):
                _from_sends(row, [sends[one] for one in ids if one in sends])
        after = [(row.status, row.sent_at) for row in rows]
        return sum(1 for old, new in zip(before, after, strict=True) if old != new)


async def _sends(session: AsyncSession, rows: Sequence[TouchRow]) -> dict[int, Outbound]:
    ids = [one for row in rows for one in row.outcome.get("outbound", ())]
    found = await session.scalars(select(Outbound).where(Outbound.id.in_(ids)))
    return {send.id: send for send in found}


async def _notices(session: AsyncSession, rows: Sequence[TouchRow]) -> dict[str, GuideNotice]:
    keys = [row.receipt for row in rows if row.receipt]
    found = await session.scalars(select(GuideNotice).where(GuideNotice.key.in_(keys)))
    return {notice.key: notice for notice in found}


def _from_notice(row: TouchRow, notice: GuideNotice) -> None:
    if notice.state == WorkState.DONE:
        _sent(row, notice.sent_at)
    elif notice.state != WorkState.READY:
        row.status, row.explanation = TouchState.FAILED, notice.error or "任务卡没有发出"


def _from_sends(row: TouchRow, sends: Sequence[Outbound]) -> None:
    """All parts out is sent; one refused is failed, though earlier parts may have arrived."""
    if any(send.state in (WorkState.FAILED, WorkState.DEAD) for send in sends):
        reason = next((send.error for send in sends if send.error), None)
        row.status, row.explanation = TouchState.FAILED, reason or "消息没有发出"
        row.sent_at = row.sent_at or next((s.sent_at for s in sends if s.sent_at), None)
    elif sends and all(send.state == WorkState.DONE for send in sends):
        _sent(row, max(filter(None, (send.sent_at for send in sends)), default=None))


def _sent(row: TouchRow, at: datetime | None) -> None:
    row.status = TouchState.SENT
    row.sent_at = row.sent_at or at
