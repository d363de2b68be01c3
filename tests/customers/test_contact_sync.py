from __future__ import annotations

import asyncio
from typing import Any

import pytest
from contact_fixtures import Shop
from contact_fixtures import contact_client as contact_client
from contact_fixtures import people as people
from contact_fixtures import shop as shop
from contact_platform import SINCE
from meanwhile import Meanwhile
from meanwhile import meanwhile as meanwhile
from sqlalchemy import func, select, text, update

from bot.customers.behaviour import Behaviour, BehaviourBook
from bot.customers.follow_rows import of_pairs
from bot.customers.funnel import load_funnel
from bot.customers.profiles import meet
from bot.customers.tally import Tally
from bot.errors import Conflict, MendSettings
from bot.store.contact_tables import (
    BehaviourEvent,
    Follow,
    FollowEvent,
    FollowTag,
    Guide,
    SyncMember,
    SyncRun,
    TagChange,
)
from bot.store.database import Database
from bot.store.tables import Customer, StageMove


async def count(shop: Shop, table: Any, *where: Any) -> int:
    async with shop.database.read() as session:
        found = await session.scalar(select(func.count()).select_from(table).where(*where))
    return found or 0


async def customer(shop: Shop, who: str) -> Customer:
    async with shop.database.read() as session:
        return await session.get_one(Customer, who)


async def follow(shop: Shop, userid: str, who: str) -> Follow:
    async with shop.database.read() as session:
        return await session.get_one(Follow, (userid, who))


def fill(shop: Shop, *, guides: int, each: int) -> None:
    for guide in range(guides):
        for number in range(each):
            shop.people.follow(f"guide{guide:03}", f"wm{guide:03}x{number:04}")


async def test_first_sync_takes_in_guides_customers_tags_and_channels(shop: Shop) -> None:
    vip, new = shop.people.add_group("等级", "VIP", "新客")
    shop.people.follow("zhang", "wmA", remark="小林", tag_id=[vip, new], state="door-1")
    shop.people.follow("li", "wmA", createtime=SINCE + 60, state="live-2")
    shop.people.people["wmA"] |= {"name": "林小姐", "gender": 2, "unionid": "oUnion"}
    report = (await shop.sync().run()).as_dict()
    assert report["customers"] == {"seen": 1, "added": 1, "changed": 0, "removed": 0}
    assert report["follows"] == {"seen": 2, "added": 2, "changed": 0, "removed": 0}
    assert report["tags"] == {"seen": 2, "added": 2, "changed": 0, "removed": 0}
    assert report["groups"] == Tally().as_dict()
    assert report["calls"] == 3
    person = await customer(shop, "wmA")
    assert (person.name, person.unionid, person.stage) == ("林小姐", "oUnion", "icebreak")
    assert person.tags == ["VIP", "新客"]
    assert person.channel == "door-1"
    assert await count(shop, StageMove) == 1
    assert await count(shop, Guide) == 2
    assert (await follow(shop, "zhang", "wmA")).remark == "小林"


async def test_a_corp_that_seems_empty_closes_nothing(shop: Shop) -> None:
    """The app lost its view; nobody loses all customers in one night."""
    fill(shop, guides=2, each=3)
    await shop.sync().run()
    shop.clock.turn(days=1)
    for guide in ("guide000", "guide001"):
        for number in range(3):
            shop.people.unfollow(guide, f"wm{guide[-3:]}x{number:04}")
    assert (await shop.sync().run()).follows.removed == 0
    assert (await follow(shop, "guide000", "wm000x0000")).state == "active"


async def test_a_second_sync_writes_only_what_changed(shop: Shop) -> None:
    (vip,) = shop.people.add_group("等级", "VIP")
    fill(shop, guides=3, each=5)
    await shop.sync().run()
    shop.clock.turn(days=1)
    shop.people.follow("guide001", "wm001x0002", remark="新备注", tag_id=[vip])
    shop.people.people["wm002x0000"]["name"] = "改了名"
    shop.people.unfollow("guide000", "wm000x0000")
    shop.people.follow("guide000", "wmNew")
    report = await shop.sync().run()
    assert report.customers == Tally(seen=15, added=1, changed=1, removed=1)
    assert report.follows == Tally(seen=15, added=1, changed=1, removed=1)
    gone = await follow(shop, "guide000", "wm000x0000")
    assert gone.state == "missing" and gone.until == shop.clock.now()
    assert await count(shop, FollowEvent, FollowEvent.kind == "missing") == 1
    assert (await customer(shop, "wm001x0002")).tags == ["VIP"]
    async with shop.database.read() as session:
        (change,) = (await session.scalars(select(TagChange))).all()
    assert (change.name, change.added, change.cause) == ("VIP", True, "wecom")
    shop.clock.turn(days=1)
    again = await shop.sync().run()
    assert again.follows == Tally(seen=15)


async def test_what_the_customer_ended_stays_ended_though_still_listed(shop: Shop) -> None:
    shop.people.follow("zhang", "wmA")
    await shop.sync().run()
    async with shop.database.write() as session:
        await session.execute(
            update(Follow).values(state="deleted_by_customer", until=shop.clock.now())
        )
    shop.clock.turn(days=1)
    report = await shop.sync().run()
    assert report.follows.removed == 0
    assert (await follow(shop, "zhang", "wmA")).state == "deleted_by_customer"
    shop.clock.turn(days=1)
    shop.people.follow("zhang", "wmA", createtime=int(shop.clock.now().timestamp()))
    await shop.sync().run()
    assert (await follow(shop, "zhang", "wmA")).state == "active"


async def test_a_crash_in_the_middle_goes_on_where_it_was(shop: Shop) -> None:
    fill(shop, guides=250, each=4)
    pages = 0

    def kill(api: str) -> None:
        nonlocal pages
        pages += api == "externalcontact/batch/get_by_user"
        if pages == 5:
            shop.people.failing[:] = [48002]

    shop.people.on_call = kill
    with pytest.raises(MendSettings):
        await shop.sync(side_by_side=1).run()
    shop.people.on_call = lambda api: None
    halfway = await shop.sync().progress()
    assert halfway is not None and halfway.run.state == "stopped"
    assert 0 < halfway.percent < 100
    done_before = await count(shop, Follow)
    assert done_before == 400
    report = await shop.sync(side_by_side=1).run()
    assert report.follows == Tally(seen=1000, added=1000)
    assert report.customers.seen == 1000
    assert report.resumed == 1
    made = shop.people.calls["externalcontact/batch/get_by_user"]
    assert made == 11  # ten pages, and the one that was refused
    finished = await shop.sync().progress()
    assert finished is not None and finished.percent == 100


async def test_a_run_left_by_a_killed_process_is_taken_over_when_its_lease_ends(
    shop: Shop,
) -> None:
    fill(shop, guides=2, each=2)
    await shop.sync().run()
    async with shop.database.write() as session:
        await session.execute(
            update(SyncRun).values(
                state="running",
                phase="missing",
                leased_by="other/9/zz",
                leased_until=shop.clock.now().replace(year=2027),
            )
        )
    with pytest.raises(Conflict):
        await shop.sync().run()
    async with shop.database.write() as session:
        await session.execute(update(SyncRun).values(leased_until=shop.clock.now()))
    assert (await shop.sync().run()).resumed == 1


async def test_one_refused_guide_does_not_hold_up_the_others(shop: Shop) -> None:
    fill(shop, guides=9, each=2)
    shop.people.refusals["guide004"] = 60011
    shop.people.unlicensed.add("guide007")
    report = await shop.sync().run()
    assert dict(report.failed).keys() == {"guide004", "guide007"}
    assert report.follows.added == 14
    assert await count(shop, SyncMember, SyncMember.state == "done") == 7


async def test_relations_of_a_refused_guide_are_not_taken_for_gone(shop: Shop) -> None:
    fill(shop, guides=3, each=2)
    await shop.sync().run()
    shop.clock.turn(days=1)
    shop.people.refusals["guide001"] = 60011
    report = await shop.sync().run()
    assert report.follows.removed == 0


async def test_a_guide_without_customers_is_no_failure(shop: Shop) -> None:
    fill(shop, guides=2, each=1)
    shop.people.pairs["newcomer"] = {}
    shop.people.refusals["newcomer"] = 84061
    report = await shop.sync().run()
    assert not report.failed
    assert report.follows.added == 2


async def test_frequency_limits_are_waited_out(shop: Shop) -> None:
    fill(shop, guides=1, each=3)
    shop.people.failing = [0, 0, 45033]
    report = await shop.sync().run()
    assert report.follows.added == 3
    assert 3.0 in shop.naps.seconds


async def test_a_cursor_that_wecom_forgot_starts_its_batch_again(shop: Shop) -> None:
    fill(shop, guides=3, each=100)
    seen = 0

    def forget(api: str) -> None:
        nonlocal seen
        seen += api == "externalcontact/batch/get_by_user"
        if seen == 2:
            shop.people.failing[:] = [50100]
            seen = 99

    shop.people.on_call = forget
    report = await shop.sync().run()
    assert await count(shop, Follow) == 300
    assert report.follows.added == 300


async def test_guides_who_left_are_marked_and_may_come_back(shop: Shop) -> None:
    fill(shop, guides=2, each=1)
    await shop.sync().run()
    left = shop.people.pairs.pop("guide001")
    shop.clock.turn(days=1)
    await shop.sync().run()
    assert await count(shop, Guide, Guide.left_at.is_not(None)) == 1
    assert (await follow(shop, "guide001", "wm001x0000")).state == "active"
    shop.people.pairs["guide001"] = left
    shop.clock.turn(days=1)
    await shop.sync().run()
    assert await count(shop, Guide, Guide.left_at.is_not(None)) == 0


async def test_daily_run_is_due_once_a_day_at_its_hour(shop: Shop) -> None:
    fill(shop, guides=1, each=1)
    sync = shop.sync()
    await sync.tick()
    assert await count(shop, SyncRun) == 1
    await sync.tick()
    shop.clock.turn(hours=2)
    await sync.tick()
    assert await count(shop, SyncRun) == 1
    shop.clock.turn(hours=22)
    await sync.tick()
    assert await count(shop, SyncRun) == 2


async def test_when_most_of_a_large_corp_vanishes_nothing_is_closed(shop: Shop) -> None:
    fill(shop, guides=12, each=100)
    await shop.sync().run()
    shop.clock.turn(days=1)
    for rows in shop.people.pairs.values():
        rows.clear()
    report = await shop.sync().run()
    assert report.follows.removed == 0
    assert await count(shop, Follow, Follow.state == "active") == 1200


async def test_parked_behaviour_is_released_when_the_customer_is_read(shop: Shop) -> None:
    now = shop.clock.now()
    async with shop.database.write() as session:
        session.add(
            BehaviourEvent(
                event_id="e1",
                type="order_paid",
                unionid="oUnion",
                state="parked",
                data={},
                at=now,
                received_at=now,
            )
        )
    shop.people.follow("zhang", "wmA")
    shop.people.people["wmA"]["unionid"] = "oUnion"
    await shop.sync().run()
    assert await count(shop, BehaviourEvent, BehaviourEvent.state == "ready") == 1


async def test_an_event_and_its_stranger_who_come_at_once_find_each_other(shop: Shop) -> None:
    book = BehaviourBook(shop.database, shop.clock, load_funnel())
    did = Behaviour(
        event_id="e1", type="order_paid", external_userid="wmA", data={}, at=shop.clock.now()
    )
    async with shop.database.write() as session:
        await meet(session, ["wmA"], stage="icebreak", now=shop.clock.now())
        taking = asyncio.create_task(book.take(did))
        await asyncio.wait({taking}, timeout=0.3)
    await taking
    await book.round()
    assert await count(shop, BehaviourEvent, BehaviourEvent.state == "applied") == 1


async def test_contacts_of_wecom_users_and_strange_fields_are_kept_whole(shop: Shop) -> None:
    shop.people.follow(
        "zhang",
        "woB",
        remark_mobiles=["13800000000"],
        remark_corp_name="暖屿",
        wechat_channels={"nickname": "视频号", "source": 1},
        description="x" * 600,
    )
    profile = {"external_attr": [{"type": 0, "name": "文本", "text": {"value": "值"}}]}
    shop.people.people["woB"] |= {
        "type": 2,
        "position": "店长",
        "corp_name": "某店",
        "corp_full_name": "某店有限公司",
        "external_profile": profile,
        "name": "带\x00空字符",
    }
    await shop.sync().run()
    relation = await follow(shop, "zhang", "woB")
    assert relation.remark_mobiles == ["13800000000"]
    assert relation.extra == {"wechat_channels": {"nickname": "视频号", "source": 1}}
    assert (await customer(shop, "woB")).name == "带空字符"
    from bot.store.contact_tables import ContactCard

    async with shop.database.read() as session:
        card = await session.get_one(ContactCard, "woB")
    assert card.body["external_profile"] == profile
    assert card.body["position"] == "店长"


async def test_groups_that_cannot_be_read_do_not_sink_the_contacts(shop: Shop) -> None:
    fill(shop, guides=1, each=2)

    async def refused(count: Any) -> Tally:
        raise MendSettings("应用不能调用这个接口", errcode=48002)

    report = await shop.sync(groups=refused).run()
    assert report.follows.added == 2
    assert report.problem == "没有读到客户群：应用不能调用这个接口"
    async with shop.database.read() as session:
        run = await session.scalar(select(SyncRun))
    assert run is not None
    assert (run.state, run.error) == ("done", report.problem)


@pytest.mark.parametrize("table", [Follow, FollowTag])
async def test_a_page_is_looked_up_by_an_index(ledger: Database, table: Any) -> None:
    """Else each page of a second sync reads everything that the first one wrote."""
    asked = select(table).where(of_pairs(table, [("g1", "wmA"), ("g2", "wmB")]))
    written = asked.compile(
        ledger.engine.sync_engine,
        compile_kwargs={"literal_binds": True, "render_postcompile": True},
    )
    async with ledger.read() as session:
        plan = [row[3] for row in await session.execute(text(f"EXPLAIN QUERY PLAN {written}"))]
    assert not [line for line in plan if line.startswith(f"SCAN {table.__tablename__}")], plan


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_a_relation_heard_of_while_the_missing_are_closed_stays(
    shop: Shop, meanwhile: Meanwhile
) -> None:
    fill(shop, guides=2, each=3)
    await shop.sync().run()
    shop.clock.turn(days=1)
    for who in ("wm000x0000", "wm000x0001"):
        shop.people.unfollow("guide000", who)
    heard = update(Follow).where(Follow.external_userid == "wm000x0001")
    meanwhile.after(
        shop.database, "follow.sweep IS NULL OR", heard.values(state_at=shop.clock.now())
    )
    report = await shop.sync().run()
    assert report.follows.removed == 1
    assert (await follow(shop, "guide000", "wm000x0000")).state == "missing"
    assert (await follow(shop, "guide000", "wm000x0001")).state == "active"
