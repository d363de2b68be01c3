"""Tasks that WeCom keeps for long, forgets, or cannot take for an hour."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from outreach_shop import Shop
from sqlalchemy import select
from test_nudges import CART, WHO

from bot.delivery.outbox import Sender
from bot.delivery.worker import Worker
from bot.outreach.gate import patience
from bot.sandbox import Fault, mass_sends, moments
from bot.store.database import Database
from bot.store.outreach_tables import TaskPhase, TouchState
from bot.store.tables import Outbound, WorkState
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
     content: {text: 大家好}}
"""
CREATE = "externalcontact/add_msg_template"
REMIND = "externalcontact/remind_groupmsg_send"


async def _asked(shop: Shop) -> None:
    await shop.customer("wmOne")
    await shop.step()
    await shop.behaves("wmOne", "wants_news")
    for _ in range(15):
        await shop.step(minutes=10)


@pytest.fixture
def dispatching(monkeypatch: pytest.MonkeyPatch) -> None:
    """WeCom says 41063 for ever."""
    monkeypatch.setattr(mass_sends, "DISPATCH_SECONDS", 10**9)


@pytest.fixture
def database(ledger: Database) -> Database:
    """None of this depends on the engine."""
    return ledger


async def test_a_guide_who_never_confirms_is_reminded_at_most_three_times_a_day(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS.replace("send_late: 6", "send_late: 60"), remind_after_hours=1)
    await _asked(shop)
    hours: list[int] = []
    for hour in range(0, 66, 2):
        before = _calls(shop, REMIND)
        await shop.step(hours=2)
        hours += [hour] * (_calls(shop, REMIND) - before)
    assert hours and all(
        after - first >= 24 for first, after in zip(hours, hours[3:], strict=False)
    )
    [touch] = await shop.touches()
    assert (touch.status, touch.rule) == (TouchState.CANCELLED, Rule.TOO_LATE)


@pytest.mark.usefixtures("dispatching")
async def test_a_task_in_dispatch_for_ever_is_cancelled_when_its_time_is_over(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS)
    await _asked(shop)
    for _ in range(6):
        await shop.step(minutes=60)
    [touch] = await shop.touches()
    assert (touch.status, touch.rule) == (TouchState.CANCELLED, Rule.TOO_LATE)
    assert _calls(shop, "externalcontact/cancel_groupmsg_send") == 1


@pytest.mark.usefixtures("dispatching")
async def test_a_task_in_dispatch_is_cancelled_when_its_customer_has_bought(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS)
    await _asked(shop)
    await shop.behaves("wmOne", "order_paid")
    for _ in range(3):
        await shop.step(minutes=10)
    [touch] = await shop.touches()
    assert (touch.status, touch.rule) == (TouchState.CANCELLED, Rule.BOUGHT)


async def test_what_was_sent_in_the_moment_of_cancelling_counts_as_sent(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS)
    await _asked(shop)
    [task] = await shop.tasks()
    [(msgid, _)] = mass_sends.waiting(shop.platform)
    mass_sends.confirm(shop.platform, msgid)
    shop.platform.store.run("UPDATE mass_tasks SET cancelled_at = 0 WHERE msgid = ?", msgid)
    await shop.outreach.poller.cancel(task, by="店长")
    [touch] = await shop.touches()
    assert (touch.status, touch.sent_at is not None) == (TouchState.SENT, True)


async def test_a_moment_whose_job_was_forgotten_in_an_outage_is_found(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(WEEK)
    await shop.step()
    await shop.customer("wmOne")
    await shop.added("wmOne")
    shop.platform.faults.set(Fault.BUSY, api="externalcontact/get_moment_task_result")
    while not await shop.tasks() or (await shop.tasks())[0].job_id is None:
        await shop.step(minutes=20)
    shop.clock.turn(seconds=5)
    [(moment_id, guide)] = moments.waiting(shop.platform)
    moments.publish(shop.platform, moment_id, guide)
    shop.platform.faults.clear()
    shop.platform.store.run("UPDATE moments SET jobid = 'gone'")
    for _ in range(3):
        await shop.step(days=1)
    [touch] = await shop.touches()
    [task] = await shop.tasks()
    assert (touch.status, task.remote_id) == (TouchState.SENT, moment_id)


async def test_two_hours_without_wecom_lose_no_task(outreach_shop: Callable[..., Shop]) -> None:
    shop = outreach_shop(NEWS)
    shop.platform.faults.set(Fault.BUSY, api=CREATE)
    await _asked(shop)
    shop.platform.faults.set(Fault.BUSY)
    worker = asyncio.create_task(shop.outreach.tasks.run())
    try:
        for _ in range(24):
            shop.clock.turn(minutes=5)
            await _tried(shop)
        shop.platform.faults.clear()
        for _ in range(6):
            shop.clock.turn(minutes=5)
            await _tried(shop)
    finally:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker
    [task] = await shop.tasks()
    assert (task.phase, task.remote_id is not None) == (TaskPhase.ASKED, True)


async def test_an_hour_without_wecom_loses_no_nudge(outreach_shop: Callable[..., Shop]) -> None:
    shop = outreach_shop(CART.replace("kind: nudge", "kind: nudge\n    ways: [kf]"))
    await shop.customer(WHO)
    await shop.writes(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    shop.platform.faults.set(Fault.BUSY)
    while not await shop.touches(status=TouchState.SENDING):
        await shop.step(minutes=5)
    sender = Sender(shop.database, shop.client, shop.media, shop.clock)

    async def handle(row: Outbound) -> None:
        if await shop.outreach.gate.passes(row):
            await sender.handle(row)

    worker = Worker(
        shop.database, Outbound, handle, name=shop.name, clock=shop.clock, backoff=patience
    )
    work = asyncio.create_task(worker.run())
    try:
        for tick in range(24):
            if tick == 20:
                shop.platform.faults.clear()
            shop.clock.turn(minutes=6)
            worker.nudge()
            await _until(lambda: _nothing_due(shop))
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
    await shop.step()
    [touch] = await shop.touches()
    assert touch.status == TouchState.SENT
    assert len(shop.platform.sent_messages(WHO)) == 1


async def _nothing_due(shop: Shop) -> bool:
    async with shop.database.read() as session:
        due = select(Outbound.id).where(
            Outbound.state == WorkState.READY, Outbound.due_at <= shop.clock.now()
        )
        return (await session.scalars(due)).first() is None


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(400):
        if await holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the worker does not try")


async def _tried(shop: Shop) -> None:
    """Whatever is due now was tried by the worker and put off, or is done."""
    shop.outreach.tasks.nudge()

    async def tried() -> bool:
        due = [task for task in await shop.tasks() if task.due_at <= shop.clock.now()]
        return all(task.state != WorkState.READY for task in due)

    await _until(tried)


def _calls(shop: Shop, api: str) -> int:
    return sum(1 for call in shop.platform.calls if call.api == api)
