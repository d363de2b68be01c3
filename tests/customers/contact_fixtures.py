"""A corp with guides and customers, for the tests of contacts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from contact_platform import ContactPlatform, application
from corp import wecom_settings

from bot.clock import ManualClock
from bot.customers.corp_tags import TagBook
from bot.customers.sync import Synchroniser
from bot.customers.sync_journey import Tools
from bot.delivery.tokens import StoredTokens
from bot.store.database import Database
from bot.wecom.client import WeComClient

STAGE = "icebreak"
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def people() -> ContactPlatform:
    return ContactPlatform()


@pytest.fixture
async def contact_client(
    people: ContactPlatform,
    database: Database,
    http: aiohttp.ClientSession,
    clock: ManualClock,
    naps: Any,
) -> AsyncIterator[WeComClient]:
    """The corp's client on a platform of contacts."""
    async with TestServer(application(people)) as server:
        settings = wecom_settings(str(server.make_url("/cgi-bin/")), timeout_seconds=5)
        yield WeComClient(settings, http, shared=StoredTokens(database), clock=clock, sleep=naps)


@dataclass
class Shop:
    """What the tests work with."""

    people: ContactPlatform
    database: Database
    clock: ManualClock
    client: WeComClient
    tags: TagBook
    naps: Any

    def sync(self, name: str = "host/1/aa", **more: Any) -> Synchroniser:
        tools = Tools(
            database=self.database,
            client=self.client,
            clock=self.clock,
            tags=self.tags,
            stage=STAGE,
            sleep=self.naps,
            **more,
        )
        return Synchroniser(tools, name=name, zone=SHANGHAI)


@pytest.fixture
def shop(
    people: ContactPlatform,
    database: Database,
    clock: ManualClock,
    contact_client: WeComClient,
    naps: Any,
) -> Shop:
    tags = TagBook(database, contact_client, clock)
    return Shop(people, database, clock, contact_client, tags, naps)
