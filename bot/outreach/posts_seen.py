"""Posts that came to one customer's phone, while they bore the cohort's tag."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, or_, select

from bot.store.outreach_tables import CohortMember, TouchRow, TouchState
from scheduler import Audience


def posts_seen(who: str) -> Select[Any]:
    """The touches of posts, in no order; narrow it down as needed."""
    return (
        select(TouchRow)
        .join(CohortMember, CohortMember.cohort == TouchRow.subject)
        .where(
            CohortMember.external_userid == who,
            CohortMember.joined_at <= TouchRow.sent_at,
            or_(CohortMember.left_at.is_(None), CohortMember.left_at > TouchRow.sent_at),
            TouchRow.audience == Audience.COHORT,
            TouchRow.status == TouchState.SENT,
        )
    )
