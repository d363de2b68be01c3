"""A service that stood still on the day on which something begins takes it up afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from outreach_shop import Shop

from bot.clock import ManualClock
from bot.store.contact_tables import PortraitFact
from bot.store.database import Database
from scheduler import Rule
from scheduler.calendars import SHANGHAI

CAMPAIGN = """
version: 1
journeys:
- id: wave
  name: 周年活动
  triggers: [{date: {on: %s}}]
  steps:
  - {id: news, purpose: 预告, kind: guide_task, at: {day: 0, time: "10:00"},
     content: {text: 明天见, todo: 预告活动}}
  - {id: last, purpose: 名额, kind: guide_task, at: {day: 3, time: "10:00"},
     content: {text: 最后几个名额, todo: 提醒名额}}
"""
CAKE = """
version: 1
journeys:
- id: cake
  name: 生日
  triggers: [{birthday: {days_before: 2}}]
  steps:
  - {id: wish, purpose: 生日祝福, kind: guide_task, at: {day: 2, time: "10:00"},
     content: {text: 生日快乐, todo: 祝生日快乐}}
"""


@pytest.fixture
def database(ledger: Database) -> Database:
    """None of this depends on the engine."""
    return ledger


async def test_a_campaign_that_began_during_a_stop_goes_on_with_its_later_steps(
    outreach_shop: Callable[..., Shop], clock: ManualClock
) -> None:
    today = clock.now().astimezone(SHANGHAI).date()
    shop = outreach_shop(CAMPAIGN % (today + timedelta(days=1)))
    await shop.customer("wmOne")
    await shop.step()
    await shop.step(days=3)
    for _ in range(10):
        await shop.step(hours=3)
    news, last = await shop.touches()
    assert (news.step, news.rule) == ("news", Rule.MISSED)
    assert (last.step, last.status) == ("last", "sent")


async def test_a_campaign_of_long_ago_is_not_begun_nor_one_that_was_done(
    outreach_shop: Callable[..., Shop], clock: ManualClock
) -> None:
    today = clock.now().astimezone(SHANGHAI).date()
    shop = outreach_shop(CAMPAIGN % (today + timedelta(days=1)))
    await shop.customer("wmOne")
    await shop.step()
    await shop.step(days=1)
    await shop.customer("wmTwo")
    for _ in range(3):
        await shop.step(days=1)
    assert {one.subject for one in await shop.touches()} == {"wmOne"}
    later = outreach_shop(CAMPAIGN.replace("wave", "old") % (today + timedelta(days=5)))
    await later.step(days=20)
    await later.step(hours=2)
    assert not [one for one in await later.touches() if one.journey == "old"]


async def test_a_birthday_whose_day_of_beginning_was_missed_is_wished_all_the_same(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(CAKE)
    born = shop.outreach.plans.calendar.local_day(shop.clock.now()) + timedelta(days=4)
    await shop.customer("wmOne")
    now = shop.clock.now()
    fact = {"state": "confirmed", "confidence": 1.0, "quote": "", "first_at": now, "last_at": now}
    await shop.add(
        PortraitFact(external_userid="wmOne", field="birthday", value=f"{born:%m-%d}", **fact)
    )
    await shop.outreach.birthdays.tick()
    shop.clock.turn(days=3)
    assert await shop.outreach.birthdays.tick() == 1
    assert await shop.outreach.birthdays.tick() == 0
    for _ in range(12):
        await shop.step(hours=3)
    [wish] = await shop.touches()
    assert (wish.status, shop.outreach.plans.calendar.local_day(wish.due_at)) == ("sent", born)
