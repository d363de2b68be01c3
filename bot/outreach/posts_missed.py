"""Posts that some guides published and others did not, as each guide's own customers see them."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time

from sqlalchemy import ColumnElement, case
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outreach.touch_rows import touch_of
from bot.outreach.touches_of_customer import posts_for
from bot.store.outreach_tables import CohortMember, OutreachTask, TouchRow, TouchState
from scheduler import WorkCalendar


async def posts_missed(session: AsyncSession, who: str) -> dict[str, datetime]:
    """Until when their guide may publish, or might have, by the touch of each post not seen.

    A post counts as sent once any guide has published it; whose own guide has not, missed it.
    """
    asked = await session.execute(
        posts_for(who)
        .join(OutreachTask, OutreachTask.id == TouchRow.task_id)
        .where(TouchRow.status == TouchState.SENT)
        .with_only_columns(
            TouchRow.id,
            TouchRow.guides,
            CohortMember.userid,
            CohortMember.joined_at,
            OutreachTask.guides,
            OutreachTask.created_at,
            OutreachTask.valid_until,
        )
    )
    return {
        touch_id: valid_until
        for touch_id, meant, mine, joined_at, stand, created_at, valid_until in asked
        if stand
        and not stand.get(mine)
        and (mine in stand or mine in meant or joined_at > created_at)
    }


async def standing_for(session: AsyncSession, who: str, now: datetime) -> ColumnElement[str]:
    """How touches stand for this customer: a post may have been sent to others only."""
    missed = await posts_missed(session, who)
    waiting = [touch_id for touch_id, until in missed.items() if until > now]
    over = [touch_id for touch_id, until in missed.items() if until <= now]
    return case(
        (TouchRow.id.in_(waiting), TouchState.ASKED.value),
        (TouchRow.id.in_(over), TouchState.CANCELLED.value),
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
    touches = [touch_of(row) for row in rows if missed.get(row.id, now) >= now]
    return Counter(calendar.local_day(one.due_at) for one in touches if one.status.counts)
