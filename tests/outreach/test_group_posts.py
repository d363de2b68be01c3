from __future__ import annotations

from collections.abc import Callable

from outreach_shop import GUIDE, Shop

from bot.sandbox import mass_sends
from bot.sandbox.gatherings import open_group
from bot.store.group_tables import CustomerGroup, GroupState
from bot.store.outreach_tables import TaskKind, TaskPhase, TouchState
from scheduler import Rule

WEEK = """
version: 1
journeys:
- id: groups
  name: 群日历
  triggers: [{date: {weekly: %d}}]
  repeat: true
  steps:
  - {id: ask, purpose: 问答, kind: group_post, at: {day: 0, time: "%s"},
     catch_up: {send_late: 4}, content: {text: 今晚问答}}
"""


async def _opened(shop: Shop, name: str, state: GroupState = GroupState.ACTIVE) -> str:
    now = shop.clock.now()
    group = open_group(shop.platform, name, GUIDE)
    row = CustomerGroup(
        chat_id=group.chat_id, name=name, owner=GUIDE, state=state, known_since=now
    )
    await shop.add(row)
    return group.chat_id


async def test_a_post_for_all_groups_of_an_owner_is_one_task_and_reaches_each_once(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(WEEK % (1, "10:00"))
    zone = shop.outreach.plans.calendar.zone
    today = shop.clock.now().astimezone(zone).isoweekday()
    shop = outreach_shop(WEEK % (today % 7 + 1, "10:00"))
    chats = {await _opened(shop, name) for name in ("妈妈群", "老客群")}
    await _opened(shop, "散了的群", GroupState.DISMISSED)
    for _ in range(34):
        await shop.step(hours=1)
        for msgid, _ in mass_sends.waiting(shop.platform):
            mass_sends.confirm(shop.platform, msgid)
    [task] = await shop.tasks()
    assert (task.kind, task.phase, task.sender) == (
        TaskKind.GROUP_MASS_SEND,
        TaskPhase.DONE,
        GUIDE,
    )
    touches = await shop.touches()
    assert {one.subject: one.status for one in touches} == dict.fromkeys(chats, TouchState.SENT)
    assert len(touches) == len(chats)


async def test_a_group_that_changed_hands_or_broke_up_is_seen_as_it_is_on_the_day(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(WEEK % (1, "10:00"))
    zone = shop.outreach.plans.calendar.zone
    today = shop.clock.now().astimezone(zone).isoweekday()
    shop = outreach_shop(WEEK % (today, "20:00"))
    kept, over = [await _opened(shop, name) for name in ("妈妈群", "散了的群")]
    await shop.step()
    async with shop.database.write() as session:
        (await session.get_one(CustomerGroup, kept)).owner = "guide_tang"
        (await session.get_one(CustomerGroup, over)).state = GroupState.DISMISSED
    for _ in range(14):
        await shop.step(hours=1)
    [task] = await shop.tasks()
    assert (task.sender, task.audience) == ("guide_tang", [kept])
    [gone] = await shop.touches(subject=over)
    assert (gone.status, gone.rule) == (TouchState.SKIPPED, Rule.NO_GUIDE)


async def test_a_group_that_is_not_listed_yet_is_asked_about_again(
    outreach_shop: Callable[..., Shop],
) -> None:
    """The owner has confirmed, but WeCom lists a group only once the post is there."""
    shop = outreach_shop(WEEK % (1, "10:00"))
    zone = shop.outreach.plans.calendar.zone
    today = shop.clock.now().astimezone(zone).isoweekday()
    shop = outreach_shop(WEEK % (today % 7 + 1, "10:00"))
    await _opened(shop, "妈妈群")
    while not (waiting := mass_sends.waiting(shop.platform)):
        await shop.step(hours=1)
    mass_sends.confirm(shop.platform, waiting[0][0])
    status = "UPDATE mass_targets SET status = ?"
    shop.platform.store.run(status, mass_sends.WAITING)
    await shop.step(minutes=20)
    assert [one.status for one in await shop.touches()] == [TouchState.ASKED]
    shop.platform.store.run(status, mass_sends.SENT)
    for _ in range(2):
        await shop.step(minutes=20)
    assert [one.status for one in await shop.touches()] == [TouchState.SENT]
    assert [one.phase for one in await shop.tasks()] == [TaskPhase.DONE]
