"""A week without service, a clock that goes back, a journey that is off for a while."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta, timezone

import pytest
from outreach_shop import Shop
from test_last_look import _promised
from test_mass_sends import NEWS
from test_nudges import CART, WHO

from bot.customers.opt_outs import OptOutSource, opt_out
from bot.sandbox import mass_sends, moments
from bot.store.database import Database
from bot.store.outreach_tables import TaskPhase, TouchState
from bot.store.tables import Outbound
from scheduler import Rule

ZONE = timezone(timedelta(hours=8))
DAILY = "\n".join(
    [
        "version: 1",
        "journeys:",
        *(
            line
            for policy in ("skip", "merge", "{send_late: 240}")
            for line in (
                f"- id: {policy.strip('{').split(':')[0]}",
                "  name: 每天一句",
                "  triggers: [{event: came}]",
                "  steps:",
                *(
                    f"  - {{id: d{day}, purpose: 问候, kind: guide_task, catch_up: {policy},"
                    f" at: {{day: {day}, time: '10:00'}},"
                    f" content: {{text: 您好, todo: 问候第{day}天}}}}"
                    for day in range(1, 7)
                ),
            )
        ),
    ]
)
WEEK = """
version: 1
journeys:
- id: week
  name: 新朋友
  triggers: [{added: any}]
  cohort: {by: joining_day, tag_group: 新客批次, tag_prefix: 新客, retire_after_days: 1}
  exits: []
  steps:
  - {id: one, purpose: 知道你, kind: moment, at: {day: 1, time: "10:00"}, content: {text: 一}}
"""


@pytest.fixture
def database(ledger: Database) -> Database:
    """None of this depends on the engine."""
    return ledger


async def test_a_week_without_service_floods_nobody(outreach_shop: Callable[..., Shop]) -> None:
    shop = outreach_shop(DAILY, fatigue_per_day=4, gap_minutes=60)
    await shop.step()
    for number in range(4):
        await shop.customer(f"wm{number}")
        await shop.behaves(f"wm{number}", "came")
    await shop.step()
    await shop.step(days=8, hours=1)
    for _ in range(40):
        await shop.step(hours=3)
    touches = await shop.touches()
    sent = [one for one in touches if one.status == TouchState.SENT]
    a_day = Counter((one.subject, f"{one.sent_at.astimezone(ZONE):%j}") for one in sent)  # type: ignore[union-attr]
    assert max(a_day.values()) <= 2
    by_policy = Counter((one.journey, one.step) for one in sent)
    assert by_policy == {("merge", "d6"): 4} | {("send_late", f"d{day}"): 4 for day in range(1, 7)}
    rules = Counter((one.journey, one.rule) for one in touches if one.status == "skipped")
    assert rules == {("skip", Rule.MISSED): 24, ("merge", Rule.MERGED): 20}


async def test_what_was_promised_before_a_weeks_stop_is_not_sent_after_it(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(CART)
    await _sending(shop)
    shop.clock.turn(days=7)
    assert await _passed(shop) == []
    [touch] = await shop.touches()
    assert (touch.status, touch.rule) == (TouchState.CANCELLED, Rule.TOO_LATE)


async def test_the_clock_goes_back_an_hour_between_two_starts(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS)
    await _promised(shop)
    await shop.step(minutes=3)
    shop.clock.turn(hours=-1)
    again = outreach_shop(NEWS)
    for _ in range(12):
        await again.step(minutes=15)
    assert len(await again.tasks()) == 1
    assert len(mass_sends.waiting(again.platform)) == 1


async def test_a_journey_switched_off_sends_nothing_that_it_had_promised(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS.replace("mass_send", "mass_send\n    catch_up: {send_late: 6}"))
    await _promised(shop)
    plans = shop.outreach.plans
    plans.adopt(plans.journeys, frozenset({"news"}))
    await shop.step(minutes=30)
    assert (await shop.tasks())[0].phase == TaskPhase.NEW
    plans.adopt(plans.journeys, frozenset())
    await shop.step(minutes=30)
    assert (await shop.tasks())[0].phase == TaskPhase.ASKED
    assert len(await shop.tasks()) == 1


async def test_a_message_of_a_journey_that_is_off_waits_for_it(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(CART.replace("kind: nudge", "kind: nudge\n    catch_up: {send_late: 24}"))
    await _sending(shop)
    plans = shop.outreach.plans
    plans.adopt(plans.journeys, frozenset(plans.journeys))
    assert await _passed(shop) == []
    plans.adopt(plans.journeys, frozenset())
    shop.clock.turn(minutes=15)
    assert len(await _passed(shop)) == 1


async def test_who_leaves_before_the_tag_is_on_never_gets_it(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(WEEK)
    await shop.step()
    await shop.customer("wmOne")
    await shop.customer("wmTwo")
    await shop.added("wmOne")
    await shop.added("wmTwo")
    await shop.outreach.listener.tick()
    async with shop.database.write() as session:
        await opt_out(session, "wmOne", source=OptOutSource.API, now=shop.clock.now())
    for _ in range(15):
        await shop.step(hours=2)
        for moment_id, guide in moments.waiting(shop.platform):
            moments.publish(shop.platform, moment_id, guide)
    seen = [len(moments.feed(shop.platform, who)) for who in ("wmOne", "wmTwo")]
    assert seen == [0, 1]


async def _sending(shop: Shop) -> None:
    await shop.customer(WHO)
    await shop.writes(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    await shop.step(minutes=5)
    while not await shop.touches(status=TouchState.SENDING):
        shop.clock.turn(minutes=10)
        await shop.outreach.dispatcher.tick()


async def _passed(shop: Shop) -> list[int]:
    """The messages that the gate lets through now."""
    found = []

    async def at_the_gate(row: Outbound) -> None:
        if await shop.outreach.gate.passes(row):
            found.append(row.id)

    await shop.work(Outbound, at_the_gate)
    return found
