from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contact_fixtures import Shop
from contact_fixtures import contact_client as contact_client
from contact_fixtures import people as people
from contact_fixtures import shop as shop
from corp import Script
from sqlalchemy import func, select, update

from bot.clock import ManualClock
from bot.customers.auto_tags import AutoTagger
from bot.customers.behaviour import Behaviour, BehaviourBook
from bot.customers.corp_tags import TagBook
from bot.customers.funnel import load_funnel
from bot.customers.remarks import Remarks
from bot.customers.tag_checks import want_check
from bot.customers.tag_names import TagNameKeeper
from bot.customers.tag_plan import TagPlan, load_tag_plan
from bot.customers.tag_rules import TagRules, load_tag_rules
from bot.customers.tagging import Tagger, want_tags
from bot.delivery.worker import Worker
from bot.errors import NotFound, RetryLater, SettingsError, Unprocessable
from bot.store.claims import claim
from bot.store.contact_tables import (
    Bookmark,
    CorpTag,
    Follow,
    FollowTag,
    TagChange,
    TagCheck,
    TagJob,
)
from bot.store.database import Database
from bot.store.tables import Customer, WorkState
from bot.wecom.client import WeComClient
from intents import load_taxonomy


async def promise(shop: Shop, *, userid: str = "zhang", who: str = "wmA", **more: Any) -> None:
    async with shop.database.write() as session:
        await want_tags(session, userid, who, cause="test", now=shop.clock.now(), **more)


async def work(shop: Shop) -> None:
    """Carry out the tag jobs that are due, as the worker claims them."""
    from datetime import timedelta

    tagger = Tagger(shop.database, shop.client, shop.clock, shop.tags)
    while True:
        async with shop.database.write() as session:
            jobs = await claim(
                session,
                TagJob,
                by="host/1/aa",
                now=shop.clock.now(),
                lease=timedelta(seconds=60),
                limit=10,
            )
        if not jobs:
            return
        for job in jobs:
            await tagger.handle(job)


async def names(shop: Shop, who: str = "wmA") -> list[str]:
    async with shop.database.read() as session:
        return (await session.get_one(Customer, who)).tags


async def states(shop: Shop) -> list[tuple[str, str | None]]:
    async with shop.database.read() as session:
        rows = await session.execute(select(TagJob.state, TagJob.error).order_by(TagJob.id))
        return [(state, error) for state, error in rows]


async def test_a_tag_whose_making_was_never_answered_is_found_again_and_ours(
    ledger: Database, scripted: Callable[..., WeComClient], script: Script, clock: ManualClock
) -> None:
    tags = TagBook(ledger, scripted(), clock)
    theirs = {"id": "et1", "name": "门店", "order": 0}
    made = {"id": "et2", "name": "直播间", "order": 0}
    group = {"group_id": "eg1", "group_name": "来源", "order": 0, "tag": [theirs]}
    before, after = {"tag_group": [group]}, {"tag_group": [{**group, "tag": [theirs, made]}]}
    script.will("externalcontact/add_corp_tag", "drop")
    script.will("externalcontact/get_corp_tag_list", before, before, after)
    with pytest.raises(RetryLater):
        await tags.ids_for(["直播间"], group="来源")
    assert await tags.ids_for(["直播间"], group="来源") == {"直播间": "et2"}
    assert script.made("externalcontact/add_corp_tag") == 1
    async with ledger.read() as session:
        rows = await session.execute(select(CorpTag.tag_id, CorpTag.ours).order_by(CorpTag.tag_id))
        assert rows.all() == [("et1", False), ("et2", True)]
        assert (await session.scalars(select(Bookmark))).all() == []


async def test_a_tag_by_name_is_created_put_on_and_known_at_once(shop: Shop) -> None:
    shop.people.follow("zhang", "wmA")
    await shop.sync().run()
    await promise(shop, names=["直播间"], group="来源", because="渠道直播")
    await work(shop)
    assert await names(shop) == ["直播间"]
    (tag_id,) = shop.people.pairs["zhang"]["wmA"]["tag_id"]
    async with shop.database.read() as session:
        assert (await session.get_one(CorpTag, tag_id)).ours
        change = await session.scalar(select(TagChange))
    assert change is not None
    assert (change.name, change.because, change.cause) == ("直播间", "渠道直播", "test")
    await promise(shop, names=["直播间"], group="来源")
    await work(shop)
    assert shop.people.calls["externalcontact/add_corp_tag"] == 1
    assert shop.people.calls["externalcontact/mark_tag"] == 1
    shop.clock.turn(days=1)
    assert (await shop.sync().run()).follows.changed == 0


async def test_jobs_of_one_pair_are_done_one_at_a_time_and_in_order(shop: Shop) -> None:
    first, second = shop.people.add_group("等级", "VIP", "新客")
    shop.people.follow("zhang", "wmA")
    shop.people.follow("zhang", "wmB")
    await shop.sync().run()
    await promise(shop, add=[first])
    await promise(shop, add=[second], remove=[first])
    await promise(shop, who="wmB", add=[second])
    from datetime import timedelta

    async with shop.database.write() as session:
        held = await claim(
            session,
            TagJob,
            by="host/1/aa",
            now=shop.clock.now(),
            lease=timedelta(seconds=60),
            limit=10,
        )
    assert {job.external_userid for job in held} == {"wmA", "wmB"}
    tagger = Tagger(shop.database, shop.client, shop.clock, shop.tags)
    for job in held:
        await tagger.handle(job)
    await work(shop)
    assert await names(shop) == ["新客"]
    assert shop.people.pairs["zhang"]["wmA"]["tag_id"] == [second]


async def test_what_is_borne_already_is_not_promised(shop: Shop) -> None:
    (vip,) = shop.people.add_group("等级", "VIP")
    shop.people.follow("zhang", "wmA", tag_id=[vip])
    await shop.sync().run()
    async with shop.database.write() as session:
        now = shop.clock.now()
        assert await want_tags(session, "zhang", "wmA", add=[vip], cause="t", now=now) is None


async def test_refused_tags_say_why(shop: Shop) -> None:
    shop.people.follow("zhang", "wmA")
    await shop.sync().run()
    await promise(shop, add=["et1"])
    shop.people.failing = [40068]
    await work(shop)
    ((state, error),) = await states(shop)
    assert state == WorkState.FAILED
    assert error and "标签" in error
    async with shop.database.write() as session:
        await session.execute(update(Follow).values(state="deleted_by_guide"))
    await promise(shop, add=["et2"])
    await work(shop)
    assert (await states(shop))[1][0] == WorkState.FAILED


async def test_two_writers_of_one_pair_wait_for_each_other(shop: Shop) -> None:
    (vip,) = shop.people.add_group("等级", "VIP")
    shop.people.follow("zhang", "wmA")
    await shop.sync().run()
    await promise(shop, add=[vip])
    shop.people.failing = [45035]
    with pytest.raises(RetryLater):
        await work(shop)


async def test_a_half_added_customer_is_tagged_once_confirmed(shop: Shop) -> None:
    (vip,) = shop.people.add_group("等级", "VIP")
    shop.people.follow("zhang", "wmA")
    await shop.sync().run()
    async with shop.database.write() as session:
        await session.execute(update(Follow).values(state="half"))
    await promise(shop, add=[vip])
    with pytest.raises(RetryLater):
        await work(shop)


async def test_the_worker_takes_tag_jobs(shop: Shop) -> None:
    (vip,) = shop.people.add_group("等级", "VIP")
    shop.people.follow("zhang", "wmA")
    await shop.sync().run()
    await promise(shop, add=[vip])
    tagger = Tagger(shop.database, shop.client, shop.clock, shop.tags)
    worker = Worker(shop.database, TagJob, tagger.handle, name="host/1/aa", clock=shop.clock)
    from corp import running, until

    async with running(worker.run()):
        await until(lambda: bool(shop.people.pairs["zhang"]["wmA"]["tag_id"]))


async def test_the_plan_creates_only_what_is_missing(shop: Shop) -> None:
    shop.people.add_group("来源", "门店")
    plan = TagPlan.model_validate(
        {
            "groups": [
                {"name": "来源", "tags": ["门店", "直播间"]},
                {"name": "人群", "tags": ["宝妈"]},
            ]
        }
    )
    assert await shop.tags.apply(plan) == ["直播间", "宝妈"]
    assert await shop.tags.apply(plan) == []
    assert [group["group_name"] for group in shop.people.groups.values()] == ["来源", "人群"]


async def test_a_lost_answer_to_a_creation_does_not_create_twice(shop: Shop) -> None:
    made = False

    def lose(api: str) -> None:
        nonlocal made
        if api == "externalcontact/add_corp_tag" and not made:
            made = True
            shop.people.add_group("来源", "门店")
            shop.people.failing[:] = ["drop"]

    shop.people.on_call = lose
    ids = await shop.tags.ids_for(["门店"], group="来源")
    assert list(ids) == ["门店"]
    assert sum(len(group["tag"]) for group in shop.people.groups.values()) == 1


@pytest.mark.parametrize("quicker", ["a stopped process", "another replica"])
async def test_a_tag_that_somebody_else_created_meanwhile_is_used(
    shop: Shop, quicker: str
) -> None:
    def create(api: str) -> None:
        if api == "externalcontact/add_corp_tag":
            shop.people.add_group("来源", "门店")
            shop.people.failing[:] = [40071]

    if quicker == "another replica":
        shop.people.on_call = create
    else:
        shop.people.add_group("来源", "门店")
    assert list(await shop.tags.ids_for(["门店"], group="来源")) == ["门店"]
    assert sum(len(group["tag"]) for group in shop.people.groups.values()) == 1


async def test_only_our_own_tags_are_renamed_and_bearers_follow(shop: Shop) -> None:
    (foreign,) = shop.people.add_group("等级", "VIP")
    shop.people.follow("zhang", "wmA")
    await shop.sync().run()
    await promise(shop, names=["门店"], group="来源")
    await work(shop)
    ids = await shop.tags.ids_for(["门店"], group="来源")
    shop.clock.turn(seconds=1)
    await shop.tags.rename(ids["门店"], "线下门店")
    await TagNameKeeper(shop.database, shop.clock).tick()
    assert await names(shop) == ["线下门店"]
    with pytest.raises(Unprocessable, match="不是本应用创建的"):
        await shop.tags.rename(foreign, "贵宾")
    await shop.tags.delete(ids["门店"])
    await TagNameKeeper(shop.database, shop.clock).tick()
    assert await names(shop) == []
    async with shop.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(FollowTag)) == 1


def rules(*given: dict[str, Any]) -> TagRules:
    return TagRules.model_validate({"rules": list(given)})


CART = {
    "id": "cart",
    "name": "加过购物车",
    "tag": "加购",
    "group": "意向",
    "when": {"events": ["added_to_cart"], "days": 30},
    "stays": False,
}
SILENT = {
    "id": "silent",
    "name": "没来往",
    "tag": "沉默",
    "group": "状态",
    "when": {"silent_days": 30},
    "stays": False,
}
LIVE = {"id": "live", "name": "直播来的", "tag": "直播", "when": {"channels": ["live*"]}}


def tagger(shop: Shop, *given: dict[str, Any], enabled: bool = True) -> AutoTagger:
    return AutoTagger(shop.database, shop.clock, rules(*given), labels={}, enabled=enabled)


async def test_a_rule_tags_and_takes_its_tag_back(shop: Shop) -> None:
    at = int(shop.clock.now().timestamp())
    shop.people.follow("zhang", "wmA", createtime=at, state="live-7")
    shop.people.follow("li", "wmA", createtime=at)
    await shop.sync().run()
    auto = tagger(shop, CART, SILENT, LIVE)
    async with shop.database.write() as session:
        await want_check(session, ["wmA"], now=shop.clock.now())
    book = BehaviourBook(shop.database, shop.clock, load_funnel())
    await book.take(
        Behaviour(
            event_id="e1",
            type="added_to_cart",
            at=shop.clock.now(),
            external_userid="wmA",
            data={},
        )
    )
    previews, looked_at = await auto.preview()
    assert looked_at > 0
    counts = {one.rule.id: (one.matching, one.would_add) for one in previews}
    assert counts == {"cart": (1, 1), "silent": (0, 0), "live": (1, 1)}
    await auto.tick()
    await auto.tick()
    await work(shop)
    assert await names(shop) == ["加购", "直播"]
    async with shop.database.read() as session:
        because = await session.scalar(
            select(TagChange.because).where(TagChange.name == "加购").limit(1)
        )
    assert because == "加过购物车：30 天内 1 次有过added_to_cart"
    shop.clock.turn(days=31)
    await auto.tick()
    await work(shop)
    assert await names(shop) == ["沉默", "直播"]
    for userid in ("zhang", "li"):
        assert len(shop.people.pairs[userid]["wmA"]["tag_id"]) == 2


async def test_a_tag_whose_rule_ceased_while_it_was_on_its_way_comes_off_again(
    shop: Shop,
) -> None:
    shop.people.follow("zhang", "wmA")
    await shop.sync().run()
    async with shop.database.write() as session:
        await session.execute(update(Customer).values(stage="closing"))
        await want_check(session, ["wmA"], now=shop.clock.now())
    near = {"id": "near", "name": "快成交", "tag": "促单", "when": {"stages": ["closing"]}}
    auto = tagger(shop, near | {"stays": False})
    await auto.tick()
    async with shop.database.write() as session:
        await session.execute(update(Customer).values(stage="won"))
        await want_check(session, ["wmA"], now=shop.clock.now())
    await auto.tick()
    await work(shop)
    assert await names(shop) == ["促单"]
    await auto.tick()
    await work(shop)
    await auto.tick()
    assert await names(shop) == []
    assert len(await states(shop)) == 2


async def test_switched_off_rules_change_nothing_and_gather_nothing(shop: Shop) -> None:
    shop.people.follow("zhang", "wmA", state="live-7")
    await shop.sync().run()
    async with shop.database.write() as session:
        await want_check(session, ["wmA"], now=shop.clock.now())
    await tagger(shop, LIVE, enabled=False).tick()
    assert await states(shop) == []
    async with shop.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(TagCheck)) == 0


def test_the_shipped_plan_and_rules_fit_together() -> None:
    plan = {(group.name, tag) for group in load_tag_plan().groups for tag in group.tags}
    shipped = load_tag_rules(intents=load_taxonomy().names, stages=load_funnel().names)
    assert {(rule.group, rule.tag) for rule in shipped.rules} <= plan


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: [{id: a, name: n, tag: t, when: {}}]", "没有条件"),
        ("rules: [{id: a, name: n, tag: t, when: {intents: [nope]}}]", "没有定义的意图：nope"),
        ("rules: [{id: a, name: n, tag: t, when: {stages: [nope]}}]", "没有定义的阶段：nope"),
        ("rules: [{id: A b, name: n, tag: t, when: {stages: [won]}}]", "rules.0.id"),
        ("rules: [", "不是正确的 YAML"),
    ],
)
def test_a_wrong_rule_file_says_where_and_what(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        load_tag_rules(path, intents=["greet"], stages=["won"])


async def test_a_remark_set_by_us_is_known_at_once(shop: Shop) -> None:
    shop.people.follow("zhang", "wmA")
    await shop.sync().run()
    remarks = Remarks(shop.database, shop.client, shop.clock)
    await remarks.change("zhang", "wmA", remark="常买大码", mobiles=[])
    assert shop.people.bodies[-1][1]["remark_mobiles"] == [""]
    async with shop.database.read() as session:
        assert (await session.get_one(Follow, ("zhang", "wmA"))).remark == "常买大码"
    with pytest.raises(NotFound):
        await remarks.change("li", "wmA", remark="x")
    with pytest.raises(Unprocessable, match="最多 20 个字"):
        await remarks.change("zhang", "wmA", remark="x" * 21)
