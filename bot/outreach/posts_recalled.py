"""Posts that WeCom still means for somebody who opted out after guides were asked.

The tag comes off at once. WeCom does not say whether a post is for those who bear the tag when
it is made or when it is published, so it is asked for whom the post is. If they are still among
them and no guide has published, the post is taken back and asked for again without them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.customers.follows import JOINED
from bot.errors import RetryLater, WeComError
from bot.outreach.old_words import Mend, askable, is_published, take_back
from bot.outreach.plans import Plans
from bot.outreach.touch_rows import touch_of
from bot.store.contact_tables import Follow, TagJob
from bot.store.database import Database
from bot.store.outreach_tables import (
    CohortMember,
    OutreachTask,
    TaskKind,
    TaskPhase,
    TouchRow,
    TouchState,
)
from bot.store.tables import Customer, WorkState
from bot.wecom.client import WeComClient
from bot.wecom.moments import customers
from bot.wecom.paging import pages

_SOME = 20
_LATE_TAGS = timedelta(hours=1)
_LOOKED = "opted_out_looked_for"


@dataclass(frozen=True, slots=True)
class _Case:
    """Somebody who opted out, and one of their guides who was asked to publish."""

    touch: TouchRow
    task_id: int
    moment_id: str
    who: str
    userid: str

    @property
    def mark(self) -> str:
        """Kept with the touch, so that each is asked for once; it names nobody."""
        said = f"{self.touch.id}/{self.who}/{self.userid}".encode()
        return hashlib.blake2b(said, digest_size=8).hexdigest()


class PostRecall:
    """Asks WeCom about those who opted out; one look a person, guide and post."""

    def __init__(
        self, database: Database, client: WeComClient, clock: Clock, plans: Plans
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._plans = plans

    async def tick(self) -> None:
        async with self._database.glance() as session:
            cases = await self._cases(session)
        for case in cases[:_SOME]:
            try:
                listed = await self._is_listed(case)
            except RetryLater:
                return
            except WeComError as error:
                loggers.outreach.info("a post's audience is not told", reason=error.message)
                listed = False
            await self._note(case, recall=listed)

    async def _cases(self, session: AsyncSession) -> list[_Case]:
        cases = [
            _Case(touch, task.id, task.remote_id or "", who, userid)
            for touch, task, who, out_at, userid in await session.execute(_opted_out)
            if userid in task.body["guides"]
            and out_at is not None
            and out_at >= task.created_at - _LATE_TAGS
        ]
        return [
            case
            for case in cases
            if case.mark not in case.touch.outcome.get(_LOOKED, ()) and self._in_time(case.touch)
        ]

    def _in_time(self, touch: TouchRow) -> bool:
        """A post that could not be asked for again would be missed by everybody else."""
        journey = self._plans.running.get(touch.journey)
        step = journey.step(touch.step) if journey is not None else None
        now = self._clock.now()
        return (
            step is not None and askable(self._plans, step, touch_of(touch), now) is Mend.ASK_ANEW
        )

    async def _is_listed(self, case: _Case) -> bool:
        async for answer in pages(self._client.moments.audience, case.moment_id, case.userid):
            if case.who in customers(answer):
                return not await is_published(self._client, case.moment_id)
        return False

    async def _note(self, case: _Case, *, recall: bool) -> None:
        async with self._database.write() as session:
            touch = await session.get(TouchRow, case.touch.id, with_for_update=True)
            if touch is None or touch.status != TouchState.ASKED:
                return
            looked = [*touch.outcome.get(_LOOKED, ()), case.mark]
            touch.outcome = {**touch.outcome, _LOOKED: looked}
            if recall and await take_back(session, [case.task_id], self._clock.now()):
                loggers.outreach.info("a post is asked again without who left", task=case.task_id)


_waits = exists().where(
    TagJob.userid == Follow.userid,
    TagJob.external_userid == Follow.external_userid,
    TagJob.state == WorkState.READY,
)
_opted_out = (
    select(
        TouchRow,
        OutreachTask,
        Customer.external_userid,
        Customer.opted_out_at,
        Follow.userid,
    )
    .join(OutreachTask, OutreachTask.id == TouchRow.task_id)
    .join(CohortMember, CohortMember.cohort == TouchRow.subject)
    .join(Customer, Customer.external_userid == CohortMember.external_userid)
    .join(Follow, Follow.external_userid == Customer.external_userid)
    .where(
        OutreachTask.kind == TaskKind.MOMENT,
        OutreachTask.phase == TaskPhase.ASKED,
        OutreachTask.remote_id.is_not(None),
        TouchRow.status == TouchState.ASKED,
        CohortMember.left_at.is_not(None),
        Customer.opted_out_at.is_not(None),
        Follow.state.in_(JOINED),
        ~_waits,
    )
    .order_by(TouchRow.id, Customer.external_userid, Follow.userid)
)
