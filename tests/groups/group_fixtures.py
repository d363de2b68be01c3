"""A shop with customer groups on the sandbox's platform, for the tests of groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from bot.clock import ManualClock
from bot.customers.greeting_media import GreetingMedia
from bot.delivery.media import MediaLibrary
from bot.groups.groups import Groups
from bot.sandbox import CUSTOMERS, Platform, gatherings
from bot.settings import GroupSettings
from bot.store.database import Database
from bot.store.group_tables import CustomerGroup, GroupMember
from bot.wecom.client import WeComClient
from bot.wecom.events import InboundEvent, typed_event
from bot.wecom.xml import read_xml

QING, TANG = "guide_qing", "guide_tang"
LIN, MAY, ZHOU, SHAN, TUAN, KAI = (one.external_userid for one in CUSTOMERS)
SHANGHAI = ZoneInfo("Asia/Shanghai")
VARIABLES = {"shop_name": "暖屿生活馆"}


@dataclass
class Shop:
    """The platform's groups, and what we make of them."""

    platform: Platform
    database: Database
    client: WeComClient
    clock: ManualClock
    naps: Any
    root: Path
    told: list[InboundEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.groups = self.again()
        self.platform.push_listeners.append(self._hear)

    def again(self, **settings: Any) -> Groups:
        """The room as a process that just started has it."""
        media = MediaLibrary(self.database, self.client, self.clock, root=self.root)
        groups = Groups(
            self.database,
            self.client,
            self.clock,
            GroupSettings(**settings),
            zone=SHANGHAI,
            media=GreetingMedia(media, self.clock),
            variables=VARIABLES,
        )
        groups.sync._sleep = self.naps
        return groups

    def _hear(self, push: Any) -> None:
        assert ElementTree.fromstring(push.xml()).tag == "xml"
        self.told.append(typed_event(read_xml(push.xml())))

    def open(self, name: str, *people: str, owner: str = QING) -> str:
        return gatherings.open_group(self.platform, name, owner, people).chat_id

    async def hear(self, *events: InboundEvent) -> None:
        """Let the events take effect, those that the platform told since the last time if none."""
        heard = events or tuple(self.told)
        self.told = [] if not events else self.told
        for event in heard:
            effect = await self.groups.events.handle(event)
            async with self.database.write() as session:
                await effect(session)

    async def settle(self, *, seconds: float = 3) -> None:
        """Hear everything, and read what is due a few seconds later."""
        await self.hear()
        self.clock.turn(seconds=seconds)
        while await self.groups.reader.round():
            pass

    async def group(self, chat_id: str) -> CustomerGroup:
        async with self.database.read() as session:
            return await session.get_one(CustomerGroup, chat_id)

    async def inside(self, chat_id: str) -> set[str]:
        async with self.database.read() as session:
            rows = await session.scalars(
                select(GroupMember.userid).where(
                    GroupMember.chat_id == chat_id, GroupMember.left_at.is_(None)
                )
            )
            return set(rows)

    async def rows(self, table: Any, *where: Any) -> list[Any]:
        async with self.database.read() as session:
            found = await session.scalars(
                select(table).where(*where).order_by(*table.__mapper__.primary_key)
            )
            return list(found)

    async def count(self, table: Any, *where: Any) -> int:
        async with self.database.read() as session:
            return await session.scalar(select(func.count()).select_from(table).where(*where)) or 0

    def calls(self, api: str) -> list[dict[str, Any]]:
        wanted = f"externalcontact/{api}"
        return [record.body for record in self.platform.calls if record.api == wanted]


@pytest.fixture
def shop(
    platform: Platform,
    database: Database,
    connect: Callable[[Database], WeComClient],
    clock: ManualClock,
    naps: Any,
    tmp_path: Path,
) -> Shop:
    return Shop(platform, database, connect(database), clock, naps, tmp_path)


@pytest.fixture
def small_shop(
    platform: Platform,
    ledger: Database,
    connect: Callable[[Database], WeComClient],
    clock: ManualClock,
    naps: Any,
    tmp_path: Path,
) -> Shop:
    """The same on SQLite only, for what does not depend on the engine."""
    return Shop(platform, ledger, connect(ledger), clock, naps, tmp_path)
