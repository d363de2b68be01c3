"""Cohort tags that come late, twice or not at all: each newcomer still sees each day once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from outreach_shop import GUIDE, Shop
from sqlalchemy import select, update

from bot.sandbox import Fault, moments
from bot.store.channel_tables import Channel, Greeting
from bot.store.contact_tables import Follow, Guide, TagJob
from bot.store.outreach_tables import CohortMember, CohortTag
from bot.store.tables import WorkState
from bot.wecom.contacts import tag_groups

WEEK = """
version: 1
journeys:
- id: week
  name: 新朋友
  triggers: [{added: any}]
  cohort: {by: joining_day, tag_group: 新客批次, tag_prefix: 新客, retire_after_days: 1}
  exits: []
  steps:
  - {id: one, purpose: 知道你, kind: moment, at: {day: 1, time: "10:00"},
     catch_up: {send_late: 6}, content: {text: 一}}
  - {id: two, purpose: 了解你, kind: moment, at: {day: 2, time: "10:00"},
     catch_up: {send_late: 6}, content: {text: 二}}
"""
SEGMENTED = """
version: 1
journeys:
- id: week
  name: 新朋友
  triggers: [{added: any}]
  segments: {mothers: {zh: 宝妈, tags: [宝妈]}, others: {zh: 其他}}
  cohort: {by: joining_day, tag_group: 新客批次, tag_prefix: 新客, retire_after_days: 1}
  exits: []
  steps:
  - {id: one, purpose: 知道你, kind: moment, at: {day: 1, time: "10:00"}, content: {text: 一}}
"""
MARK = "externalcontact/mark_tag"


async def _joins_at_night(shop: Shop) -> None:
    """Ten minutes to midnight."""
    await shop.step()
    await shop.customer("wmEarly")
    await shop.added("wmEarly")
    await shop.step(hours=13, minutes=50)
    await shop.customer("wmLate")
    await shop.added("wmLate")


async def _days(shop: Shop, days: int) -> None:
    for _ in range(days * 8):
        await shop.step(hours=3)
        for moment_id, userid in moments.waiting(shop.platform):
            moments.publish(shop.platform, moment_id, userid)


def _seen(shop: Shop, who: str) -> list[str]:
    return [one["text"] for one in moments.feed(shop.platform, who)]


async def test_a_tag_that_may_be_on_comes_off_when_its_bearer_goes_with_a_later_cohort(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(WEEK)
    await _joins_at_night(shop)
    shop.platform.faults.set(Fault.LOST_ANSWER, times=3, api=MARK)
    await shop.step()
    shop.platform.faults.clear()
    shop.clock.turn(minutes=15)
    await shop.outreach.cohorts.tick()
    await _days(shop, 4)
    assert (_seen(shop, "wmEarly"), _seen(shop, "wmLate")) == (["一", "二"], ["一", "二"])


async def test_a_tag_that_was_given_up_is_tried_again(outreach_shop: Callable[..., Shop]) -> None:
    """WeCom was out of order for longer than a worker tries."""
    shop = outreach_shop(WEEK)
    shop.platform.faults.set(Fault.BUSY, api=MARK)
    await _joins_at_night(shop)
    await shop.step()
    async with shop.database.write() as session:
        dead = update(TagJob).where(TagJob.state == WorkState.READY)
        await session.execute(dead.values(state=WorkState.DEAD, leased_until=None))
    shop.clock.turn(minutes=5)
    shop.platform.faults.clear()
    await _days(shop, 4)
    assert (_seen(shop, "wmEarly"), _seen(shop, "wmLate")) == (["一", "二"], ["一", "二"])


@pytest.mark.parametrize("loss", ["the customer deletes the guide", "the guide leaves"])
async def test_who_loses_a_guide_in_the_midst_sees_the_rest_through_another(
    outreach_shop: Callable[..., Shop], loss: str
) -> None:
    shop = outreach_shop(WEEK)
    await shop.step()
    await shop.customer("wmOne")
    await _second_guide(shop, "wmOne", "guide_tang")
    await shop.added("wmOne")
    await _days(shop, 1)
    await shop.step(hours=1)
    async with shop.database.write() as session:
        if loss == "the guide leaves":
            guide = await session.get_one(Guide, GUIDE)
            guide.left_at = shop.clock.now()
        else:
            follow = await session.get_one(Follow, (GUIDE, "wmOne"))
            follow.state = "deleted_by_customer"
    await _days(shop, 3)
    assert _seen(shop, "wmOne") == ["一", "二"]
    assert [task.body["guides"] for task in await shop.tasks()] == [[GUIDE], ["guide_tang"]]


async def _second_guide(shop: Shop, who: str, userid: str) -> None:
    now = shop.clock.now()
    shop.platform.friends.begin(userid, who, channel="", half=False, now=shop.platform.now())
    follow = Follow(userid=userid, external_userid=who, state="active", since=now)
    await shop.add(Guide(userid=userid, name="糖糖", since=now), follow)


async def test_a_channels_tags_tell_the_segment_before_anybody_was_greeted(
    outreach_shop: Callable[..., Shop],
) -> None:
    """A crash may lie between the news of a friend and what follows the greeting."""
    shop = outreach_shop(SEGMENTED)
    await shop.step()
    now = shop.clock.now()
    await shop.customer("wmOne")
    channel = Channel(
        state="c1", kind="code", name="宝妈群", guides=[GUIDE], tags=["宝妈"],
        created_at=now, updated_at=now,
    )  # fmt: skip
    greeting = Greeting(
        key="k", lane="l", state=WorkState.READY, due_at=now, attempts=0, userid=GUIDE,
        external_userid="wmOne", change_type="add_external_contact", channel_state="c1",
        added_at=now, received_at=now,
    )  # fmt: skip
    await shop.add(channel, greeting)
    await shop.added("wmOne", channel="c1")
    await shop.step()
    async with shop.database.read() as session:
        cohort = await session.scalar(select(CohortMember.cohort))
    assert cohort is not None and cohort.startswith("week:mothers:")


async def test_a_tag_made_by_a_process_that_died_is_retired_too(
    outreach_shop: Callable[..., Shop],
) -> None:
    """WeCom has it; nobody lived to write down that it is ours."""
    shop = outreach_shop(WEEK)
    await shop.step()
    await shop.customer("wmOne")
    await shop.added("wmOne")
    await shop.outreach.listener.tick()
    async with shop.database.read() as session:
        tag = (await session.scalars(select(CohortTag))).one()
    await shop.client.contacts.create_tags(tag.group_name, [tag.name])
    await _days(shop, 5)
    assert _seen(shop, "wmOne") == ["一", "二"]
    listed = tag_groups(await shop.client.contacts.corp_tags())
    assert tag.name not in {one.name for group in listed for one in group.tags}
