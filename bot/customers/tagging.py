"""Putting tags on customers and taking them off: promised first, one pair at a time, with why."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.customers.corp_tags import TagBook
from bot.customers.follows import OPEN, FollowState
from bot.customers.same_person import lock_customer
from bot.customers.tag_checks import want_check
from bot.customers.tag_names import refresh_tag_names
from bot.customers.tag_rows import note_tag_changes, write_tags
from bot.errors import GiveUp, NotFound, RetryLater, TellGuide
from bot.store.claims import settle
from bot.store.contact_tables import Follow, FollowTag, TagJob
from bot.store.database import Database
from bot.store.tables import WorkState
from bot.wecom.client import WeComClient

DEFAULT_GROUP = "机器人"
BY_RULE = "rule:"
_UNTIL_CONFIRMED = 900.0


async def want_tags(
    session: AsyncSession,
    userid: str,
    external_userid: str,
    *,
    add: Collection[str] = (),
    remove: Collection[str] = (),
    names: Collection[str] = (),
    group: str = DEFAULT_GROUP,
    cause: str,
    because: str = "",
    now: datetime,
) -> TagJob | None:
    """Promise tags for a pair in the caller's transaction; None when there is nothing to do.

    `add` and `remove` are ids; tags given by `names` are created in `group` when WeCom has none.
    """
    borne, busy = await _situation(session, userid, external_userid)
    adding = set(add) if busy else set(add) - borne
    removing = set(remove) if busy else set(remove) & borne
    if not (adding or removing or names):
        return None
    row = tag_row(
        userid,
        external_userid,
        add=adding,
        remove=removing,
        names=names,
        group=group,
        cause=cause,
        because=because,
        now=now,
    )
    job = TagJob(**row)
    session.add(job)
    await session.flush()
    return job


def tag_row(
    userid: str,
    external_userid: str,
    *,
    add: Collection[str] = (),
    remove: Collection[str] = (),
    names: Collection[str] = (),
    group: str = DEFAULT_GROUP,
    cause: str,
    because: str = "",
    now: datetime,
) -> dict[str, Any]:
    """The promise as a row of `TagJob`, whatever the pair bears by now."""
    return {
        "lane": _lane(userid, external_userid),
        "state": WorkState.READY,
        "due_at": now,
        "attempts": 0,
        "userid": userid,
        "external_userid": external_userid,
        "add": sorted(add),
        "remove": sorted(remove),
        "names": list(dict.fromkeys(names)),
        "group_name": group[:64],
        "cause": cause[:80],
        "because": because[:200],
        "created_at": now,
    }


def _lane(userid: str, external_userid: str) -> str:
    return f"tag:{userid}/{external_userid}"[:200]


async def _situation(
    session: AsyncSession, userid: str, external_userid: str
) -> tuple[set[str], bool]:
    """The tags that the pair bears, and whether other changes of it still wait.

    Those that wait come first: what another replica carries out meanwhile is borne by then.
    """
    waiting = await session.scalar(
        select(TagJob.id)
        .where(TagJob.lane == _lane(userid, external_userid), TagJob.state == WorkState.READY)
        .limit(1)
    )
    borne = await borne_tags(session, userid, external_userid)
    return borne, waiting is not None


async def borne_tags(session: AsyncSession, userid: str, external_userid: str) -> set[str]:
    """The ids of the tags that a pair bears."""
    return set(
        await session.scalars(
            select(FollowTag.tag_id).where(
                FollowTag.userid == userid, FollowTag.external_userid == external_userid
            )
        )
    )


class Tagger:
    """Carries out tag jobs. WeCom sends no callback for what the API changed, so the outcome is
    written down here."""

    def __init__(
        self, database: Database, client: WeComClient, clock: Clock, tags: TagBook
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._tags = tags

    async def handle(self, job: TagJob) -> None:
        """Mark one pair and record how it ended; what may be retried is raised."""
        try:
            await self._check(job)
            add = await self._ids(job)
            if add or job.remove:
                await self._client.contacts.mark(
                    job.userid, job.external_userid, add=add, remove=job.remove
                )
        except (TellGuide, GiveUp, NotFound) as error:
            await self._refused(job, error)
            return
        await self._record(job, add)

    async def _check(self, job: TagJob) -> None:
        async with self._database.read() as session:
            follow = await session.get(Follow, (job.userid, job.external_userid))
        if follow is None or follow.state not in OPEN:
            raise NotFound("导购与这位客户已不是好友，没有打标签")
        if follow.state == FollowState.HALF:
            raise RetryLater("导购还没有通过客户的好友申请", wait_seconds=_UNTIL_CONFIRMED)

    async def _ids(self, job: TagJob) -> list[str]:
        named = await self._tags.ids_for(job.names, group=job.group_name) if job.names else {}
        async with self._database.read() as session:
            borne = await borne_tags(session, job.userid, job.external_userid)
        return sorted({*job.add, *(tag_id for tag_id in named.values() if tag_id not in borne)})

    async def _record(self, job: TagJob, add: list[str]) -> None:
        now = self._clock.now()
        key = (job.userid, job.external_userid)
        async with self._database.write() as session:
            if not await settle(session, job, now=now, state=WorkState.DONE, error=None):
                return
            await lock_customer(session, job.external_userid)
            borne = await borne_tags(session, *key)
            new, gone = set(add) - borne, set(job.remove) & borne
            await write_tags(session, key, add=new, remove=gone)
            await note_tag_changes(
                session, key, add=new, remove=gone, cause=job.cause, because=job.because, now=now
            )
            await session.execute(
                update(Follow)
                .where(Follow.userid == job.userid, Follow.external_userid == job.external_userid)
                .values(read_at=now)
            )
            await refresh_tag_names(session, [job.external_userid])
            if (new or gone) and job.cause.startswith(BY_RULE):
                # The rule may have ceased to hold while its tag was on the way.
                await want_check(session, [job.external_userid], now=now)

    async def _refused(self, job: TagJob, error: TellGuide | GiveUp | NotFound) -> None:
        loggers.customers.warning("tags were refused", job=job.id, exc_info=error)
        code = error.errcode if isinstance(error, (TellGuide, GiveUp)) else None
        async with self._database.write() as session:
            await settle(
                session,
                job,
                now=self._clock.now(),
                state=WorkState.FAILED,
                error=error.message,
                errcode=code,
            )
