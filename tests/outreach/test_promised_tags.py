"""A channel's tag is known on its whole way from the greeting to the customer."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable

import pytest
from meanwhile import Meanwhile
from meanwhile import meanwhile as meanwhile
from outreach_shop import GUIDE, Shop
from sqlalchemy import Executable, insert, update

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


READS = ("FROM greeting", "FROM tag_job", "FROM customer")


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.parametrize(
    ("promised", "put_on"), list(itertools.combinations_with_replacement(READS, 2))
)
async def test_a_tag_that_moves_on_while_it_is_looked_for_is_found(
    outreach_shop: Callable[..., Shop],
    database: Database,
    meanwhile: Meanwhile,
    promised: str,
    put_on: str,
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
    job = tag_row(GUIDE, WHO, names=["宝妈"], cause="channel", now=now)
    greeted = update(Greeting).values(state=WorkState.DONE)
    tagged = update(TagJob).values(state=WorkState.DONE)
    meanwhile.after(database, promised, _at_once(greeted, insert(TagJob).values(**job)))
    meanwhile.after(database, put_on, _at_once(tagged, update(Customer).values(tags=["宝妈"])))
    async with database.read() as session:
        known = await known_people(session, [WHO])
    assert "宝妈" in known[WHO].tags


def _at_once(*statements: Executable) -> Callable[[Database], Awaitable[None]]:
    async def commits(replica: Database) -> None:
        async with replica.write() as session:
            for statement in statements:
                await session.execute(statement)

    return commits
