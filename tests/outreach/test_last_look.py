from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta

from outreach_shop import Shop
from sqlalchemy import select
from test_mass_sends import NEWS, PEOPLE
from test_nudges import CART, WHO

from bot.customers.opt_outs import OptOutSource, opt_out
from bot.customers.personal_data import PersonalData
from bot.delivery.outbox import enqueue
from bot.sandbox import mass_sends
from bot.store.outreach_tables import TaskPhase, TouchState
from bot.store.tables import Conversation, Outbound

LATE = NEWS.replace("kind: mass_send", "kind: mass_send\n    catch_up: {send_late: 24}")


async def _promised(shop: Shop) -> None:
    """Until the task is written and WeCom not yet asked."""
    for who in PEOPLE:
        await shop.customer(who)
    await shop.step()
    for who in PEOPLE:
        await shop.behaves(who, "wants_news")
    while not await shop.tasks():
        await shop.step(minutes=10)
    [task] = await shop.tasks()
    assert (task.phase, sorted(task.audience)) == (TaskPhase.NEW, sorted(PEOPLE))


def _at(shop: Shop, hour: int) -> datetime:
    calendar = shop.outreach.plans.calendar
    day = calendar.local_day(shop.clock.now())
    at = calendar.at(day, time(hour))
    return at if at > shop.clock.now() else at + timedelta(days=1)


def _after_dispatch(shop: Shop) -> list[tuple[str, str]]:
    """What guides see once WeCom has handed it out to them."""
    shop.clock.turn(minutes=1)
    return mass_sends.waiting(shop.platform)


async def test_who_opts_out_or_is_erased_between_promise_and_call_is_left_out(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS)
    await _promised(shop)
    stays, silent, gone = PEOPLE
    now = shop.clock.now()
    async with shop.database.write() as session:
        await opt_out(session, silent, source=OptOutSource.MESSAGE, now=now)
    await PersonalData(shop.database, shop.clock).erase(gone, by="li")
    assert sorted((await shop.tasks())[0].audience) == sorted((stays, silent))
    await shop.step(minutes=3)
    [task] = await shop.tasks()
    assert (task.phase, task.audience) == (TaskPhase.ASKED, [stays])
    [(msgid, _)] = _after_dispatch(shop)
    mass_sends.confirm(shop.platform, msgid)
    assert [len(mass_sends.received(shop.platform, who)) for who in PEOPLE] == [1, 0, 0]
    left = {one.subject: (one.status, one.rule) for one in await shop.touches()}
    assert left == {stays: ("asked", None), silent: ("cancelled", "opted_out")}


async def test_a_task_that_a_stop_carried_into_the_night_waits_for_the_morning(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(LATE)
    await _promised(shop)
    shop.clock.turn(seconds=(_at(shop, 23) - shop.clock.now()).total_seconds())
    await shop.step(minutes=1)
    assert (await shop.tasks())[0].phase == TaskPhase.NEW
    assert mass_sends.waiting(shop.platform) == []
    shop.clock.turn(seconds=(_at(shop, 9) - shop.clock.now()).total_seconds())
    await shop.step(minutes=1)
    assert (await shop.tasks())[0].phase == TaskPhase.ASKED


async def test_a_message_promised_before_a_stop_is_not_sent_at_night_nor_after_a_purchase(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(CART.replace("kind: nudge", "kind: nudge\n    catch_up: {send_late: 24}"))
    await shop.customer(WHO)
    await shop.writes(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    await shop.step(minutes=5)
    while not await shop.touches(status=TouchState.SENDING):
        shop.clock.turn(minutes=10)
        await shop.outreach.dispatcher.tick()
    gate = shop.outreach.gate
    held: list[bool] = []

    async def at_the_gate(row: Outbound) -> None:
        held.append(not await gate.passes(row))

    shop.clock.turn(seconds=(_at(shop, 23) - shop.clock.now()).total_seconds())
    await shop.work(Outbound, at_the_gate)
    shop.clock.turn(seconds=(_at(shop, 9) - shop.clock.now()).total_seconds())
    await shop.behaves(WHO, "order_paid")
    await shop.outreach.listener.tick()
    await shop.work(Outbound, at_the_gate)
    assert held == [True, True]
    [touch] = await shop.touches()
    assert (touch.status, touch.rule) == (TouchState.CANCELLED, "exit_bought")
    assert shop.platform.sent_messages(WHO) == []


async def test_what_waits_for_the_morning_keeps_no_reply_waiting(
    outreach_shop: Callable[..., Shop],
) -> None:
    late = CART.replace("kind: nudge", "kind: nudge\n    catch_up: {send_late: 24}")
    shop = outreach_shop(late)
    await shop.customer(WHO)
    await shop.writes(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    await shop.step(minutes=5)
    while not await shop.touches(status=TouchState.SENDING):
        shop.clock.turn(minutes=10)
        await shop.outreach.dispatcher.tick()
    shop.clock.turn(seconds=(_at(shop, 23) - shop.clock.now()).total_seconds())
    async with shop.database.write() as session:
        talk = await session.scalar(
            select(Conversation).where(Conversation.external_userid == WHO)
        )
        assert talk is not None
        await enqueue(session, talk, [{"text": "有货的"}], now=shop.clock.now())
    passed = []

    async def at_the_gate(row: Outbound) -> None:
        if await shop.outreach.gate.passes(row):
            passed.append(row.text)

    await shop.work(Outbound, at_the_gate)
    await shop.work(Outbound, at_the_gate)
    assert passed == ["有货的"]
