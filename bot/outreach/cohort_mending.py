"""Members of cohorts whose tag is late, was given up, or hangs on a guide whom they lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Select, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.clock import Clock
from bot.customers.follows import JOINED, FollowState
from bot.outreach.people import has_left
from bot.outreach.planning import TURN
from bot.outreach.plans import Plans
from bot.store.contact_tables import CorpTag, Follow, FollowTag, TagJob
from bot.store.database import Database
from bot.store.outreach_tables import CohortMember, CohortTag
from bot.store.tables import WorkState
from scheduler import Cohort, cohort_of

if TYPE_CHECKING:
    from bot.outreach.cohorts import CohortBook

_SOME = 200
_STILL_NEW = timedelta(days=7)
_NOW_AND_THEN = timedelta(minutes=30)
Wanted: TypeAlias = Select[CohortMember, Any]
_Mend: TypeAlias = Callable[[AsyncSession, CohortMember, Any, datetime], Awaitable[None]]


class CohortMending:
    """Sees to it that everybody bears one tag of a cohort whose days are still to come."""

    def __init__(self, database: Database, clock: Clock, plans: Plans, book: CohortBook) -> None:
        self._database = database
        self._clock = clock
        self._plans = plans
        self._book = book
        self._looked_at: datetime | None = None

    async def tick(self) -> None:
        """Move those whose tag came too late to a later cohort; tag anew who is without."""
        now = self._clock.now()
        await self._each(self._untagged(now), self._tag_again, now, hold=TagJob)
        if self._looked_at is None or abs(now - self._looked_at) >= _NOW_AND_THEN:
            await self._each(_lost(), self._by_another, now)
            await self._each(_still_tagged(now), self._take_off, now)
            self._looked_at = now

    async def _each(self, wanted: Wanted, mend: _Mend, now: datetime, *, hold: Any = None) -> None:
        """Rows of `hold` are locked: what a worker takes up is left to the worker."""
        async with self._database.read() as session:
            if (await session.execute(wanted.limit(1))).first() is None:
                return
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            if hold is not None:
                wanted = wanted.with_for_update(of=hold, skip_locked=True)
            for member, other in (await session.execute(wanted.limit(_SOME))).all():
                await mend(session, member, other, now)

    def _untagged(self, now: datetime) -> Wanted:
        """A tag not on by midnight would miss the first post: its bearer goes with today's."""
        calendar = self._plans.calendar
        today = calendar.at(calendar.local_day(now), time(0))
        late = and_(
            TagJob.state == WorkState.READY,
            TagJob.leased_until.is_(None),
            CohortMember.joined_at < today,
        )
        given_up = and_(TagJob.state == WorkState.DEAD, Follow.since >= now - _STILL_NEW)
        return (
            select(CohortMember, TagJob)
            .join(TagJob, TagJob.id == CohortMember.tag_job_id)
            .join(
                Follow,
                and_(
                    Follow.userid == CohortMember.userid,
                    Follow.external_userid == CohortMember.external_userid,
                ),
            )
            .where(CohortMember.left_at.is_(None), or_(late, given_up))
            .order_by(CohortMember.joined_at)
        )

    async def _tag_again(
        self, session: AsyncSession, member: CohortMember, job: TagJob, now: datetime
    ) -> None:
        journey = self._plans.journeys.get(member.journey)
        if journey is None:
            return
        before, cohort = member.cohort, self._cohort_now(member, now)
        if job.state == WorkState.READY and cohort.key == before:
            return
        tried = job.attempts > 0
        job.state, job.finished_at, job.error = WorkState.FAILED, now, "改到后一批"
        await self._book.put_in(session, journey, cohort, member, now)
        if tried and cohort.key != before:
            await self._book.take_off(session, member, before, because="改到后一批", now=now)

    def _cohort_now(self, member: CohortMember, now: datetime) -> Cohort:
        before = Cohort.of_key(member.cohort)
        if before.day is None:
            return before
        journey = self._plans.journeys[member.journey]
        return cohort_of(journey, before.segment, now, self._plans.calendar)

    async def _by_another(
        self, session: AsyncSession, member: CohortMember, userid: str, now: datetime
    ) -> None:
        """The posts of the same cohort reach them through another guide."""
        journey = self._plans.journeys.get(member.journey)
        if journey is None:
            return
        member.userid = userid
        await self._book.put_in(session, journey, Cohort.of_key(member.cohort), member, now)

    async def _take_off(
        self, session: AsyncSession, member: CohortMember, tag_id: str, now: datetime
    ) -> None:
        await self._book.take_off(session, member, member.cohort, because="已离开旅程", now=now)


def _still_tagged(now: datetime) -> Wanted:
    """Members who left, whose tag is on all the same: it came later, or WeCom was in trouble."""
    waits = exists().where(
        TagJob.userid == CohortMember.userid,
        TagJob.external_userid == CohortMember.external_userid,
        TagJob.state == WorkState.READY,
    )
    return (
        select(CohortMember, FollowTag.tag_id)
        .join(CohortTag, CohortTag.cohort == CohortMember.cohort)
        .join(
            FollowTag,
            and_(
                FollowTag.userid == CohortMember.userid,
                FollowTag.external_userid == CohortMember.external_userid,
            ),
        )
        .join(CorpTag, and_(CorpTag.tag_id == FollowTag.tag_id, CorpTag.name == CohortTag.name))
        .where(
            CohortMember.left_at >= now - _STILL_NEW,
            CohortTag.retired_at.is_(None),
            CorpTag.deleted_at.is_(None),
            ~waits,
        )
    )


def _lost() -> Wanted:
    """Members whose guide is gone, each with another one of theirs."""
    own, other = aliased(Follow), aliased(Follow)
    return (
        select(CohortMember, func.min(other.userid))
        .join(
            own,
            and_(
                own.userid == CohortMember.userid,
                own.external_userid == CohortMember.external_userid,
            ),
        )
        .join(other, other.external_userid == CohortMember.external_userid)
        .where(
            CohortMember.left_at.is_(None),
            or_(own.state.not_in(JOINED), has_left(own.userid)),
            other.state == FollowState.ACTIVE,
            ~has_left(other.userid),
        )
        .group_by(CohortMember.external_userid, CohortMember.journey)
        .order_by(CohortMember.joined_at)
    )
