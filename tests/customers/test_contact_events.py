from __future__ import annotations

from typing import Any

import pytest
from contact_fixtures import STAGE, Shop
from contact_fixtures import contact_client as contact_client
from contact_fixtures import people as people
from contact_fixtures import shop as shop
from contact_platform import SINCE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from bot.customers.contact_events import ContactEvents
from bot.customers.contact_reading import ContactReader
from bot.delivery.routing import EventRouter
from bot.store.contact_tables import ContactRead, CorpTag, Follow, FollowEvent, Guide, TagCheck
from bot.store.tables import Customer, InboxEvent, StageMove, WorkState
from bot.wecom.events import typed_event


def change(kind: str, *, at: int = 0, userid: str = "zhang", who: str = "wmA", **more: str) -> Any:
    return {
        "ToUserName": "ww1",
        "FromUserName": "sys",
        "CreateTime": str(SINCE + at),
        "MsgType": "event",
        "Event": "change_external_contact",
        "ChangeType": kind,
        "UserID": userid,
        "ExternalUserID": who,
    } | more


ADD, HALF = "add_external_contact", "add_half_external_contact"
EDIT, DROP, LEFT = "edit_external_contact", "del_external_contact", "del_follow_user"


async def deliver(shop: Shop, *fields: dict[str, str]) -> None:
    """As the worker does: handled first, written in one transaction."""
    events = ContactEvents(shop.clock, stage=STAGE)
    for one in fields:
        event = typed_event(one)
        handler = shop.tags.handle if event.event == "change_external_tag" else events.handle
        effect = await handler(event)
        async with shop.database.write() as session:
            await effect(session)


def reader(shop: Shop) -> ContactReader:
    return ContactReader(shop.database, shop.client, shop.clock, stage=STAGE)


async def one(shop: Shop, table: Any, *key: Any) -> Any:
    async with shop.database.read() as session:
        return await session.get_one(table, key if len(key) > 1 else key[0])


async def total(shop: Shop, table: Any) -> int:
    async with shop.database.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_a_new_friend_is_known_with_stage_channel_and_then_by_name(shop: Shop) -> None:
    (vip,) = shop.people.add_group("等级", "VIP")
    await shop.tags.read_all()
    shop.people.follow("zhang", "wmA", tag_id=[vip], remark="小林")
    await deliver(shop, change(ADD, State="door-1", WelcomeCode="w1"))
    customer = await one(shop, Customer, "wmA")
    assert (customer.stage, customer.channel, customer.name) == (STAGE, "door-1", "")
    assert await total(shop, TagCheck) == 1
    assert await reader(shop).round()
    customer = await one(shop, Customer, "wmA")
    assert (customer.name, customer.tags) == ("客户wmA", ["VIP"])
    assert (await one(shop, Follow, "zhang", "wmA")).remark == "小林"
    assert await total(shop, ContactRead) == 0


async def test_the_same_event_three_times_is_one(shop: Shop) -> None:
    await deliver(shop, *[change(ADD)] * 3)
    assert await total(shop, StageMove) == 1
    assert await total(shop, FollowEvent) == 1


async def test_two_added_in_one_second_are_two(shop: Shop) -> None:
    await deliver(shop, change(ADD, who="wmA"), change(ADD, who="wmB"))
    assert await total(shop, Customer) == 2


async def test_a_guide_is_known_with_the_first_friend_before_any_sync(shop: Shop) -> None:
    await deliver(shop, change(LEFT, userid="wang", at=1), change(ADD), change(ADD, who="wmB"))
    assert await total(shop, Guide) == 1
    assert (await one(shop, Guide, "zhang")).name_asked_at is None


async def test_a_customer_of_two_guides_is_one_customer_known_to_both(shop: Shop) -> None:
    await deliver(shop, change(ADD, userid="li", at=9, State="live"), change(ADD, State="door"))
    assert await total(shop, Customer) == 1
    assert await total(shop, Follow) == 2
    assert (await one(shop, Customer, "wmA")).channel == "door"


async def test_deleted_by_either_side_and_handed_on(shop: Shop) -> None:
    await deliver(
        shop,
        *(change(ADD, who=who) for who in ("wmA", "wmB", "wmC")),
        change(DROP, who="wmA", at=5),
        change(LEFT, who="wmB", at=5),
        change(DROP, who="wmC", at=5, Source="DELETE_BY_TRANSFER"),
        change("transfer_fail", who="wmC", userid="li", at=6, FailReason="customer_refused"),
    )
    states = [(await one(shop, Follow, "zhang", who)).state for who in ("wmA", "wmB", "wmC")]
    assert states == ["deleted_by_guide", "deleted_by_customer", "transferred"]
    async with shop.database.read() as session:
        failed = await session.scalar(
            select(FollowEvent).where(FollowEvent.kind == "transfer_failed")
        )
        assert failed is not None and failed.detail == {"reason": "客户拒绝了转接"}
        assert await session.get(Follow, ("li", "wmC")) is None


async def test_half_added_is_read_again_after_the_guide_confirmed(shop: Shop) -> None:
    await deliver(shop, change(HALF))
    assert (await one(shop, Follow, "zhang", "wmA")).state == "half"
    await reader(shop).round()
    waiting = await one(shop, ContactRead, "wmA")
    assert (waiting.due_at - shop.clock.now()).total_seconds() == 3600
    shop.people.follow("zhang", "wmA")
    await deliver(shop, change(ADD, at=60))
    assert (await one(shop, Follow, "zhang", "wmA")).state == "active"
    await reader(shop).round()
    assert (await one(shop, Customer, "wmA")).name == "客户wmA"


async def test_many_edits_are_read_once(shop: Shop) -> None:
    shop.people.follow("zhang", "wmA")
    await deliver(shop, change(ADD), *(change(EDIT, at=second) for second in range(1, 9)))
    assert await reader(shop).round()
    assert not await reader(shop).round()
    assert shop.people.calls["externalcontact/get"] == 1


async def test_an_edit_while_reading_is_not_lost(shop: Shop) -> None:
    shop.people.follow("zhang", "wmA")
    await deliver(shop, change(ADD))
    own = reader(shop)
    (row,) = await own._claim()
    await deliver(shop, change(EDIT, at=3))
    await own._read(row)
    assert await total(shop, ContactRead) == 1


async def test_a_reading_asked_before_our_own_change_does_not_undo_it(shop: Shop) -> None:
    (vip,) = shop.people.add_group("等级", "VIP")
    await shop.tags.read_all()
    shop.people.follow("zhang", "wmA", tag_id=[vip])
    await shop.sync().run()
    from bot.customers.contact_book import store_pairs
    from bot.wecom.contacts import pairs_of_contact

    stale = pairs_of_contact(
        {
            "external_contact": {"external_userid": "wmA", "name": "x", "type": 1},
            "follow_user": [{"userid": "zhang", "createtime": SINCE, "tags": [], "remark": "旧"}],
        }
    )
    asked_at = shop.clock.now()
    shop.clock.turn(seconds=5)
    async with shop.database.write() as session:
        follow = await session.get_one(Follow, ("zhang", "wmA"))
        follow.read_at, follow.remark = shop.clock.now(), "新"
    async with shop.database.write() as session:
        await store_pairs(session, stale, stage=STAGE, asked_at=asked_at, now=shop.clock.now())
    assert (await one(shop, Follow, "zhang", "wmA")).remark == "新"
    assert (await one(shop, Customer, "wmA")).tags == ["VIP"]


STORY = [
    change(HALF, at=0, State="door"),
    change(ADD, at=4, State="door"),
    change(EDIT, at=6),
    change(LEFT, at=8),
    change(ADD, at=12, State="live"),
    change(DROP, at=15),
    change(ADD, at=2, userid="li", State="app"),
]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(order=st.permutations(STORY), again=st.lists(st.sampled_from(STORY), max_size=4))
async def test_the_same_story_in_any_order(shop: Shop, order, again) -> None:
    async with shop.database.write() as session:
        for table in (FollowEvent, Follow, StageMove, ContactRead, TagCheck, Customer):
            await session.execute(delete(table))
    await deliver(shop, *order, *again)
    follow = await one(shop, Follow, "zhang", "wmA")
    assert follow.state == "deleted_by_guide"
    assert follow.channel_state == "live"
    assert (await one(shop, Follow, "li", "wmA")).state == "active"
    assert (await one(shop, Customer, "wmA")).channel == "app"
    assert await total(shop, FollowEvent) == len(STORY)


def tag_change(kind: str, identity: str, *, tag_type: str = "tag", at: int = 0) -> dict[str, str]:
    return {
        "FromUserName": "sys",
        "CreateTime": str(SINCE + at),
        "MsgType": "event",
        "Event": "change_external_tag",
        "ChangeType": kind,
        "Id": identity,
        "TagType": tag_type,
    }


async def test_tag_callbacks_create_rename_and_delete(shop: Shop) -> None:
    (vip,) = shop.people.add_group("等级", "VIP")
    await deliver(shop, tag_change("create", vip))
    assert (await one(shop, CorpTag, vip)).name == "VIP"
    (group,) = shop.people.groups.values()
    group["tag"][0]["name"] = "贵宾"
    shop.clock.turn(seconds=1)
    await deliver(shop, tag_change("update", vip))
    tag = await one(shop, CorpTag, vip)
    assert (tag.name, tag.refresh_from) == ("贵宾", "")
    await deliver(shop, tag_change("delete", group["group_id"], tag_type="tag_group", at=9))
    assert (await one(shop, CorpTag, vip)).deleted_at is not None


async def test_a_tag_created_after_its_deletion_was_heard_is_deleted(shop: Shop) -> None:
    await deliver(shop, tag_change("delete", "etGone", at=5), tag_change("create", "etGone"))
    async with shop.database.read() as session:
        assert await session.get(CorpTag, "etGone") is None


async def test_a_shuffle_reads_the_order_again(shop: Shop) -> None:
    first, _ = shop.people.add_group("等级", "VIP", "新客")
    await shop.tags.read_all()
    (group,) = shop.people.groups.values()
    group["tag"][0]["order"] = 7
    shop.clock.turn(seconds=1)
    await deliver(shop, tag_change("shuffle", "", tag_type=""))
    assert (await one(shop, CorpTag, first)).position == 7


async def test_the_router_settles_contact_events_with_their_effect(shop: Shop) -> None:
    router = EventRouter(shop.database, shop.clock)
    ContactEvents(shop.clock, stage=STAGE).add_to(router)
    assert "change_external_contact" in router.events
    now = shop.clock.now()
    async with shop.database.write() as session:
        row = InboxEvent(
            dedupe_key="k",
            event="change_external_contact",
            change_type=ADD,
            fields=change(ADD),
            received_at=now,
            lane="x",
            state=WorkState.READY,
            due_at=now,
            attempts=1,
        )
        session.add(row)
    await router.handle(row)
    assert (await one(shop, InboxEvent, row.id)).state == WorkState.DONE
    assert await total(shop, Customer) == 1
