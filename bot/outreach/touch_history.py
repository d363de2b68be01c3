"""Touches in a customer's timeline; service messages stand there already as replies."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.timeline import Entry, Place
from bot.outreach.posts_missed import posts_missed
from bot.outreach.touches_of_customer import posts_seen
from bot.store.outreach_tables import TouchRow, TouchState
from scheduler import StepKind, Way

KIND = "touch"


async def touches(
    session: AsyncSession, who: str, before: Place | None, limit: int
) -> list[Entry]:
    """What went out to one customer by mass sends and cards, and posts seen, newest first."""
    told = await session.scalars(
        select(TouchRow)
        .where(
            TouchRow.external_userid == who,
            TouchRow.status == TouchState.SENT,
            or_(TouchRow.way.is_(None), TouchRow.way != Way.KF),
            _older(before),
        )
        .order_by(TouchRow.sent_at.desc(), TouchRow.id.desc())
        .limit(limit)
    )
    posts = await session.scalars(
        posts_seen(who)
        .where(_older(before), TouchRow.id.not_in(await posts_missed(session, who)))
        .order_by(TouchRow.sent_at.desc(), TouchRow.id.desc())
        .limit(limit)
    )
    rows = sorted([*told, *posts], key=_when, reverse=True)
    return [_entry(row) for row in rows[:limit]]


def _when(row: TouchRow) -> tuple[Any, str]:
    return row.sent_at, row.id


def _older(before: Place | None) -> Any:
    """Two touches of one customer are never sent at one moment, so the time is enough."""
    at = TouchRow.sent_at
    if before is None:
        return at.is_not(None)
    return at <= before.at if before.kind > KIND else at < before.at


def _entry(row: TouchRow) -> Entry:
    assert row.sent_at is not None  # noqa: S101  (the query asks for it)
    place = Place(row.sent_at, KIND, int(row.id[:12], 16))
    text = f"旅程「{row.journey}」的{StepKind(row.kind).zh}（{row.step}）"
    data = {"touch": row.id, "journey": row.journey, "step": row.step, "way": row.way}
    return Entry(place, text, data)
