"""What another replica commits between two reads of this one is neither lost nor done twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from meanwhile import Meanwhile
from meanwhile import meanwhile as meanwhile
from sqlalchemy import delete, insert, select, text, update

from bot.clock import ManualClock
from bot.customers.auto_tags import AutoTagger
from bot.customers.contact_book import store_pairs
from bot.customers.corp_tags import TagBook
from bot.customers.erasures import digest_of
from bot.customers.opt_outs import OptOutSource, opt_out
from bot.customers.portrait_facts import decide_fact, remember_findings
from bot.customers.shop_greetings import GreetingEdit, ShopGreetings
from bot.customers.sync import Synchroniser
from bot.customers.sync_runs import RunState
from bot.customers.tag_checks import want_check
from bot.customers.tag_names import TagNameKeeper, refresh_tag_names
from bot.customers.tag_rules import TagRules
from bot.customers.tagging import tag_row, want_tags
from bot.errors import Conflict
from bot.settings import GreetingSettings
from bot.store.contact_tables import (
    BehaviourEvent,
    CorpTag,
    Erasure,
    Follow,
    FollowTag,
    PortraitFact,
    SyncRun,
    TagCheck,
    TagGroup,
    TagJob,
)
from bot.store.database import Database
from bot.store.tables import Burst, Conversation, Customer, Outbound, Suggestion, WorkState
from bot.wecom.contacts import Contact, Pair, Relation

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("database", ["postgres"], indirect=True),
]
GUIDE, WHO, TAG = "zhang", "wmA", "etCart"
CART = {
    "id": "cart", "name": "加过购物车", "tag": "加购", "group": "意向",
    "when": {"events": ["added_to_cart"], "days": 30},
}  # fmt: skip


@pytest.fixture
async def replica(database: Database, kept_postgres_url: str) -> AsyncIterator[Database]:
    other = Database(kept_postgres_url)
    yield other
    await other.close()


@pytest.fixture
async def friends(database: Database, clock: ManualClock) -> datetime:
    """One customer of one guide, and the corp's tag; gives the time."""
    now = clock.now()
    await add(
        database,
        Customer(
            external_userid=WHO, name="小林", stage="icebreak", stage_since=now, tags=[],
            first_seen_at=now,
        ),
        Follow(userid=GUIDE, external_userid=WHO, state="active", since=now),
        TagGroup(group_id="g", name="意向", read_at=now),
        CorpTag(tag_id=TAG, group_id="g", name="加购", read_at=now),
    )  # fmt: skip
    return now


async def add(database: Database, *rows: Any) -> None:
    async with database.write() as session:
        for row in rows:
            session.add(row)
            await session.flush()


async def all_of(database: Database, table: Any) -> list[Any]:
    async with database.read() as session:
        return list(await session.scalars(select(table)))


async def test_a_tag_put_on_while_it_is_asked_about_can_still_be_taken_off(
    database: Database, friends: datetime, meanwhile: Meanwhile
) -> None:
    job = tag_row(GUIDE, WHO, add=[TAG], cause="channel", now=friends)
    await add(database, TagJob(**job))
    put_on = insert(FollowTag).values(tag_id=TAG, external_userid=WHO, userid=GUIDE)
    done = update(TagJob).values(state=WorkState.DONE)
    meanwhile.after(database, "FROM follow_tag", put_on, done)
    async with database.write() as session:
        promised = await want_tags(session, GUIDE, WHO, remove=[TAG], cause="api", now=friends)
    assert promised is not None
    assert promised.remove == [TAG]


async def test_a_tag_renamed_while_it_is_put_on_has_its_new_name(
    database: Database, friends: datetime, meanwhile: Meanwhile, clock: ManualClock
) -> None:
    async def follow(replica: Database) -> None:
        await TagNameKeeper(replica, clock).tick()

    renamed = update(CorpTag).values(name="想买", refresh_from="")
    meanwhile.after(database, "FROM follow_tag JOIN follow", renamed, follow)
    async with database.write() as session:
        session.add(FollowTag(tag_id=TAG, external_userid=WHO, userid=GUIDE))
        await session.flush()
        await refresh_tag_names(session, [WHO])
    meanwhile.end()
    await TagNameKeeper(database, clock).tick()
    [customer] = await all_of(database, Customer)
    assert customer.tags == ["想买"]


async def test_a_check_asked_for_while_one_is_under_way_is_made(
    database: Database, replica: Database, friends: datetime, clock: ManualClock
) -> None:
    """The fact is not committed yet when the rules look, and the wish meets an older one."""
    await add(database, TagCheck(external_userid=WHO, due_at=friends))
    auto = AutoTagger(database, clock, TagRules.model_validate({"rules": [CART]}), labels={})
    async with replica.write() as session:
        session.add(
            BehaviourEvent(
                event_id="e1", type="added_to_cart", customer=WHO, external_userid=WHO,
                state="applied", data={}, at=friends, received_at=friends, applied_at=friends,
            )
        )  # fmt: skip
        await session.flush()
        await want_check(session, [WHO], now=friends)
        await auto.check_some()
    await auto.tick()
    assert [one.names for one in await all_of(database, TagJob)] == [["加购"]]


async def test_the_daily_look_at_everybody_bears_a_wish_made_meanwhile(
    database: Database, replica: Database, friends: datetime, clock: ManualClock
) -> None:
    rules = TagRules.model_validate({"rules": [CART | {"stays": False}]})
    auto = AutoTagger(database, clock, rules, labels={})
    await auto.tick()
    clock.turn(days=1)
    async with replica.write() as session:
        await want_check(session, [WHO], now=friends)
        looking = asyncio.create_task(auto.tick())
        await _until_somebody_waits(replica)
    await looking
    assert await all_of(database, TagCheck) == []


async def test_a_reply_taken_in_the_midst_of_withdrawing_it_stays_taken(
    database: Database, replica: Database, friends: datetime
) -> None:
    """The worker holds the row when the withdrawal finds it free."""
    await _automatic_reply(database, friends)
    async with replica.write() as taking:
        await taking.execute(
            update(Outbound).values(
                leased_by="h/1/a", leased_until=friends + timedelta(minutes=1), attempts=1
            )
        )
        withdrawing = asyncio.create_task(_opts_out(database, friends))
        await _until_somebody_waits(replica)
    await withdrawing
    assert [one.state for one in await all_of(database, Outbound)] == [WorkState.READY]


async def _opts_out(database: Database, now: datetime) -> None:
    async with database.write() as session:
        await opt_out(session, WHO, source=OptOutSource.API, now=now)


async def _until_somebody_waits(database: Database) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(5):
        while True:
            async with database.read() as session:
                if await session.scalar(waiting):
                    return


async def _automatic_reply(database: Database, now: datetime) -> None:
    talk = Conversation(kind="kf", peer="wk1", external_userid=WHO)
    await add(database, talk)
    burst = Burst(
        lane="c1", state="done", due_at=now, conversation_id=talk.id, opened_at=now,
        last_sent_at=now,
    )  # fmt: skip
    await add(database, burst)
    suggestion = Suggestion(
        burst_id=burst.id, conversation_id=talk.id, external_userid=WHO, status="approved",
        text="在吗", said_at=now, stage="icebreak", understanding={}, choices=[],
        created_at=now, decided_by="policy",
    )  # fmt: skip
    await add(database, suggestion)
    outbound = Outbound(
        lane="c1", state="ready", due_at=now, attempts=0, msgid="m1", text="在的",
        suggestion_id=suggestion.id, conversation_id=talk.id, payload={}, created_at=now,
    )  # fmt: skip
    await add(database, outbound)


async def test_a_reading_under_way_does_not_bring_an_erased_customer_back(
    database: Database, friends: datetime, meanwhile: Meanwhile
) -> None:
    erased = insert(Erasure).values(digest=digest_of(WHO), by="li", reason="", rows={}, at=friends)
    meanwhile.after(database, "FROM erasure", delete(Follow), delete(Customer), erased)
    contact = Contact(WHO, name="小林", avatar="", gender=0, unionid=None)
    pair = Pair(contact, Relation(userid=GUIDE, since=friends))
    async with database.write() as session:
        await store_pairs(session, [pair], stage="icebreak", asked_at=friends, now=friends)
    assert await all_of(database, Customer) == []


async def test_two_edits_of_the_greeting_at_once_are_both_kept(
    database: Database, meanwhile: Meanwhile, clock: ManualClock
) -> None:
    own = GreetingSettings()

    async def another(replica: Database) -> None:
        await ShopGreetings(replica, clock, own).edit(GreetingEdit(shared_lead="同事"), by="wang")

    meanwhile.after(database, "FROM shop_greeting", another)
    here = ShopGreetings(database, clock, own)
    await here.edit(GreetingEdit(returning_lead="又见面了"), by="li")
    meanwhile.end()
    words = await ShopGreetings(database, clock, own).words()
    assert (words.returning_lead, words.shared_lead) == ("又见面了", "同事")


async def test_two_replicas_begin_one_sync(
    database: Database, meanwhile: Meanwhile, clock: ManualClock
) -> None:
    async def begun(books: Database, name: str = "h/1/a") -> None:
        tools: Any = SimpleNamespace(database=books, clock=clock)
        await Synchroniser(tools, name=name, zone=ZoneInfo("UTC"))._begin()

    async def refused(replica: Database) -> None:
        with suppress(Conflict):
            await begun(replica, "h/1/b")

    meanwhile.after(database, "FROM sync_run", refused)
    await begun(database)
    meanwhile.end()
    assert [run.state for run in await all_of(database, SyncRun)] == [RunState.RUNNING]


async def test_a_guess_that_crosses_a_guides_word_leaves_it_certain(
    database: Database, friends: datetime, meanwhile: Meanwhile
) -> None:
    fact = PortraitFact(
        external_userid=WHO, field="city", value="杭州", confidence=0.3, state="guessed",
        first_at=friends, last_at=friends,
    )  # fmt: skip
    await add(database, fact)

    async def confirms(replica: Database) -> None:
        async with replica.write() as session:
            await decide_fact(session, WHO, "city", "杭州", by="li", now=friends)

    meanwhile.after(database, "FROM portrait_fact", confirms)
    async with database.write() as session:
        await remember_findings(
            session, WHO, messages=[(1, "我在杭州")], now=friends,
            entities=[{"entity": "city", "value": "杭州"}],
        )  # fmt: skip
    meanwhile.end()
    [kept] = await all_of(database, PortraitFact)
    assert (kept.state, kept.confidence) == ("confirmed", 1.0)


async def test_two_replicas_write_down_one_list_of_tags(
    database: Database, friends: datetime, meanwhile: Meanwhile
) -> None:
    answer = {"tag_group": [{"group_id": "g", "tag": [{"id": "et2", "name": "老客"}]}]}

    async def corp_tags() -> dict[str, Any]:
        return answer

    async def read(books: Database) -> None:
        client: Any = SimpleNamespace(contacts=SimpleNamespace(corp_tags=corp_tags))
        await TagBook(books, client, ManualClock(friends)).read_all()

    meanwhile.after(database, "FROM corp_tag", read)
    await read(database)
    assert {tag.tag_id for tag in await all_of(database, CorpTag)} == {TAG, "et2"}
