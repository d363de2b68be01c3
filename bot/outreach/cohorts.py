"""Cohorts of newcomers: one corp tag a day and segment, put on once and taken off after use."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot import loggers
from bot.clock import Clock
from bot.customers.corp_tags import TagBook
from bot.customers.tagging import want_tags
from bot.errors import GiveUp, WeComError
from bot.outreach.cohort_mending import CohortMending
from bot.outreach.journeys_away import AWAY, end_walk, journeys_away, tags_left_behind
from bot.outreach.people import has_left
from bot.outreach.plans import Plans
from bot.outreach.walks import save_walks, walks_of
from bot.store.contact_tables import CorpTag, TagJob
from bot.store.database import Database
from bot.store.outreach_tables import TURN, CohortMember, CohortTag
from bot.store.tables import WorkState
from bot.store.upsert import insert_new
from scheduler import (
    Audience,
    Cohort,
    Customer,
    Journey,
    Progress,
    begin_cohort,
    cohort_of,
    next_due,
    retired,
    tag_name,
)

_CAUSE = "outreach"
_SOME = 20
"""So many tags are deleted in one tick, each with a call of its own."""


class CohortBook:
    """Knows who belongs to which cohort and keeps the tags at WeCom in step."""

    def __init__(self, database: Database, clock: Clock, plans: Plans, tags: TagBook) -> None:
        self._database = database
        self._clock = clock
        self._plans = plans
        self._tags = tags
        self._mending = CohortMending(database, clock, plans, self)

    async def join(
        self, session: AsyncSession, journey: Journey, person: Customer, *, now: datetime
    ) -> None:
        """Put a newcomer into the cohort of now; one who has been in one stays there."""
        segment = journey.segment_of(person.tags)
        if segment is None or not person.guides or person.opted_out:
            return
        who = person.external_userid
        if await session.get(CohortMember, (who, journey.id)) is not None:
            return
        cohort = cohort_of(journey, segment, now, self._plans.calendar)
        job = await self._tag(session, journey, cohort, who, person.guides[0], now)
        row = {
            "external_userid": who,
            "journey": journey.id,
            "cohort": cohort.key,
            "userid": person.guides[0],
            "tag_job_id": job,
            "joined_at": now,
        }
        await insert_new(
            session,
            CohortMember,
            [row],
            unique=["external_userid", "journey"],
            returning=CohortMember.cohort,
        )
        await self._begin(session, journey, cohort, person.guides[0], now)

    async def renew(
        self, session: AsyncSession, journey: Journey, person: Customer, *, now: datetime
    ) -> None:
        """Put somebody into the standing cohort of the segment they belong to as a run begins."""
        who = person.external_userid
        member = await session.get(CohortMember, (who, journey.id))
        if member is None:
            await self.join(session, journey, person, now=now)
            return
        segment = journey.segment_of(person.tags)
        if segment is None or not person.guides:
            await self.leave(session, journey.id, who, now=now)
            return
        cohort = cohort_of(journey, segment, now, self._plans.calendar)
        if member.left_at is None and member.cohort == cohort.key:
            return
        await self.leave(session, journey.id, who, now=now)
        member.cohort, member.userid = cohort.key, person.guides[0]
        member.joined_at, member.left_at = now, None
        await self.put_in(session, journey, cohort, member, now)

    async def _tag(
        self,
        session: AsyncSession,
        journey: Journey,
        cohort: Cohort,
        who: str,
        userid: str,
        now: datetime,
    ) -> int | None:
        name = tag_name(journey, cohort)
        group = journey.cohort.tag_group if journey.cohort else "朋友圈批次"
        row = {"cohort": cohort.key, "journey": journey.id, "name": name, "group_name": group}
        if not await insert_new(
            session, CohortTag, [row], unique=["cohort"], returning=CohortTag.cohort
        ):
            await _wanted_again(session, cohort.key)
        job = await want_tags(
            session,
            userid,
            who,
            names=[name],
            group=group,
            cause=_CAUSE,
            because=f"旅程「{journey.name}」的批次",
            now=now,
        )
        return job.id if job else None

    async def _begin(
        self, session: AsyncSession, journey: Journey, cohort: Cohort, userid: str, now: datetime
    ) -> None:
        """The cohort's own walk begins with its first member; its guides grow with the others."""
        known = (await walks_of(session, Audience.COHORT, [cohort.key])).get(cohort.key)
        if known and userid in known[0].guides:
            return
        guides = (*known[0].guides, userid) if known else (userid,)
        calendar = self._plans.calendar
        day = cohort.day or calendar.local_day(now)
        walk = begin_cohort(journey, cohort, day, guides, calendar)
        if known:
            walk = replace(known[0], guides=guides)
        await save_walks(session, [Progress(walk, next_due(journey, walk, calendar))])

    async def begin_standing(self, session: AsyncSession, journey: Journey, day: date) -> None:
        """The standing cohorts of a date journey walk it anew from `day`."""
        calendar = self._plans.calendar
        for segment in journey.segments if journey.steps_for(Audience.COHORT) else ():
            cohort = Cohort(journey.id, segment.name, None)
            guides = tuple(await guides_of(session, cohort.key))
            known = (await walks_of(session, Audience.COHORT, [cohort.key])).get(cohort.key)
            walk = begin_cohort(journey, cohort, day, guides, calendar)
            if guides and (not known or known[0].cycle != walk.cycle):
                await save_walks(session, [Progress(walk, next_due(journey, walk, calendar))])

    async def leave(self, session: AsyncSession, journey: str, who: str, *, now: datetime) -> None:
        """Take the tag off somebody who left the journey, so that no further post is shown."""
        member = await session.get(CohortMember, (who, journey))
        if member is None or member.left_at is not None:
            return
        member.left_at = now
        if await _dropped(session, member.tag_job_id, now):
            return
        await self.take_off(session, member, member.cohort, because="已离开旅程", now=now)

    async def leave_all(self, session: AsyncSession, who: str, *, now: datetime) -> None:
        """Take every cohort tag off somebody who wants to be left alone."""
        rows = await session.scalars(
            select(CohortMember.journey).where(
                CohortMember.external_userid == who, CohortMember.left_at.is_(None)
            )
        )
        for journey in list(rows):
            await self.leave(session, journey, who, now=now)

    async def tick(self) -> None:
        """Mend what is wrong with members' tags; delete tags no longer needed."""
        await self._mending.tick()
        await self._retire()

    async def put_in(
        self,
        session: AsyncSession,
        journey: Journey,
        cohort: Cohort,
        member: CohortMember,
        now: datetime,
    ) -> None:
        """Tag a member for this cohort, be it another one or the same anew."""
        who, userid = member.external_userid, member.userid
        member.tag_job_id = await self._tag(session, journey, cohort, who, userid, now)
        if member.cohort != cohort.key:
            member.cohort, member.joined_at = cohort.key, now
        await self._begin(session, journey, cohort, userid, now)

    async def take_off(
        self,
        session: AsyncSession,
        member: CohortMember,
        cohort: str,
        *,
        because: str,
        now: datetime,
    ) -> None:
        """Take a cohort's tag off somebody who may or may not bear it."""
        if tag_ids := await _tag_ids(session, [cohort]):
            await want_tags(
                session,
                member.userid,
                member.external_userid,
                remove=tag_ids,
                cause=_CAUSE,
                because=because,
                now=now,
            )

    async def _retire(self) -> None:
        now, journeys = self._clock.now(), self._plans.journeys
        today = self._plans.calendar.local_day(now)
        async with self._database.read() as session:
            kept = select(CohortTag).where(
                CohortTag.retired_at.is_(None), CohortTag.journey.in_(list(journeys))
            )
            tags = {row.cohort: row for row in await session.scalars(kept)}
            walks = await walks_of(session, Audience.COHORT, tags)
        known = [one for several in walks.values() for one in several]
        for one in retired(journeys.values(), known, today, self._plans.calendar)[:_SOME]:
            await self._delete(tags[one.subject], now)
        await self._retire_left_behind(now)

    async def _retire_left_behind(self, now: datetime) -> None:
        away = await journeys_away(self._database, self._plans.journeys, now)
        gone = [journey for journey, since in away.items() if now - since >= AWAY]
        if not gone:
            return
        async with self._database.read() as session:
            tags = await tags_left_behind(session, gone, limit=_SOME)
        for row in tags:
            await self._delete(row, now)

    async def _delete(self, row: CohortTag, now: datetime) -> None:
        async with self._database.read() as session:
            shared = await _is_shared(session, row)
            tag_ids = [] if shared else await _tag_ids(session, [row.cohort])
        for tag_id in tag_ids:
            try:
                await self._tags.delete(tag_id, perhaps_ours=True)
            except GiveUp as error:
                loggers.outreach.info("a cohort's tag stays", tag=row.name, reason=error.message)
            except WeComError as error:
                loggers.outreach.warning("a cohort's tag was not deleted", exc_info=error)
                return
        async with self._database.write() as session:
            await self._database.alone(session, TURN)
            await session.execute(
                update(CohortTag).where(CohortTag.cohort == row.cohort).values(retired_at=now)
            )
            await session.execute(
                update(CohortMember)
                .where(CohortMember.cohort == row.cohort, CohortMember.left_at.is_(None))
                .values(left_at=now)
            )
            if row.journey not in self._plans.journeys:
                await end_walk(session, row.cohort)


async def _wanted_again(session: AsyncSession, cohort: str) -> None:
    """A tag deleted while its journey was away is made anew, and retires again one day."""
    await session.execute(
        update(CohortTag)
        .where(CohortTag.cohort == cohort, CohortTag.retired_at.is_not(None))
        .values(retired_at=None)
        .execution_options(synchronize_session=False)
    )


async def _is_shared(session: AsyncSession, row: CohortTag) -> bool:
    """Whether a cohort of another journey goes by the same tag: one copied under another id."""
    other = aliased(CohortTag)
    found = select(other.cohort).where(
        other.name == row.name, other.cohort != row.cohort, other.retired_at.is_(None)
    )
    return await session.scalar(found.limit(1)) is not None


async def _dropped(session: AsyncSession, tag_job: int | None, now: datetime) -> bool:
    """Whether the tag was still to be put on, and now will not be."""
    dropped: Any = await session.execute(
        update(TagJob)
        .where(TagJob.id == tag_job, TagJob.state == WorkState.READY, TagJob.attempts == 0)
        .values(state=WorkState.FAILED, finished_at=now, error="已离开旅程")
        .execution_options(synchronize_session=False)
    )
    return bool(dropped.rowcount)


async def _tag_ids(session: AsyncSession, cohorts: Collection[str]) -> list[str]:
    """The corp tags of these cohorts, as far as WeCom has them."""
    rows = await session.scalars(
        select(CorpTag.tag_id)
        .join(CohortTag, CohortTag.name == CorpTag.name)
        .where(
            CohortTag.cohort.in_(list(cohorts)),
            CorpTag.deleted_at.is_(None),
        )
    )
    return list(rows)


async def guides_of(session: AsyncSession, cohort: str) -> list[str]:
    """The guides through whom the members of a cohort bear its tag."""
    rows = await session.scalars(
        select(CohortMember.userid)
        .where(
            CohortMember.cohort == cohort,
            CohortMember.left_at.is_(None),
            ~has_left(CohortMember.userid),
        )
        .distinct()
        .order_by(CohortMember.userid)
    )
    return list(rows)
