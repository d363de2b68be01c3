from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from outreach_shop import GUIDE, Shop

from bot.errors import AlreadyDecided
from bot.outreach.step_results import step_results
from bot.outreach.task_desk import TaskDesk
from bot.outreach.touch_history import touches
from bot.sandbox import Fault, mass_sends
from bot.store.outreach_tables import TaskPhase, TouchState
from scheduler import Rule

NEWS = """
version: 1
journeys:
- id: news
  name: 上新通知
  triggers:
  - event: wants_news
  exits: [bought]
  steps:
  - id: tell
    purpose: 告诉上新
    kind: mass_send
    at: {hours: 1}
    content:
      text: "您好，秋冬新款到店了。"
"""
PEOPLE = ("wmOne", "wmTwo", "wmThree")
CREATE = "externalcontact/add_msg_template"


async def _asked(shop: Shop) -> None:
    for who in PEOPLE:
        await shop.customer(who)
    await shop.step()
    for who in PEOPLE:
        await shop.behaves(who, "wants_news")
    for _ in range(15):
        await shop.step(minutes=10)


def _created(shop: Shop) -> int:
    return sum(1 for call in shop.platform.calls if call.api == CREATE and call.errcode == 0)


async def test_one_task_for_all_of_a_guides_customers(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS)
    await _asked(shop)
    [task] = await shop.tasks()
    assert (task.phase, task.sender, sorted(task.audience)) == (
        TaskPhase.ASKED,
        GUIDE,
        sorted(PEOPLE),
    )
    assert {one.status for one in await shop.touches()} == {TouchState.ASKED}
    [(msgid, _)] = mass_sends.waiting(shop.platform)
    mass_sends.confirm(shop.platform, msgid)
    for _ in range(3):
        await shop.step(minutes=10)
    assert {one.status for one in await shop.touches()} == {TouchState.SENT}
    assert [one["text"] for one in mass_sends.received(shop.platform, PEOPLE[0])] == [
        "您好，秋冬新款到店了。"
    ]


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.BUSY])
async def test_an_unanswered_call_is_looked_for_before_any_repeat(
    outreach_shop: Callable[..., Shop], fault: Fault
) -> None:
    shop = outreach_shop(NEWS)
    shop.platform.faults.set(fault, times=1, api=CREATE)
    await _asked(shop)
    await shop.step(minutes=10)
    [task] = await shop.tasks()
    assert task.phase == TaskPhase.ASKED
    assert _created(shop) == 1
    assert len(mass_sends.waiting(shop.platform)) == 1


async def test_nobody_confirms_and_the_task_is_cancelled(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(
        NEWS.replace("kind: mass_send", "kind: mass_send\n    catch_up: {send_late: 12}")
    )
    await _asked(shop)
    for _ in range(30):
        await shop.step(minutes=30)
    [task] = await shop.tasks()
    assert task.phase == TaskPhase.CANCELLED
    assert 1 <= len(task.reminders) <= 3
    assert {one.status for one in await shop.touches()} == {TouchState.CANCELLED}
    assert mass_sends.waiting(shop.platform) == []


async def test_a_task_that_all_have_outgrown_is_cancelled(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS)
    await _asked(shop)
    for who in PEOPLE:
        await shop.behaves(who, "order_paid")
    for _ in range(3):
        await shop.step(minutes=10)
    [task] = await shop.tasks()
    assert task.phase == TaskPhase.CANCELLED
    assert {one.rule for one in await shop.touches()} == {"exit_bought"}


async def test_what_nobody_can_tell_waits_for_a_person(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS)
    shop.platform.faults.set(Fault.LOST_ANSWER, times=1, api=CREATE)
    for who in PEOPLE:
        await shop.customer(who)
    await shop.step()
    for who in PEOPLE:
        await shop.behaves(who, "wants_news")
    while not mass_sends.waiting(shop.platform) and not await shop.tasks():
        await shop.step(minutes=10)
    await shop.step(minutes=3)
    twin = {"chat_type": "single", "text": {"content": "您好，秋冬新款到店了。"}}
    mass_sends.create(shop.platform, twin, GUIDE, list(PEOPLE))
    for _ in range(3):
        await shop.step(minutes=10)
    [task] = await shop.tasks()
    assert task.phase == TaskPhase.UNKNOWN
    assert {one.status for one in await shop.touches()} == {TouchState.UNKNOWN}
    desk = TaskDesk(shop.database, shop.clock)
    await desk.decide(task.id, happened=True)
    assert {one.status for one in await shop.touches()} == {TouchState.SENT}
    with pytest.raises(AlreadyDecided):
        await desk.decide(task.id, happened=False)


async def test_a_reply_is_credited_to_what_was_sent(outreach_shop: Callable[..., Shop]) -> None:
    shop = outreach_shop(NEWS)
    await _asked(shop)
    await shop.step(minutes=1)
    [(msgid, _)] = mass_sends.waiting(shop.platform)
    mass_sends.confirm(shop.platform, msgid)
    await shop.step(minutes=20)
    await shop.writes(PEOPLE[0], "有我的码吗")
    await shop.step(minutes=10)
    async with shop.database.read() as session:
        [step] = await step_results(session, "news")
    assert (step.sent, step.replied, step.bought) == (3, 1, 0)


async def test_a_customers_timeline_shows_what_went_out(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS)
    await _asked(shop)
    await shop.step(minutes=1)
    [(msgid, _)] = mass_sends.waiting(shop.platform)
    mass_sends.confirm(shop.platform, msgid)
    await shop.step(minutes=20)
    async with shop.database.read() as session:
        [entry] = await touches(session, PEOPLE[0], None, 10)
        assert await touches(session, PEOPLE[0], entry.place, 10) == []
    assert entry.data["way"] == "mass_send"


async def test_nudges_that_come_due_over_minutes_are_one_task_for_a_guide(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS.replace("kind: mass_send", "kind: nudge\n    ways: [mass_send]"))
    for who in PEOPLE:
        await shop.customer(who)
    await shop.step()
    for who in PEOPLE:
        await shop.behaves(who, "wants_news")
    await shop.step(minutes=59)
    touches = await shop.touches()
    async with shop.database.write() as session:
        for number, row in enumerate(touches):
            row = await session.merge(row)
            row.due_at = row.look_at = shop.clock.now() + timedelta(seconds=2 + 30 * number)
    for _ in range(6):
        await shop.step(seconds=30)
    [task] = await shop.tasks()
    assert (task.phase, sorted(task.audience)) == (TaskPhase.ASKED, sorted(PEOPLE))
    assert _created(shop) == 1


CALL = """
- id: call
  name: 喊一声
  triggers: [{event: wants_call}]
  steps:
  - {id: ring, purpose: 喊一声, kind: nudge, at: {hours: 0}, ways: [guide_card],
     catch_up: {send_late: 4}, content: {text: 在吗}}
"""


async def test_what_was_asked_yesterday_may_be_confirmed_today_and_counts_today(
    outreach_shop: Callable[..., Shop],
) -> None:
    """The guide may tap any moment: another contact would be one too many for the day."""
    late = "kind: mass_send\n    catch_up: {send_late: 60}"
    shop = outreach_shop(NEWS.replace("kind: mass_send", late) + CALL, fatigue_per_day=2)
    await _asked(shop)
    for _ in range(6):
        await shop.step(hours=4)
    await shop.behaves("wmOne", "wants_call")
    for _ in range(8):
        await shop.step(minutes=40)
    assert {one.rule for one in await shop.touches(journey="call")} <= {Rule.FATIGUE_DAY}
    assert not [one for one in shop.platform.app_messages() if "在吗" in str(one)]
    [(msgid, _)] = mass_sends.waiting(shop.platform)
    mass_sends.confirm(shop.platform, msgid)
    await shop.step(minutes=20)
    [told] = [one for one in await shop.touches(journey="news") if one.subject == "wmOne"]
    assert told.status == TouchState.SENT


async def test_a_task_whose_time_is_over_before_it_was_asked_names_the_rule(
    outreach_shop: Callable[..., Shop],
) -> None:
    late = "kind: mass_send\n    catch_up: {send_late: 2}"
    shop = outreach_shop(NEWS.replace("kind: mass_send", late))
    shop.platform.faults.set(Fault.FREQUENCY, times=1000, api=CREATE)
    await _asked(shop)
    for _ in range(6):
        await shop.step(hours=1)
    assert {(one.status, one.rule) for one in await shop.touches()} == {
        (TouchState.CANCELLED, Rule.TOO_LATE)
    }
