"""Touches of the planner as rows, and the history that its ledger wants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.outreach_tables import TouchRow, TouchState
from bot.store.upsert import insert_new
from scheduler import (
    Audience,
    ContentRef,
    Rule,
    StepKind,
    Touch,
    TouchStatus,
    Way,
)

_CHUNK = 300
_AS_PLANNED = {
    TouchState.SENDING: TouchStatus.SENT,
    TouchState.ASKED: TouchStatus.SENT,
    TouchState.UNKNOWN: TouchStatus.SENT,
}
"""What may reach the customer any moment counts as if it had."""
_COUNTED = (TouchState.PLANNED, TouchState.MOVED, TouchState.SENT, *_AS_PLANNED)


def touch_of(row: TouchRow) -> Touch:
    """The planner's view of a row."""
    status = TouchState(row.status)
    return Touch(
        id=row.id,
        journey=row.journey,
        step=row.step,
        kind=StepKind(row.kind),
        audience=Audience(row.audience),
        subject=row.subject,
        due_at=row.sent_at or row.due_at,
        content=ContentRef(row.journey, row.step, row.segment, row.variant),
        status=_AS_PLANNED.get(status) or TouchStatus(status.value),
        explanation=row.explanation,
        way=Way(row.way) if row.way else None,
        rule=Rule(row.rule) if row.rule else None,
        guides=tuple(row.guides),
        messages=row.messages,
    )


def _values(touch: Touch, now: datetime) -> dict[str, Any]:
    return {
        "id": touch.id,
        "journey": touch.journey,
        "step": touch.step,
        "kind": touch.kind,
        "audience": touch.audience,
        "subject": touch.subject,
        "external_userid": touch.external_userid,
        "segment": touch.content.segment,
        "variant": touch.variant,
        "guides": list(touch.guides),
        "messages": touch.messages,
        "way": touch.way,
        "due_at": touch.due_at,
        "look_at": touch.due_at,
        "status": touch.status,
        "rule": touch.rule,
        "explanation": touch.explanation,
        "outcome": {},
        "created_at": now,
    }


def touch_rows(touches: Iterable[Touch], now: datetime) -> list[TouchRow]:
    """Rows that belong to no session."""
    return [TouchRow(**_values(touch, now)) for touch in touches]


async def save_touches(session: AsyncSession, touches: Iterable[Touch], now: datetime) -> int:
    """Store new touches; one that is known already stays as it is. Returns how many are new."""
    rows = [_values(touch, now) for touch in touches]
    new = await insert_new(session, TouchRow, rows, unique=["id"], returning=TouchRow.id)
    return len(new)


async def history(
    session: AsyncSession,
    audience: Audience,
    subjects: Collection[str],
    *,
    since: datetime,
    now: datetime,
    gap: timedelta,
) -> list[Touch]:
    """Touches of these subjects, and all posts to cohorts.

    What is on its way reaches the customer now, however long ago it was due. What a guide may
    confirm any moment takes its place in today's measure, but keeps nobody else at a distance
    once the `gap` since it was asked is over.
    """
    recent = or_(TouchRow.due_at >= since, TouchRow.sent_at >= since)
    wanted = sorted(subjects)
    conditions = [
        and_(
            TouchRow.audience == audience,
            TouchRow.subject.in_(wanted[start : start + _CHUNK]),
            recent,
        )
        for start in range(0, len(wanted), _CHUNK)
    ]
    conditions.append(and_(TouchRow.audience == Audience.COHORT, TouchRow.due_at >= since))
    found: dict[str, Touch] = {}
    for condition in conditions:
        for row in await session.scalars(select(TouchRow).where(condition)):
            touch = touch_of(row)
            if row.status == TouchState.SENDING and row.sent_at is None:
                touch = replace(touch, due_at=max(touch.due_at, now))
            elif row.status == TouchState.ASKED and row.audience != Audience.COHORT:
                touch = replace(touch, due_at=max(touch.due_at, row.look_at, now - gap))
            found[row.id] = touch
    return list(found.values())


async def cards_of_others(
    session: AsyncSession, subjects: Collection[str], *, since: datetime, until: datetime
) -> Counter[str]:
    """How many cards each guide has for customers other than these, counted by the database."""
    rows = await session.execute(
        select(TouchRow.guides, func.count())
        .where(
            TouchRow.way == Way.GUIDE_CARD,
            TouchRow.due_at >= since,
            TouchRow.due_at < until,
            TouchRow.status.in_(_COUNTED),
            TouchRow.subject.not_in(sorted(subjects)),
        )
        .group_by(TouchRow.guides)
    )
    cards: Counter[str] = Counter()
    for guides, count in rows:
        cards.update({str(guide): count for guide in guides[:1]})
    return cards
