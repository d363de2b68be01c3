"""What became of a call whose answer was lost: looked for at WeCom by words, time and sender."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import select

from bot.clock import Clock, RunningClock, as_real
from bot.customers.erasures import erased_among
from bot.outreach.attachments import text_of
from bot.store.database import Database
from bot.store.outreach_tables import CohortMember, OutreachTask, TaskKind
from bot.wecom.client import WeComClient
from bot.wecom.mass_sends import confirmations, deliveries, mass_sends
from bot.wecom.moments import customers, posts, publishers
from bot.wecom.paging import pages

_SLACK = timedelta(minutes=2)
_SLACK_REAL = timedelta(seconds=3)
_MACHINE_PAST = timedelta(hours=12)
_VISIBLE_AFTER = timedelta(seconds=30)
_VISIBLE_AFTER_REAL = timedelta(seconds=1.5)
_LOOKS = 2
_LONGEST = timedelta(days=27)
"""WeCom lists at most a month; what was made was made soon after the call."""


class Doubt(Enum):
    """`absent`: surely not made; `unsure`: more than one could be ours."""

    ABSENT = "absent"
    LOOK_AGAIN = "look_again"
    UNSURE = "unsure"


class ReadBack:
    """Looks for a task of ours among the corp's."""

    def __init__(self, database: Database, client: WeComClient, clock: Clock) -> None:
        self._database = database
        self._client = client
        self._clock = clock

    async def look_for(self, task: OutreachTask) -> str | Doubt:
        """The task's id at WeCom, or how sure it is that there is none."""
        called_at = task.called_at or task.created_at
        if task.kind == TaskKind.MOMENT:
            found = [one async for one in self._moments(task, called_at)]
        else:
            found = [one async for one in self._mass_sends(task, called_at)]
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            return Doubt.UNSURE
        waited = self._clock.now() - called_at >= as_real(self._clock, _VISIBLE_AFTER_REAL)
        waited = waited and self._clock.now() - called_at >= _VISIBLE_AFTER
        return Doubt.ABSENT if waited and task.looks >= _LOOKS else Doubt.LOOK_AGAIN

    async def _mass_sends(self, task: OutreachTask, called_at: datetime) -> AsyncIterator[str]:
        text, to_groups = text_of(task.body["parts"]), task.kind == TaskKind.GROUP_MASS_SEND
        seen: set[str] = set()
        for start, end in self._windows(called_at):
            ask = self._client.mass_sends.tasks_between
            async for answer in pages(ask, start, end, to_groups=to_groups):
                for one in mass_sends(answer):
                    if one.text != text or one.msgid in seen:
                        continue
                    seen.add(one.msgid)
                    if await self._is_free(one.msgid):
                        if await self._same_people(one.msgid, task):
                            yield one.msgid

    def _windows(self, called_at: datetime) -> list[tuple[datetime, datetime]]:
        """When the task may have been made; by the machine's clock, too, beside one that was
        set: nobody knows by which of them a stand-in goes."""
        slack = max(_SLACK, as_real(self._clock, _SLACK_REAL))
        now = min(self._clock.now(), called_at + _LONGEST)
        windows = [(called_at - slack, max(now, called_at) + slack)]
        if isinstance(self._clock, RunningClock):
            machine = self._clock.machine
            windows.append((machine - _MACHINE_PAST, machine + _SLACK))
        return windows

    async def _same_people(self, msgid: str, task: OutreachTask) -> bool:
        """The list does not name the sender; the members' list and the results do."""
        members = confirmations(await self._client.mass_sends.members(msgid))
        if {one.userid for one in members} != {task.sender}:
            return False
        results = await self._client.mass_sends.results(msgid, task.sender)
        targets = {one.target for one in deliveries(results)}
        strangers = targets - set(map(str, task.audience))
        if not strangers:
            return True
        async with self._database.read() as session:
            return strangers <= set(await erased_among(session, strangers))

    async def _moments(self, task: OutreachTask, called_at: datetime) -> AsyncIterator[str]:
        text, guides = text_of(task.body["parts"]), set(task.body["guides"])
        seen: set[str] = set()
        for start, end in self._windows(called_at):
            async for answer in pages(self._client.moments.posts_between, start, end):
                for one in posts(answer):
                    if not one.text.startswith(text) or one.moment_id in seen:
                        continue
                    seen.add(one.moment_id)
                    if await self._is_free(one.moment_id):
                        members = publishers(await self._client.moments.members(one.moment_id))
                        if set(members) <= guides and await self._same_cohort(
                            one.moment_id, members, task
                        ):
                            yield one.moment_id

    async def _same_cohort(
        self, moment_id: str, members: Collection[str], task: OutreachTask
    ) -> bool:
        """Another cohort may be told the same words by the same guides in the same hour."""
        nobody = True
        for userid in sorted(members):
            answer = await self._client.moments.audience(moment_id, userid)
            if people := customers(answer):
                nobody = False
                if await self._any_of_cohort(people, task):
                    return True
        return nobody

    async def _any_of_cohort(self, people: Sequence[str], task: OutreachTask) -> bool:
        async with self._database.read() as session:
            found = await session.scalar(
                select(CohortMember.external_userid)
                .where(
                    CohortMember.external_userid.in_(people),
                    CohortMember.cohort.in_(list(task.audience)),
                )
                .limit(1)
            )
        return found is not None

    async def _is_free(self, remote_id: str) -> bool:
        """Whether no other task of ours is this one."""
        async with self._database.read() as session:
            known = await session.scalar(
                select(OutreachTask.id).where(OutreachTask.remote_id == remote_id)
            )
        return known is None
