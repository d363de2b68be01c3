"""The fast lane of greetings on one database, with a platform that answers from a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from corp import Naps, Script
from sqlalchemy import select, update

from bot.clock import ManualClock
from bot.customers.acquaintance import Acquaintance
from bot.customers.aftercare import Aftercare
from bot.customers.funnel import load_funnel
from bot.customers.greeting_media import GreetingMedia
from bot.customers.greetings import Greeter
from bot.customers.new_friends import note_new_friends
from bot.customers.shop_greetings import ShopGreetings
from bot.delivery.media import MediaLibrary
from bot.settings import GreetingSettings
from bot.store.channel_tables import (
    Channel,
    Greeting,
)
from bot.store.claims import claim
from bot.store.database import Database
from bot.store.tables import Customer
from bot.wecom.client import WeComClient
from bot.wecom.events import InboundEvent, typed_event

LEASE = 60
START = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


@dataclass
class Lane:
    """The fast lane on one database, with a platform that answers from a script."""

    database: Database
    client: WeComClient
    clock: ManualClock
    script: Script
    naps: Naps
    tmp: Any

    def greeter(self, **settings: Any) -> Greeter:
        own = GreetingSettings(**settings)
        media = MediaLibrary(self.database, self.client, self.clock, root=self.tmp)
        return Greeter(
            self.database,
            self.client,
            self.clock,
            shop=ShopGreetings(self.database, self.clock, own, {"shop_name"}),
            stage="icebreak",
            acquaintance=Acquaintance(self.database, self.client, self.clock, own),
            media=GreetingMedia(media, self.clock),
            aftercare=Aftercare(self.clock, load_funnel(), own),
            variables={"shop_name": "暖屿生活馆"},
            sleep=self.nap,
        )

    async def nap(self, seconds: float) -> None:
        await self.naps(seconds)
        self.clock.turn(seconds=seconds)

    async def arrive(self, *events: InboundEvent) -> None:
        async with self.database.write() as session:
            await note_new_friends(session, events, now=self.clock.now())

    async def work(self, **settings: Any) -> None:
        """What the worker does: claim and handle until nothing is left."""
        greeter = self.greeter(**settings)
        while rows := await self.claim():
            await asyncio.gather(*(greeter.handle(row) for row in rows))

    async def claim(self) -> Sequence[Greeting]:
        async with self.database.write() as session:
            return await claim(
                session,
                Greeting,
                by="h/1/x",
                now=self.clock.now(),
                lease=timedelta(seconds=LEASE),
                limit=64,
            )

    async def free(self) -> None:
        """The process that held the leases is gone."""
        async with self.database.write() as session:
            await session.execute(update(Greeting).values(leased_by=None, leased_until=None))

    async def knows(self, who: str, **fields: Any) -> None:
        values = {"stage": "discover", "stage_since": START, "tags": [], "first_seen_at": START}
        async with self.database.write() as session:
            session.add(Customer(external_userid=who, **(values | fields)))

    @property
    def greeted(self) -> list[dict[str, Any]]:
        return [
            json.loads(body)
            for api, _, body in self.script.calls
            if api == "externalcontact/send_welcome_msg"
        ]

    @property
    def texts(self) -> list[str]:
        return [body["text"]["content"] for body in self.greeted]

    async def rows(self, table: Any) -> list[Any]:
        async with self.database.read() as session:
            return list((await session.scalars(select(table))).all())

    async def channel(self, state: str = "c1", **fields: Any) -> None:
        now = self.clock.now()
        values = {
            "kind": "contact_way",
            "name": "门店海报",
            "status": "active",
            "guides": ["qing"],
            "greeting": {"text": "来自海报的{customer_name}，欢迎"},
            "created_at": now,
            "updated_at": now,
        }
        async with self.database.write() as session:
            session.add(Channel(state=state, **(values | fields)))


@pytest.fixture
async def lane(
    ledger: Database,
    scripted: Callable[..., WeComClient],
    script: Script,
    clock: ManualClock,
    naps: Naps,
    tmp_path: Any,
) -> Lane:
    return Lane(ledger, scripted(), clock, script, naps, tmp_path)


def added(
    who: str = "wm_a",
    *,
    guide: str = "qing",
    state: str = "",
    code: str = "code-a",
    at: datetime = START,
    change: str = "add_external_contact",
) -> InboundEvent:
    fields = {
        "ToUserName": "ww1",
        "FromUserName": "sys",
        "CreateTime": str(int(at.timestamp())),
        "MsgType": "event",
        "Event": "change_external_contact",
        "ChangeType": change,
        "UserID": guide,
        "ExternalUserID": who,
    }
    return typed_event(
        fields | ({"State": state} if state else {}) | ({"WelcomeCode": code} if code else {})
    )
