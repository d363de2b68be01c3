"""Which parts of outreach have something due: a rehearsal wakes no others."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, or_, select

from bot.outreach.plans import HORIZON
from bot.store.channel_tables import GuideNotice
from bot.store.columns import UtcDateTime
from bot.store.contact_tables import TagJob
from bot.store.database import Database
from bot.store.outreach_tables import JourneyWalk, OutreachTask, TouchRow, TouchState
from bot.store.tables import Burst, Outbound, WorkState
from scheduler import Way

_SECOND_THOUGHTS = timedelta(minutes=10)


class Part(StrEnum):
    TAGS = "tags"
    BURSTS = "bursts"
    PLANNER = "planner"
    DISPATCHER = "dispatcher"
    SENDS = "sends"
    NOTICES = "notices"
    TASKS = "tasks"
    POLLER = "poller"
    RECEIPTS = "receipts"


PROMISED = frozenset({Part.SENDS, Part.NOTICES, Part.TASKS, Part.POLLER, Part.RECEIPTS})
"""What may have work once something was promised."""
_QUEUES: tuple[tuple[Part, Any], ...] = (
    (Part.TAGS, TagJob),
    (Part.BURSTS, Burst),
    (Part.SENDS, Outbound),
    (Part.NOTICES, GuideNotice),
    (Part.TASKS, OutreachTask),
)


async def due_now(database: Database, now: datetime) -> frozenset[Part]:
    """Asked in one statement."""
    moments = {"now": now, "soon": now + HORIZON, "before": now - _SECOND_THOUGHTS}
    async with database.glance() as session:
        row = (await session.execute(_statement(), moments)).one()
    due = {Part(name) for name, value in row._mapping.items() if value}
    if Part.TASKS in due:
        due |= {Part.POLLER}
    if due & {Part.SENDS, Part.NOTICES}:
        due |= {Part.RECEIPTS}
    return frozenset(due)


@cache
def _statement() -> Select[*tuple[Any, ...]]:
    """Written once: it is asked at every step."""
    now, soon, before = (
        bindparam(name, type_=UtcDateTime()) for name in ("now", "soon", "before")
    )
    conditions: dict[Part, Any] = {
        part: and_(table.state == WorkState.READY, table.due_at <= now) for part, table in _QUEUES
    }
    conditions[Part.PLANNER] = JourneyWalk.next_due < soon
    conditions[Part.DISPATCHER] = and_(
        TouchRow.status.in_((TouchState.PLANNED, TouchState.MOVED)), TouchRow.look_at <= now
    )
    conditions[Part.POLLER] = OutreachTask.poll_at <= now
    conditions[Part.RECEIPTS] = or_(
        TouchRow.status == TouchState.SENDING,
        and_(
            TouchRow.status == TouchState.SENT,
            TouchRow.way == Way.KF,
            TouchRow.due_at >= before,
        ),
    )
    return select(*(exists().where(one).label(part) for part, one in conditions.items()))
