"""Posts that some guides published and others did not, as each guide's own customers see them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from sqlalchemy import ColumnElement, case, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.follows import JOINED
from bot.outreach.touch_rows import touch_of
from bot.outreach.touches_of_customer import posts_for
from bot.store.contact_tables import Follow
from bot.store.outreach_tables import CohortMember, OutreachTask, TouchRow, TouchState
from bot.store.tables import Customer
from scheduler import Rule, WorkCalendar


@dataclass(frozen=True, slots=True)
class Missed:
    """Why a post was not seen, and until when it still may be."""

    rule: Rule
    until: datetime

    def standing(self, now: datetime) -> TouchState:
        return TouchState.ASKED if self.until > now else TouchState.CANCELLED


async def posts_missed(session: AsyncSession, who: str) -> dict[str, Missed]:
    """The posts that went to others only, by touch.

    A post counts as sent once any guide has published it; whose own guide has not, or who had
    left by then, missed it.
    """
    asked = await session.execute(
        posts_for(who)
        .join(OutreachTask, OutreachTask.id == TouchRow.task_id)
        .where(TouchRow.status == TouchState.SENT)
        .with_only_columns(TouchRow, CohortMember, OutreachTask)
    )
    missed: dict[str, Missed] = {}
    for touch, member, task in asked:
        out_at = _out_at(touch, member, task)
        if member.left_at is not None and out_at and member.left_at <= out_at:
            missed[touch.id] = Missed(await _why_left(session, who), member.left_at)
        elif _is_unpublished(touch, member, task):
            missed[touch.id] = Missed(Rule.TOO_LATE, task.valid_until)
    return missed


def _out_at(touch: TouchRow, member: CohortMember, task: OutreachTask) -> datetime | None:
    """When their own guide published it, as far as it is known; else when the first one did."""
    noted = task.guides.get(member.userid)
    return datetime.fromisoformat(noted) if isinstance(noted, str) else touch.sent_at


def _is_unpublished(touch: TouchRow, member: CohortMember, task: OutreachTask) -> bool:
    """Whoever handed the customer over since may have published it, of whom WeCom says nothing."""
    mine = member.userid
    if not task.guides or task.guides.get(mine):
        return False
    return mine in task.guides or mine in touch.guides or member.joined_at > task.created_at


async def _why_left(session: AsyncSession, who: str) -> Rule:
    customer = await session.get(Customer, who)
    if customer is not None and customer.opted_out_at is not None:
        return Rule.OPTED_OUT
    friend = select(Follow.userid).where(Follow.external_userid == who, Follow.state.in_(JOINED))
    return Rule.TAG_REMOVED if await session.scalar(friend.limit(1)) else Rule.UNFRIENDED


def standing_of(missed: Mapping[str, Missed], now: datetime) -> ColumnElement[str]:
    """How touches stand for the customer who missed these posts."""
    stands = {touch_id: one.standing(now) for touch_id, one in missed.items()}
    waiting = [touch_id for touch_id, state in stands.items() if state is TouchState.ASKED]
    return case(
        (TouchRow.id.in_(waiting), TouchState.ASKED.value),
        (TouchRow.id.in_(sorted(stands)), TouchState.CANCELLED.value),
        else_=TouchRow.status,
    )


async def posts_by_day(
    session: AsyncSession, who: str, calendar: WorkCalendar, now: datetime
) -> Counter[date]:
    """How many posts the customer saw or is to see, by day since the month or week began."""
    today = calendar.local_day(now)
    monday = date.fromordinal(today.toordinal() - today.weekday())
    since = calendar.at(min(today.replace(day=1), monday), time(0))
    missed = await posts_missed(session, who)
    rows = await session.scalars(
        posts_for(who).with_only_columns(TouchRow).where(TouchRow.due_at >= since)
    )
    over = {touch_id for touch_id, one in missed.items() if one.until <= now}
    touches = [touch_of(row) for row in rows if row.id not in over]
    return Counter(calendar.local_day(one.due_at) for one in touches if one.status.counts)
