"""A channel's tag is known on its whole way from the greeting to the customer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from outreach_shop import GUIDE, Shop
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.tagging import tag_row
from bot.outreach.listening import known_people
from bot.store.channel_tables import Channel, Greeting
from bot.store.contact_tables import TagJob
from bot.store.database import Database
from bot.store.tables import Customer, WorkState

pytestmark = pytest.mark.postgres

WHO = "wmOne"
JOURNEY = """
version: 1
journeys:
- id: hello
  name: 问候
  triggers: [{added: any}]
  steps:
  - {id: one, purpose: 问候, kind: nudge, ways: [kf], at: {hours: 1}, content: {text: 您好}}
"""


@pytest.fixture
async def replica(database: Database, kept_postgres_url: str) -> AsyncIterator[Database]:
    other = Database(kept_postgres_url)
    yield other
    await other.close()


class Way:
    """Another replica moves the tag on, a transaction after each statement of this one."""

    def __init__(self, session: AsyncSession, replica: Database, shop: Shop, after: set[int]):
        self._session = session
        self._replica = replica
        self._shop = shop
        self._after = after
        self._steps = [self._promise, self._put_on]
        self._read = 0

    async def execute(self, statement: Any) -> Any:
        return await self._then(await self._session.execute(statement))

    async def scalars(self, statement: Any) -> Any:
        return await self._then(await self._session.scalars(statement))

    async def _then(self, found: Any) -> Any:
        self._read += 1
        if self._read in self._after and self._steps:
            async with self._replica.write() as session:
                await self._steps.pop(0)(session)
        return found

    async def _promise(self, session: AsyncSession) -> None:
        await session.execute(update(Greeting).values(state=WorkState.DONE))
        now = self._shop.clock.now()
        session.add(TagJob(**tag_row(GUIDE, WHO, names=["宝妈"], cause="channel", now=now)))

    async def _put_on(self, session: AsyncSession) -> None:
        await session.execute(update(TagJob).values(state=WorkState.DONE))
        await session.execute(update(Customer).values(tags=["宝妈"]))


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.parametrize(
    "after", [{1}, {2}, {3}, {1, 2}, {2, 3}, {1, 3}, set()], ids=lambda one: str(sorted(one))
)
async def test_a_tag_that_moves_on_while_it_is_looked_for_is_found(
    outreach_shop: Callable[..., Shop], database: Database, replica: Database, after: set[int]
) -> None:
    shop = outreach_shop(JOURNEY)
    now = shop.clock.now()
    await shop.customer(WHO)
    channel = Channel(
        state="c1", kind="code", name="宝妈群", guides=[GUIDE], tags=["宝妈"],
        created_at=now, updated_at=now,
    )  # fmt: skip
    greeting = Greeting(
        key="k", lane="l", state=WorkState.READY, due_at=now, attempts=0, userid=GUIDE,
        external_userid=WHO, change_type="add_external_contact", channel_state="c1",
        added_at=now, received_at=now,
    )  # fmt: skip
    await shop.add(channel, greeting)
    async with database.read() as session:
        known = await known_people(Way(session, replica, shop, after), [WHO])  # type: ignore[arg-type]
    assert "宝妈" in known[WHO].tags
