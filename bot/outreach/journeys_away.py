"""Journeys whose file was deleted: since when they are away, and the tags they left behind."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.contact_tables import Bookmark
from bot.store.database import Database
from bot.store.outreach_tables import CohortTag, JourneyWalk, TouchRow, TouchState
from bot.store.upsert import insert_new
from scheduler import Audience, Rule

AWAY = timedelta(days=14)
"""A journey that does not read for a while, or that only another replica's files have, comes
back within so many days; one that does not is deleted."""
_PROMISED = (TouchState.SENDING, TouchState.ASKED)
_PLANNED = (TouchState.PLANNED, TouchState.MOVED)


async def journeys_away(
    database: Database, known: Collection[str], now: datetime
) -> dict[str, datetime]:
    """Journeys that have tags at WeCom and are not `known`, each with when it was first missed."""
    async with database.read() as session:
        tagged = select(CohortTag.journey).where(CohortTag.retired_at.is_(None)).distinct()
        missing = set(await session.scalars(tagged)) - set(known)
        since = await _marks(session, [*missing, *known])
    back, fresh = since.keys() - missing, missing - since.keys()
    if back or fresh:
        async with database.write() as session:
            await _unmark(session, back)
            await _mark(session, fresh, now)
    return {**dict.fromkeys(fresh, now), **{name: since[name] for name in missing - fresh}}


async def tags_left_behind(
    session: AsyncSession, journeys: Collection[str], *, limit: int
) -> Sequence[CohortTag]:
    """Tags of these journeys' cohorts, but those of posts that guides may still publish."""
    published = exists().where(
        TouchRow.audience == Audience.COHORT,
        TouchRow.subject == CohortTag.cohort,
        TouchRow.status.in_(_PROMISED),
    )
    rows = await session.scalars(
        select(CohortTag)
        .where(CohortTag.retired_at.is_(None), CohortTag.journey.in_(list(journeys)), ~published)
        .order_by(CohortTag.cohort)
        .limit(limit)
    )
    return rows.all()


async def end_walk(session: AsyncSession, cohort: str) -> None:
    """Without its journey and its tag a cohort walks no further, should the journey come back."""
    await session.execute(
        update(JourneyWalk)
        .where(
            JourneyWalk.audience == Audience.COHORT,
            JourneyWalk.subject == cohort,
            JourneyWalk.next_due.is_not(None),
        )
        .values(next_due=None, ended_by=Rule.JOURNEY_REMOVED)
        .execution_options(synchronize_session=False)
    )
    await session.execute(
        update(TouchRow)
        .where(
            TouchRow.audience == Audience.COHORT,
            TouchRow.subject == cohort,
            TouchRow.status.in_(_PLANNED),
        )
        .values(
            status=TouchState.SKIPPED,
            rule=Rule.JOURNEY_REMOVED,
            explanation=Rule.JOURNEY_REMOVED.zh,
        )
        .execution_options(synchronize_session=False)
    )


def _name(journey: str) -> str:
    """Ids of journeys may be as long as the whole column."""
    return f"journey away:{hashlib.blake2b(journey.encode(), digest_size=16).hexdigest()}"


async def _marks(session: AsyncSession, journeys: Collection[str]) -> dict[str, datetime]:
    by_name = {_name(journey): journey for journey in journeys}
    rows = await session.scalars(select(Bookmark).where(Bookmark.name.in_(list(by_name))))
    return {by_name[row.name]: row.at for row in rows}


async def _mark(session: AsyncSession, journeys: Collection[str], now: datetime) -> None:
    rows = [
        {"name": _name(journey), "position": journey, "at": now} for journey in sorted(journeys)
    ]
    await insert_new(session, Bookmark, rows, unique=["name"], returning=Bookmark.name)


async def _unmark(session: AsyncSession, journeys: Collection[str]) -> None:
    names = [_name(journey) for journey in journeys]
    await session.execute(delete(Bookmark).where(Bookmark.name.in_(names)))
