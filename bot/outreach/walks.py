"""Enrolments of the planner as rows, and back."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.outreach_tables import JourneyWalk
from scheduler import Audience, Enrolment, Journey, Progress, Rule, Signal, SignalKind

_KEY = ("audience", "subject", "journey")
_CHUNK = 300


def enrolment_of(row: JourneyWalk) -> Enrolment:
    """The planner's view of a row."""
    return Enrolment(
        journey=row.journey,
        audience=Audience(row.audience),
        subject=row.subject,
        segment=row.segment,
        started_at=row.started_at,
        since=row.since,
        cycle=row.cycle,
        guides=tuple(row.guides),
        signals=tuple(
            Signal(SignalKind(kind), datetime.fromisoformat(at), value)
            for kind, at, value in row.signals
        ),
        position=row.position,
        settled=tuple((step, datetime.fromisoformat(at)) for step, at in row.settled),
        not_before=row.not_before,
        deferred_by=Rule(row.deferred_by) if row.deferred_by else None,
        ended_by=Rule(row.ended_by) if row.ended_by else None,
    )


def _values(one: Enrolment, next_due: datetime | None) -> dict[str, Any]:
    return {
        "audience": one.audience,
        "subject": one.subject,
        "journey": one.journey,
        "external_userid": one.subject if one.audience is Audience.CUSTOMER else None,
        "segment": one.segment,
        "started_at": one.started_at,
        "since": one.since,
        "cycle": one.cycle,
        "guides": list(one.guides),
        "signals": [[each.kind, each.at.isoformat(), each.value] for each in one.signals],
        "position": one.position,
        "settled": [[step, at.isoformat()] for step, at in one.settled],
        "not_before": one.not_before,
        "deferred_by": one.deferred_by,
        "ended_by": one.ended_by,
        "next_due": next_due,
    }


async def save_walks(session: AsyncSession, progress: Iterable[Progress]) -> None:
    """Write walks in place of what is known of the same subject on the same journey."""
    rows = [_values(one.enrolment, one.next_due) for one in progress]
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    for start in range(0, len(rows), _CHUNK):
        statement = insert(JourneyWalk).values(rows[start : start + _CHUNK])
        changed = {name: statement.excluded[name] for name in rows[0] if name not in _KEY}
        await session.execute(
            statement.on_conflict_do_update(index_elements=list(_KEY), set_=changed)
        )


async def walks_of(
    session: AsyncSession,
    audience: Audience,
    subjects: Collection[str],
    *,
    active: bool = False,
) -> dict[str, list[Enrolment]]:
    """Walks by subject, ended ones too unless only `active` ones are wanted."""
    found: dict[str, list[Enrolment]] = {}
    wanted = sorted(subjects)
    for start in range(0, len(wanted), _CHUNK):
        query = select(JourneyWalk).where(
            JourneyWalk.audience == audience,
            JourneyWalk.subject.in_(wanted[start : start + _CHUNK]),
        )
        if active:
            query = query.where(JourneyWalk.ended_by.is_(None))
        for row in await session.scalars(query.execution_options(populate_existing=True)):
            found.setdefault(row.subject, []).append(enrolment_of(row))
    return found


async def cohort_walks(
    session: AsyncSession, journeys: Collection[str], *, since: datetime
) -> list[Enrolment]:
    """Cohorts under way, and those ended that began at `since` or later."""
    rows = await session.scalars(
        select(JourneyWalk).where(
            JourneyWalk.audience == Audience.COHORT,
            JourneyWalk.journey.in_(list(journeys)),
            or_(JourneyWalk.next_due.is_not(None), JourneyWalk.started_at >= since),
        )
    )
    return [enrolment_of(row) for row in rows]


def told(journey: Journey, walk: Enrolment, signal: Signal) -> Enrolment | None:
    """The walk after a signal that says something new to it, else None.

    A walk is finished once its last step is planned; until that step has gone out an exit
    still counts.
    """
    if signal.at <= walk.since and signal.kind not in _ALWAYS:
        return None
    if walk.ended_by is Rule.FINISHED:
        after = replace(walk, ended_by=None).with_signal(journey, signal)
        return after if after.ended_by is not None else None
    known = {(each.kind, each.value) for each in walk.signals if each.at > walk.since}
    if walk.ended_by is not None or (signal.kind, signal.value) in known:
        return None
    return walk.with_signal(journey, signal)


_ALWAYS = (SignalKind.OPTED_OUT, SignalKind.UNFRIENDED)
