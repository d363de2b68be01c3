from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta

from outreach_shop import GUIDE, Shop

from bot.outreach.calendar_view import EXPECTED, touch_calendar
from bot.outreach.forecast import MOST_PEOPLE
from bot.outreach.walks import save_walks
from scheduler import Progress, Rule, begin

WEEK = """
version: 1
journeys:
- id: week
  name: 一周问候
  priority: 80
  triggers: [{event: [wants_news]}]
  exits: [bought]
  steps:
  - {id: first, purpose: 第一天, kind: nudge, at: {day: 1, time: "10:00"}, content: {text: 早}}
  - {id: second, purpose: 第三天, kind: nudge, at: {day: 3, time: "10:00"}, content: {text: 好}}
- id: rival
  name: 另一个
  priority: 10
  triggers: [{event: [wants_news]}]
  steps:
  - {id: only, purpose: 也在第三天, kind: nudge, at: {day: 3, time: "10:00"}, content: {text: 嗨}}
"""


async def test_the_calendar_shows_what_was_planned_and_what_is_to_be_expected(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(WEEK)
    await shop.customer("wm-a")
    await shop.customer("wm-b")
    await shop.step()
    await shop.behaves("wm-a", "wants_news")
    await shop.behaves("wm-b", "wants_news")
    await shop.step(minutes=5)
    now, plans = shop.clock.now(), shop.outreach.plans
    today = plans.calendar.local_day(now)
    async with shop.database.read() as session:
        seen = await touch_calendar(session, plans, now, first=today, days=7)
        alone = await touch_calendar(session, plans, now, first=today, days=7, journey="week")
    assert seen.whole
    assert [day.day for day in seen.days] == [today + timedelta(days=n) for n in range(7)]
    assert [day.going_out for day in alone.days] == [0, 2, 0, 2, 0, 0, 0]
    assert [day.going_out for day in seen.days] == [0, 2, 0, 4, 0, 0, 0]
    third = seen.days[3]
    assert {line.status for line in third.lines} == {EXPECTED}
    assert third.conflicts == {Rule.PRIORITY: 2}
    assert (third.customers, third.fullest_customer.used, third.fullest_customer.limit) == (
        2,
        4,
        6,
    )
    shop.clock.turn(days=1)
    for _ in range(30):
        await shop.step(minutes=10)
    async with shop.database.read() as session:
        later = await touch_calendar(session, plans, shop.clock.now(), first=today, days=7)
    [line] = later.days[1].lines
    assert (line.status, line.people, line.purpose) == ("asked", 2, "第一天")
    assert later.days[3].going_out == 4


async def test_of_many_a_few_stand_for_all_and_the_calendar_says_so(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(WEEK)
    now, plans = shop.clock.now(), shop.outreach.plans
    today = plans.calendar.local_day(now)
    ids = [f"wm{number:04}" for number in range(700)]
    walks = [begin(plans.journeys["week"], who, "all", now, guides=(GUIDE,)) for who in ids]
    due = plans.calendar.at(today + timedelta(days=1), time(10))
    async with shop.database.write() as session:
        await save_walks(session, [Progress(walk, due) for walk in walks])
    async with shop.database.read() as session:
        seen = await touch_calendar(session, plans, now, first=today, days=3)
    assert not seen.whole
    assert (seen.looked_at, seen.under_way) == (MOST_PEOPLE, 700)
    [line] = seen.days[1].lines
    assert (line.status, line.people, seen.days[1].customers) == (EXPECTED, 700, 700)
