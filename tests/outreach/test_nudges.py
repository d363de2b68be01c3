from __future__ import annotations

from collections.abc import Callable

from outreach_shop import Shop

from bot.store.outreach_tables import TouchState
from scheduler import Rule

CART = """
version: 1
journeys:
- id: cart
  name: 购物车未付
  triggers:
  - event: cart_left
  exits: [replied, bought]
  steps:
  - id: worry
    purpose: 问清顾虑
    kind: nudge
    at: {hours: 1}
    content:
      text: "{customer_name|您}好，购物车里的那件还在，是尺码拿不准吗？"
"""
WHO = "wmCart"


async def test_a_nudge_inside_the_window_is_sent_once(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(CART)
    await shop.customer(WHO)
    await shop.writes(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    await shop.step(minutes=5)
    [planned] = await shop.touches()
    assert planned.status == TouchState.PLANNED
    for _ in range(30):
        await shop.step(minutes=10)
    [touch] = await shop.touches()
    assert (touch.status, touch.way) == (TouchState.SENT, "kf")
    [message] = shop.platform.sent_messages(WHO)
    assert message.text.startswith("小林好，购物车里的那件还在")


async def test_outside_the_window_the_guide_gets_a_card(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(CART.replace("kind: nudge", "kind: nudge\n    ways: [kf, guide_card]"))
    await shop.customer(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    for _ in range(20):
        await shop.step(minutes=10)
    [touch] = await shop.touches()
    assert (touch.status, touch.way) == (TouchState.SENT, "guide_card")
    [card] = shop.platform.app_messages()
    assert "购物车里的那件还在" in card["content"]["content"]


async def test_three_customers_of_one_name_are_three_cards(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(CART.replace("kind: nudge", "kind: nudge\n    ways: [guide_card]"))
    people = [f"{WHO}{number}" for number in range(3)]
    for who in people:
        await shop.customer(who)
    await shop.step()
    for who in people:
        await shop.behaves(who, "cart_left")
    for _ in range(20):
        await shop.step(minutes=10)
    assert {touch.status for touch in await shop.touches()} == {TouchState.SENT}
    cards = [card["content"]["content"] for card in shop.platform.app_messages()]
    assert len(cards) == 3
    assert len([card for card in cards if "不是重复" in card]) == 2


async def test_whoever_buys_first_is_left_alone(outreach_shop: Callable[..., Shop]) -> None:
    shop = outreach_shop(CART)
    await shop.customer(WHO)
    await shop.writes(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    await shop.step(minutes=10)
    await shop.writes(WHO, "付好了")
    for _ in range(20):
        await shop.step(minutes=10)
    [touch] = await shop.touches()
    assert (touch.status, touch.rule) == (TouchState.CANCELLED, "exit_replied")
    assert shop.platform.sent_messages(WHO) == []


async def test_nothing_old_begins_a_journey(outreach_shop: Callable[..., Shop]) -> None:
    shop = outreach_shop(CART)
    await shop.customer(WHO)
    await shop.behaves(WHO, "cart_left")
    shop.clock.turn(minutes=1)
    for _ in range(12):
        await shop.step(minutes=10)
    assert await shop.touches() == []


async def test_what_is_still_on_its_way_keeps_its_distance_from_the_next(
    outreach_shop: Callable[..., Shop],
) -> None:
    """The first was due hours ago and is sent only now; the second must not join it."""
    second = CART.partition("journeys:\n")[2].replace("id: cart", "id: late")
    shop = outreach_shop(CART + second.replace("hours: 1", "hours: 5"))
    await shop.customer(WHO)
    await shop.writes(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    await shop.outreach.listener.tick()
    while not await shop.touches(status=TouchState.SENDING):
        shop.clock.turn(minutes=10)
        await shop.outreach.planner.tick()
        await shop.outreach.dispatcher.tick()
    for _ in range(30):
        shop.clock.turn(minutes=10)
        await shop.outreach.planner.tick()
        await shop.outreach.dispatcher.tick()
    on_its_way = await shop.touches(status=TouchState.SENDING)
    assert [touch.journey for touch in on_its_way] == ["cart"]


TWO = (
    CART.replace("at: {hours: 1}", "at: {hours: 0}\n    ways: [guide_card]")
    + """
- id: sale
  name: 促销
  priority: 30
  triggers:
  - event: sale_called
  exits: [bought]
  steps:
  - id: call
    purpose: 喊一声
    kind: nudge
    at: {hours: 0}
    ways: [guide_card]
    content: {text: 今天有活动}
  - id: again
    purpose: 再喊一声
    kind: nudge
    at: {hours: 30}
    ways: [guide_card]
    content: {text: 活动还有一天}
"""
)


async def test_a_step_that_was_put_off_until_its_customer_left_says_why_it_was_not_sent(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(TWO)
    await shop.customer(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    for _ in range(4):
        await shop.step(minutes=20)
    await shop.behaves(WHO, "sale_called")
    await shop.step(minutes=10)
    assert len(await shop.touches()) == 1, "the second waits for its distance from the first"
    await shop.behaves(WHO, "order_paid")
    await shop.step(minutes=1)
    [skipped] = await shop.touches(journey="sale")
    assert (skipped.step, skipped.status, skipped.rule) == ("call", "skipped", Rule.BOUGHT)
