"""Relations that a complete reading no longer found: closed, never erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.customers.contact_events import RelationChange, note_changes
from bot.customers.follow_rows import of_pairs
from bot.customers.follows import JOINED, FollowChange, FollowState
from bot.customers.same_person import lock_customers
from bot.customers.sync_runs import MemberState
from bot.customers.tag_names import refresh_tag_names
from bot.store.contact_tables import Follow, SyncMember, SyncRun

_CHUNK = 400
_SUSPICIOUS = 20


@dataclass(frozen=True, slots=True)
class Closed:
    """How many relations were closed, and how many customers have none left."""

    follows: int = 0
    customers: int = 0
    more: bool = False


async def close_missing(session: AsyncSession, run: SyncRun, *, now: datetime) -> Closed:
    """Close some of the relations that this run should have seen and did not.

    When all or most of a corp would vanish at once, the app has lost its view rather than the
    shop its customers: nothing is closed then.
    """
    missing = _missing(run)
    keys = await session.execute(
        select(Follow.userid, Follow.external_userid)
        .where(missing)
        .order_by(Follow.userid, Follow.external_userid)
        .limit(_CHUNK)
    )
    pairs = [(userid, who) for userid, who in keys]
    if not pairs or await _too_many(session, run, missing):
        return Closed()
    await lock_customers(session, {who for _, who in pairs})
    closed = await session.execute(
        update(Follow)
        .where(of_pairs(Follow, pairs), missing)  # they may have been heard of meanwhile
        .values(state=FollowState.MISSING, until=now)
        .returning(Follow.userid, Follow.external_userid)
        .execution_options(synchronize_session=False)
    )
    more = len(pairs) == _CHUNK
    pairs = [(userid, who) for userid, who in closed]
    kind, detail = FollowChange.MISSING, {"run": run.id}
    await note_changes(
        session,
        [
            RelationChange(userid=userid, external_userid=who, kind=kind, at=now, detail=detail)
            for userid, who in pairs
        ],
    )
    people = {who for _, who in pairs}
    await refresh_tag_names(session, people)
    return Closed(len(pairs), await _alone(session, people), more)


def _missing(run: SyncRun) -> Any:
    read = select(SyncMember.userid).where(
        SyncMember.run_id == run.id, SyncMember.state == MemberState.DONE
    )
    return and_(
        Follow.state == FollowState.ACTIVE,
        or_(Follow.sweep.is_(None), Follow.sweep != run.id),
        or_(Follow.state_at.is_(None), Follow.state_at < run.started_at),
        or_(Follow.read_at.is_(None), Follow.read_at < run.started_at),
        Follow.userid.in_(read),
    )


async def _too_many(session: AsyncSession, run: SyncRun, missing: Any) -> bool:
    gone = await session.scalar(select(func.count()).select_from(Follow).where(missing)) or 0
    found = (Follow.state == FollowState.ACTIVE, Follow.sweep == run.id)
    seen = await session.scalar(select(Follow.userid).where(*found).limit(1))
    if gone < _SUSPICIOUS and seen is not None:
        return False
    kept = (
        await session.scalar(
            select(func.count()).select_from(Follow).where(Follow.state == FollowState.ACTIVE)
        )
        or 0
    )
    if gone * 2 < kept and seen is not None:
        return False
    loggers.customers.error("most contacts have vanished; nothing was closed", missing=gone)
    return True


async def _alone(session: AsyncSession, people: set[str]) -> int:
    accompanied = await session.scalar(
        select(func.count(Follow.external_userid.distinct())).where(
            Follow.external_userid.in_(people), Follow.state.in_(JOINED)
        )
    )
    return len(people) - (accompanied or 0)


async def count_customers(session: AsyncSession, run_id: int) -> int:
    """How many different people this run saw."""
    return (
        await session.scalar(
            select(func.count(Follow.external_userid.distinct())).where(Follow.sweep == run_id)
        )
        or 0
    )
