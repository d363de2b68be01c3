"""What is meant for one customer: their own touches, and posts while they bore a tag."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CompoundSelect, Select, func, or_, select, union

from bot.store.outreach_tables import CohortMember, TouchRow, TouchState
from scheduler import Audience


def touches_of_customer(who: str) -> CompoundSelect[str]:
    """The ids of their own touches and of the posts to their cohorts."""
    own = select(TouchRow.id).where(TouchRow.external_userid == who)
    return union(own, posts_for(who).with_only_columns(TouchRow.id))


def posts_seen(who: str) -> Select[Any]:
    """The touches of posts that came to the phone, in no order; narrow it down as needed."""
    return posts_for(who).where(TouchRow.status == TouchState.SENT, TouchRow.sent_at.is_not(None))


def posts_for(who: str) -> Select[Any]:
    """The touches of posts that came or are to come, were skipped or failed, in no order."""
    at = func.coalesce(TouchRow.sent_at, TouchRow.due_at)
    return (
        select(TouchRow)
        .join(CohortMember, CohortMember.cohort == TouchRow.subject)
        .where(
            CohortMember.external_userid == who,
            CohortMember.joined_at <= at,
            or_(CohortMember.left_at.is_(None), CohortMember.left_at > TouchRow.due_at),
            TouchRow.audience == Audience.COHORT,
        )
    )
