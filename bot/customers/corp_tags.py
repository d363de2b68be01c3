"""Corp tags both ways: read from WeCom, created and edited there where WeCom lets us."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Collection, Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.customers.tag_listing import mark_deleted, store_groups
from bot.customers.tag_making import begin_making, end_making
from bot.customers.tag_plan import TagPlan
from bot.customers.tally import Tally
from bot.delivery.routing import Effect, EventRouter
from bot.errors import GiveUp, NotFound, UnknownOutcome, Unprocessable
from bot.store.contact_tables import CorpTag, TagGroup
from bot.store.database import Database
from bot.wecom.client import WeComClient
from bot.wecom.contacts import tag_groups
from bot.wecom.events import InboundEvent, TagChanged

MAX_NAME = 30
_A_CALL = 100
_NAME_TAKEN = 40071
_LISTING = "list of corp tags"


class TagBook:
    """Knows the corp's tags; whatever it changes over the API it writes down at once."""

    def __init__(self, database: Database, client: WeComClient, clock: Clock) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._creating = asyncio.Lock()

    def add_to(self, router: EventRouter) -> None:
        router.on(TagChanged.kind, self.handle)

    async def read_all(self) -> Tally:
        """Take over WeCom's whole list; what is no longer on it is marked deleted."""
        asked_at = self._clock.now()
        groups = tag_groups(await self._client.contacts.corp_tags())
        async with self._database.write() as session:
            await self._database.alone(session, _LISTING)
            return await store_groups(
                session, groups, asked_at=asked_at, now=self._clock.now(), whole=True
            )

    async def handle(self, event: InboundEvent) -> Effect:
        """Read again what a callback names; a deleted tag needs no reading."""
        if not isinstance(event, TagChanged):
            raise TypeError(f"not a change of tags: {event.event}")
        if event.change_type == "delete":
            return functools.partial(
                mark_deleted,
                tag_ids=[] if event.is_group else [event.id],
                group_ids=[event.id] if event.is_group else [],
                now=event.at or self._clock.now(),
            )
        return await self._read_again(event)

    async def _read_again(self, event: TagChanged) -> Effect:
        asked_at = self._clock.now()
        tags = [] if event.is_group or not event.id else [event.id]
        named = [event.id] if event.is_group and event.id else []
        try:
            answer = await self._client.contacts.corp_tags(tag_ids=tags, group_ids=named)
        except GiveUp:
            answer = {}  # WeCom: 40068 for an id that is gone

        async def effect(session: AsyncSession) -> None:
            now = self._clock.now()
            groups = tag_groups(answer)
            await self._database.alone(session, _LISTING)
            await store_groups(
                session, groups, asked_at=asked_at, now=now, whole=not event.id, entire=bool(named)
            )
            listed = {group.group_id for group in groups if not group.deleted}
            present = {tag.tag_id for group in groups for tag in group.tags if not tag.deleted}
            await mark_deleted(
                session,
                tag_ids=[one for one in tags if one not in present],
                group_ids=[one for one in named if one not in listed],
                now=now,
            )

        return effect

    async def ids_for(self, names: Collection[str], *, group: str) -> dict[str, str]:
        """The ids of tags by name; those that do not exist are created in `group`."""
        wanted = list(dict.fromkeys(name.strip()[:MAX_NAME] for name in names if name.strip()))
        known = await self._ids(wanted, group)
        missing = [name for name in wanted if name not in known]
        if not missing:
            return known
        async with self._creating:
            known = await self._ids(wanted, group)
            if not known.keys() >= set(wanted):
                known = await self._created(wanted, group)
        return known

    async def _created(self, names: Sequence[str], group: str) -> dict[str, str]:
        """A process that was stopped, or a colleague, may have created them without our book
        knowing, so WeCom is read first; and again when another replica was quicker."""
        await self.read_all()
        known = await self._ids(names, group)
        missing = [name for name in names if name not in known]
        if not missing:
            return known
        try:
            await self._create(group, missing)
        except GiveUp as error:
            if error.errcode != _NAME_TAKEN:
                raise
            await self.read_all()
            known = await self._ids(names, group)
            if not known.keys() >= set(names):
                raise
        return await self._ids(names, group)

    async def apply(self, plan: TagPlan) -> list[str]:
        """Create whatever of the plan is not there; returns the names that were created."""
        await self.read_all()
        created: list[str] = []
        async with self._creating:
            for group in plan.groups:
                there = await self._names_in(group.name)
                missing = [name for name in group.tags if name not in there]
                if missing:
                    await self._create(group.name, missing)
                    created += missing
        return created

    async def rename(self, tag_id: str, name: str) -> None:
        """Rename one of our own tags; raises `Unprocessable` for somebody else's."""
        await self._ours(tag_id)
        await self._client.contacts.change_tag(tag_id, name=name)
        async with self._database.write() as session:
            await session.execute(
                update(CorpTag)
                .where(CorpTag.tag_id == tag_id)
                .values(name=name, refresh_from="", read_at=self._clock.now())
            )

    async def delete(self, tag_id: str, *, perhaps_ours: bool = False) -> None:
        """Delete one of our own tags; raises `Unprocessable` for somebody else's.

        `perhaps_ours`: we may have made it without living to write that down; WeCom decides.
        """
        if not perhaps_ours:
            await self._ours(tag_id)
        await self._client.contacts.delete_tags(tag_ids=[tag_id])
        async with self._database.write() as session:
            await mark_deleted(session, tag_ids=[tag_id], now=self._clock.now())

    async def _ours(self, tag_id: str) -> None:
        async with self._database.read() as session:
            tag = await session.get(CorpTag, tag_id)
        if tag is None or tag.deleted_at is not None:
            raise NotFound(f"没有标签 {tag_id}")
        if not tag.ours:
            raise Unprocessable(
                f"标签「{tag.name}」不是本应用创建的，企业微信只允许在管理后台或创建它的应用里修改"
            )

    async def _ids(self, names: Sequence[str], group: str) -> dict[str, str]:
        """By name; of several with one name the one in `group`, then the first in order."""
        async with self._database.read() as session:
            rows = await session.execute(
                select(CorpTag.name, CorpTag.tag_id, TagGroup.name)
                .join(TagGroup, TagGroup.group_id == CorpTag.group_id)
                .where(CorpTag.name.in_(names), CorpTag.deleted_at.is_(None))
                .order_by((TagGroup.name == group), CorpTag.tag_id.desc())
            )
            return {name: tag_id for name, tag_id, _ in rows}

    async def _names_in(self, group: str) -> set[str]:
        async with self._database.read() as session:
            names = await session.scalars(
                select(CorpTag.name)
                .join(TagGroup, TagGroup.group_id == CorpTag.group_id)
                .where(TagGroup.name == group, CorpTag.deleted_at.is_(None))
            )
            return set(names)

    async def _create(self, group: str, names: Sequence[str]) -> None:
        for start in range(0, len(names), _A_CALL):
            await self._create_some(group[:MAX_NAME], names[start : start + _A_CALL])

    async def _create_some(self, group: str, names: Sequence[str]) -> None:
        asked_at = self._clock.now()
        async with self._database.write() as session:
            await begin_making(session, group, names, now=asked_at)
        try:
            groups = tag_groups(await self._client.contacts.create_tags(group, names))
        except GiveUp:
            async with self._database.write() as session:
                await end_making(session, group, names)
            raise
        except UnknownOutcome:
            # A second call could make them twice: look whether the first one arrived.
            groups = tag_groups(await self._client.contacts.corp_tags())
            listed = {tag.name for one in groups if one.name == group for tag in one.tags}
            if not listed.issuperset(names):
                raise
        async with self._database.write() as session:
            await self._database.alone(session, _LISTING)
            await store_groups(session, groups, asked_at=asked_at, now=self._clock.now())
