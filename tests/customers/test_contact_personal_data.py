from __future__ import annotations

import json
from typing import Any

import pytest
from contact_fixtures import STAGE, Shop
from contact_fixtures import contact_client as contact_client
from contact_fixtures import people as people
from contact_fixtures import shop as shop
from contact_platform import SINCE
from sqlalchemy import func, select

from bot.customers.behaviour import Behaviour, BehaviourBook
from bot.customers.directory import Wanted, page
from bot.customers.funnel import load_funnel
from bot.customers.opt_outs import OptOutSource, opt_out
from bot.customers.personal_data import PersonalData
from bot.customers.profiles import meet
from bot.customers.timeline import Place, timeline
from bot.errors import NotFound
from bot.store.contact_tables import BehaviourEvent, Erasure, Follow
from bot.store.tables import (
    Base,
    Burst,
    Conversation,
    Customer,
    InboxEvent,
    Message,
    Outbound,
    ScriptUse,
    Suggestion,
)


async def live(shop: Shop, who: str) -> None:
    """Fill a customer's life with something of everything."""
    now = shop.clock.now()
    book = BehaviourBook(shop.database, shop.clock, load_funnel())
    await book.take(
        Behaviour(event_id=f"e{who}", type="order_paid", at=now, external_userid=who, data={})
    )
    async with shop.database.write() as session:
        await opt_out(session, who, source=OptOutSource.GUIDE, now=now)
        talk = Conversation(kind="kf", peer="wk1", external_userid=who)
        session.add(talk)
        await session.flush()
        burst = Burst(
            lane=f"c{who}", due_at=now, conversation_id=talk.id, opened_at=now, last_sent_at=now
        )
        session.add(burst)
        await session.flush()
        session.add(
            Message(
                source="wk1",
                msgid=f"m{who}",
                conversation_id=talk.id,
                burst_id=burst.id,
                origin=3,
                msgtype="text",
                text="我的电话是13800000000",
                payload={},
                sent_at=now,
                received_at=now,
            )
        )
        suggestion = Suggestion(
            burst_id=burst.id,
            conversation_id=talk.id,
            external_userid=who,
            text="你好",
            said_at=now,
            stage=STAGE,
            understanding={},
            choices=[],
            created_at=now,
        )
        session.add(suggestion)
        await session.flush()
        session.add_all(
            [
                Outbound(
                    lane=f"c{who}",
                    due_at=now,
                    msgid=f"o{who}",
                    suggestion_id=suggestion.id,
                    conversation_id=talk.id,
                    payload={},
                    created_at=now,
                ),
                ScriptUse(
                    script_id="s",
                    suggestion_id=suggestion.id,
                    external_userid=who,
                    outcome="sent",
                    at=now,
                ),
                InboxEvent(
                    lane=who,
                    due_at=now,
                    dedupe_key=f"k{who}",
                    event="change_external_contact",
                    fields={"ExternalUserID": who},
                    received_at=now,
                ),
            ]
        )


async def rows_about(shop: Shop, who: str) -> dict[str, int]:
    """Rows of any table in which the id appears in any column."""
    found = {}
    async with shop.database.read() as session:
        for table in Base.metadata.sorted_tables:
            rows = (await session.execute(select(table))).mappings().all()
            if number := sum(who in json.dumps(dict(row), default=str) for row in rows):
                found[table.name] = number
    return found


async def test_export_holds_everything_and_erase_leaves_only_the_audit_row(shop: Shop) -> None:
    (vip,) = shop.people.add_group("等级", "VIP")
    for who in ("wmA", "wmB"):
        shop.people.follow("zhang", who, tag_id=[vip], remark="备注")
    await shop.sync().run()
    for who in ("wmA", "wmB"):
        await live(shop, who)
    others = await rows_about(shop, "wmB")
    data = PersonalData(shop.database, shop.clock)
    exported = await data.export("wmA")
    json.dumps(exported, ensure_ascii=False)
    assert exported["tables"].keys() >= {
        "customer",
        "follow",
        "follow_tag",
        "message",
        "suggestion",
        "outbound",
        "behaviour_event",
        "opt_out",
        "stage_move",
        "inbox_event",
    }
    assert "wmB" not in json.dumps(exported)
    counts = await data.erase("wmA", by="owner", reason="客户要求")
    assert counts["message"] == 1
    assert await rows_about(shop, "wmA") == {}
    assert await rows_about(shop, "wmB") == others
    async with shop.database.read() as session:
        audit = await session.scalar(select(Erasure))
    assert audit is not None
    assert (audit.by, audit.reason, audit.rows["customer"]) == ("owner", "客户要求", 1)
    with pytest.raises(NotFound):
        await data.export("wmA")
    with pytest.raises(NotFound):
        await data.erase("wmA", by="owner")


async def test_the_erased_stay_unknown_until_they_come_again(shop: Shop) -> None:
    shop.people.follow("zhang", "wmA")
    await shop.sync().run()
    await PersonalData(shop.database, shop.clock).erase("wmA", by="owner")
    shop.clock.turn(days=1)
    await shop.sync().run()
    from test_contact_events import ADD, EDIT, change, deliver, reader

    await deliver(shop, change(EDIT, at=5))
    async with shop.database.read() as session:
        assert await session.get(Customer, "wmA") is None
    again = int(shop.clock.now().timestamp()) - SINCE
    shop.people.follow("zhang", "wmA", createtime=SINCE + again)
    await deliver(shop, change(ADD, at=again))
    await reader(shop).round()
    async with shop.database.read() as session:
        assert (await session.get_one(Customer, "wmA")).name == "客户wmA"


async def test_who_writes_again_may_be_known_again(shop: Shop) -> None:
    shop.people.follow("zhang", "wmA")
    await shop.sync().run()
    await PersonalData(shop.database, shop.clock).erase("wmA", by="owner")
    async with shop.database.write() as session:
        await meet(session, ["wmA"], stage=STAGE, now=shop.clock.now())
    shop.clock.turn(days=1)
    await shop.sync().run()
    async with shop.database.read() as session:
        assert (await session.get_one(Follow, ("zhang", "wmA"))).state == "active"


async def test_the_timeline_pages_through_equal_moments(shop: Shop) -> None:
    shop.people.follow("zhang", "wmA")
    await shop.sync().run()
    await live(shop, "wmA")

    async def read(before: Place | None, limit: int) -> list[Any]:
        async with shop.database.read() as session:
            return await timeline(session, "wmA", before=before, limit=limit)

    whole = await read(None, 100)
    assert {entry.place.kind for entry in whole} >= {"behaviour", "message", "reply", "stage"}
    paged: list[Any] = []
    place: Place | None = None
    while some := await read(place, 2):
        paged += some
        place = some[-1].place
    assert paged == whole


async def test_the_directory_pages_through_equal_moments(shop: Shop) -> None:
    for number in range(7):
        shop.people.follow("zhang", f"wm{number}")
    await shop.sync().run()
    found: list[str] = []
    after = None
    while True:
        async with shop.database.read() as session:
            some = await page(session, Wanted(guide="zhang"), after=after, limit=3)
        if not some:
            break
        found += [one.external_userid for one in some]
        after = (some[-1].first_seen_at, some[-1].external_userid)
    assert found == [f"wm{number}" for number in reversed(range(7))]


async def test_behaviour_at_the_same_moment_counts_once(shop: Shop) -> None:
    shop.people.follow("zhang", "wmA")
    await shop.sync().run()
    import asyncio

    book = BehaviourBook(shop.database, shop.clock, load_funnel())
    one = Behaviour(
        event_id="e1", type="order_paid", at=shop.clock.now(), external_userid="wmA", data={}
    )
    taken = await asyncio.gather(*(book.take(one) for _ in range(6)))
    assert sorted(each.duplicate for each in taken) == [False] + [True] * 5
    async with shop.database.read() as session:
        assert (await session.get_one(Customer, "wmA")).stage == "won"
        assert await session.scalar(select(func.count()).select_from(BehaviourEvent)) == 1
