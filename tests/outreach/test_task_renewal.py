"""Whoever opts out or buys is taken out of a mass send that the guide has not confirmed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from outreach_shop import Shop

from bot.customers.opt_outs import OptOutSource, opt_out
from bot.sandbox import Fault, mass_sends
from bot.store.database import Database
from bot.store.outreach_tables import TaskPhase, TouchState
from scheduler import Rule

NEWS = """
version: 1
journeys:
- id: news
  name: 上新通知
  triggers: [{event: wants_news}]
  exits: [bought]
  steps:
  - {id: tell, purpose: 告诉上新, kind: mass_send, at: {hours: 1},
     catch_up: {send_late: 6}, content: {text: 秋冬新款到店了}}
"""
LEAVES, STAYS, REMAINS = PEOPLE = ("wmLeaves", "wmStays", "wmRemains")
CANCEL = "externalcontact/cancel_groupmsg_send"


@pytest.fixture
def database(ledger: Database) -> Database:
    """None of this depends on the engine."""
    return ledger


async def _asked(shop: Shop) -> None:
    for who in PEOPLE:
        await shop.customer(who)
    await shop.step()
    for who in PEOPLE:
        await shop.behaves(who, "wants_news")
    for _ in range(30):
        await shop.step(minutes=5)
        if [task.phase for task in await shop.tasks()] == [TaskPhase.ASKED]:
            return
    raise AssertionError("nobody was asked")


async def _opts_out(shop: Shop, who: str) -> None:
    async with shop.database.write() as session:
        await opt_out(session, who, source=OptOutSource.API, now=shop.clock.now())


async def _confirmed(shop: Shop) -> None:
    await shop.step(minutes=1)
    for msgid, _ in mass_sends.waiting(shop.platform):
        mass_sends.confirm(shop.platform, msgid)
    for _ in range(3):
        await shop.step(minutes=10)


def _received(shop: Shop) -> list[int]:
    return [len(mass_sends.received(shop.platform, who)) for who in PEOPLE]


async def _ends(shop: Shop) -> dict[str, tuple[str, str | None]]:
    return {row.subject: (row.status, row.rule) for row in await shop.touches()}


async def test_who_opts_out_is_taken_out_at_once_and_the_rest_is_sent_once(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS)
    await _asked(shop)
    await _opts_out(shop, LEAVES)
    for _ in range(3):
        await shop.step(minutes=10)
    before, after = await shop.tasks()
    assert (before.phase, after.phase) == (TaskPhase.CANCELLED, TaskPhase.ASKED)
    assert sorted(after.audience) == sorted([STAYS, REMAINS])
    assert after.valid_until == before.valid_until
    await _confirmed(shop)
    assert _received(shop) == [0, 1, 1]
    assert await _ends(shop) == {
        LEAVES: (TouchState.CANCELLED, Rule.OPTED_OUT),
        STAYS: (TouchState.SENT, None),
        REMAINS: (TouchState.SENT, None),
    }


async def test_purchases_are_gathered_for_an_hour(outreach_shop: Callable[..., Shop]) -> None:
    shop = outreach_shop(NEWS)
    await _asked(shop)
    [task] = await shop.tasks()
    assert task.asked_at is not None
    await shop.behaves(LEAVES, "order_paid")
    while (shop.clock.now() - task.asked_at).total_seconds() < 3000:
        await shop.step(minutes=10)
        assert len(await shop.tasks()) == 1
    await shop.behaves(STAYS, "order_paid")
    for _ in range(4):
        await shop.step(minutes=10)
    assert [(one.phase, len(one.audience)) for one in await shop.tasks()] == [
        (TaskPhase.CANCELLED, 3),
        (TaskPhase.ASKED, 1),
    ]
    await _confirmed(shop)
    assert _received(shop) == [0, 0, 1]


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.BUSY])
async def test_an_unanswered_cancellation_loses_and_doubles_nobody(
    outreach_shop: Callable[..., Shop], fault: Fault
) -> None:
    shop = outreach_shop(NEWS)
    await _asked(shop)
    shop.platform.faults.set(fault, times=2, api=CANCEL)
    await _opts_out(shop, LEAVES)
    for _ in range(6):
        await shop.step(minutes=10)
    await _confirmed(shop)
    assert _received(shop) == [0, 1, 1]


async def test_what_the_guide_confirmed_meanwhile_is_not_asked_again(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS)
    await _asked(shop)
    await _opts_out(shop, LEAVES)
    shop.platform.faults.set(Fault.BUSY, api=CANCEL)
    for _ in range(2):
        await shop.step(minutes=10)
    [task] = await shop.tasks()
    assert task.phase == TaskPhase.RENEWING
    for msgid, _ in mass_sends.waiting(shop.platform):
        mass_sends.confirm(shop.platform, msgid)
    shop.platform.faults.clear()
    shop.platform.calls.clear()
    await _confirmed(shop)
    assert CANCEL not in [call.api for call in shop.platform.calls], "asked before, and left alone"
    assert _received(shop) == [1, 1, 1]
    assert len(await shop.tasks()) == 1
    assert {status for status, _ in (await _ends(shop)).values()} == {TouchState.SENT}


async def test_two_replicas_that_look_at_one_task_remind_once(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS)
    await _asked(shop)
    await shop.step(minutes=1)
    [mine], [theirs] = await shop.tasks(), await shop.tasks()
    for task in (mine, theirs):
        await shop.outreach.poller.remind(task)
    asked = [call.api for call in shop.platform.calls]
    assert asked.count("externalcontact/remind_groupmsg_send") == 1
