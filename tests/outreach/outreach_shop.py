"""A shop with outreach on the sandbox's platform, and the hands to move it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.clock import ManualClock
from bot.customers.corp_tags import TagBook
from bot.customers.follows import FollowChange
from bot.customers.funnel import load_funnel
from bot.customers.notices import Herald
from bot.customers.tagging import Tagger
from bot.delivery.media import MediaLibrary
from bot.delivery.outbox import Sender
from bot.dialogue.library import Library
from bot.errors import RetryLater
from bot.outreach.journey_shelf import JourneyShelf
from bot.outreach.outreach import Outreach, Ties
from bot.outreach.plans import SHIPPED_JOURNEYS, plans_of
from bot.sandbox import Platform
from bot.settings import Settings
from bot.store.channel_tables import GuideNotice
from bot.store.claims import claim, postpone
from bot.store.contact_tables import BehaviourEvent, Follow, FollowEvent, Guide, TagJob
from bot.store.database import Database
from bot.store.outreach_tables import OutreachTask, TouchRow
from bot.store.tables import Burst, Conversation, Customer, Message, Outbound, WorkState
from bot.wecom.client import WeComClient
from scheduler import parse_journeys

GUIDE = "guide_qing"
KF = "wkSandboxWarmIsland0000000000001"


@dataclass
class Shop:
    """Outreach with its journeys; each step is taken by hand."""

    database: Database
    clock: ManualClock
    platform: Platform
    client: WeComClient
    outreach: Outreach
    media: MediaLibrary
    agent_id: int
    said: int = 0
    name: str = "test/1/aa"

    async def customer(self, who: str, *, guide: str | None = GUIDE, **more: Any) -> None:
        """Somebody whom a guide has had as a friend for long, or nobody."""
        now = self.clock.now()
        async with self.database.write() as session:
            session.add(
                Customer(
                    external_userid=who,
                    name="小林",
                    stage="icebreak",
                    stage_since=now,
                    first_seen_at=now,
                    tags=more.pop("tags", []),
                    **more,
                )
            )
            if guide and await session.get(Guide, guide) is None:
                session.add(Guide(userid=guide, name="青青", since=now))
            await session.flush()
            if guide:
                self.platform.add_customer(who, "小林")
                self.platform.friends.begin(
                    guide, who, channel="", half=False, now=self.platform.now()
                )
                session.add(Follow(userid=guide, external_userid=who, state="active", since=now))

    async def added(self, who: str, channel: str = "", *, guide: str = GUIDE) -> None:
        detail = {"channel": channel} if channel else {}
        await self.add(
            FollowEvent(
                external_userid=who,
                userid=guide,
                kind=FollowChange.ADDED,
                detail=detail,
                at=self.clock.now(),
            )
        )

    async def behaves(self, who: str, kind: str, at: datetime | None = None) -> None:
        now = self.clock.now()
        self.said += 1
        await self.add(
            BehaviourEvent(
                event_id=f"e{self.said}",
                type=kind,
                external_userid=who,
                customer=who,
                state="applied",
                data={},
                at=at or now,
                received_at=now,
                applied_at=now,
            )
        )

    async def writes(self, who: str, text: str = "在吗") -> None:
        """To the service account: the window opens here and at the platform."""
        now = self.clock.now()
        self.said += 1
        self.platform.add_customer(who, "小林")
        self.platform.customer_writes(who, text)
        async with self.database.write() as session:
            talk = await session.scalar(
                select(Conversation).where(Conversation.external_userid == who)
            )
            if talk is None:
                talk = Conversation(kind="kf", peer=KF, external_userid=who)
                session.add(talk)
                await session.flush()
            talk.last_inbound_at = now
            burst = Burst(
                lane=f"c{talk.id}",
                state=WorkState.DONE,
                due_at=now,
                attempts=0,
                conversation_id=talk.id,
                opened_at=now,
                last_sent_at=now,
            )
            session.add(burst)
            await session.flush()
            session.add(
                Message(
                    source=KF,
                    msgid=f"m{self.said}",
                    conversation_id=talk.id,
                    burst_id=burst.id,
                    origin=3,
                    msgtype="text",
                    text=text,
                    payload={},
                    sent_at=now,
                    received_at=now,
                )
            )

    async def add(self, *rows: Any) -> None:
        async with self.database.write() as session:
            session.add_all(rows)

    async def step(self, **later: float) -> None:
        """Let time pass and let every part look once."""
        self.clock.turn(**later)
        sender = Sender(self.database, self.client, self.media, self.clock)
        herald = Herald(self.database, self.client, self.clock, agent_id=self.agent_id)
        tags = TagBook(self.database, self.client, self.clock)
        await self.outreach.listener.tick()
        await self.work(TagJob, Tagger(self.database, self.client, self.clock, tags).handle)
        await self.outreach.cohorts.tick()
        await self.outreach.dates.tick()
        await self.outreach.planner.tick()
        await self.outreach.dispatcher.tick()
        await self.work(Outbound, sender.handle)
        await self.work(GuideNotice, herald.handle)
        await self.work(OutreachTask, self.outreach.maker.handle)
        await self.outreach.poller.tick()
        await self.outreach.receipts.tick()

    async def work(self, table: Any, handle: Any) -> None:
        """As a worker does: what may be retried is put off."""
        now = self.clock.now()
        async with self.database.write() as session:
            rows = await claim(
                session, table, by=self.name, now=now, lease=timedelta(minutes=1), limit=500
            )
        for row in rows:
            try:
                await handle(row)
            except RetryLater as error:
                async with self.database.write() as session:
                    until = now + timedelta(seconds=30)
                    await postpone(session, row, until=until, error=error.message)

    async def touches(self, **where: Any) -> list[TouchRow]:
        query = select(TouchRow).order_by(TouchRow.due_at, TouchRow.id).filter_by(**where)
        async with self.database.read() as session:
            return list(await session.scalars(query))

    async def tasks(self) -> list[OutreachTask]:
        async with self.database.read() as session:
            return list(await session.scalars(select(OutreachTask).order_by(OutreachTask.id)))


@pytest.fixture
async def outreach_shop(
    database: Database,
    clock: ManualClock,
    platform: Platform,
    connect: Callable[[Database], WeComClient],
) -> AsyncIterator[Callable[..., Shop]]:
    """Opens a shop with journeys given as YAML; settings of outreach by name."""

    def opened(text: str, *, replica: Database | None = None, **own: Any) -> Shop:
        books = replica or database
        client = connect(books)
        settings = Settings.model_validate({"outreach": {"enabled": True, **own}})
        book = parse_journeys(text)
        media = MediaLibrary(books, client, clock, root=SHIPPED_JOURNEYS)
        ties = Ties(
            client=client,
            media=media,
            library=Library(books, clock),
            tags=TagBook(books, client, clock),
            funnel=load_funnel(),
            variables={"shop_name": "暖屿", "shop_url": "https://shop.example/"},
            name="test/1/bb" if replica else "test/1/aa",
        )
        outreach = Outreach(books, clock, settings, plans_of(settings, book), ties)
        agent_id = platform.settings.agent_id
        return Shop(books, clock, platform, client, outreach, media, agent_id, name=ties.name)

    yield opened


@pytest.fixture
def shelf_of(tmp_path: Path) -> Callable[[Shop, str], JourneyShelf]:
    """A shelf over a folder that holds one file, followed by the shop's outreach."""

    def made(shop: Shop, text: str) -> JourneyShelf:
        (tmp_path / "own.yml").write_text(text, encoding="utf-8")
        settings = Settings.model_validate({"outreach": {"journeys": tmp_path}})
        shelf = JourneyShelf(
            shop.database, shop.clock, settings, variables=["shop_name"], stages=["won"]
        )

        async def follow() -> None:
            await shelf.bring(shop.outreach.plans)

        shelf.on_change = follow
        return shelf

    return made
