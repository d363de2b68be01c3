"""Nothing that happens is passed over: not in a flood, and not when it commits late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from outreach_shop import GUIDE, Shop
from sqlalchemy import func, insert, select
from test_nudges import CART, WHO

from bot.customers.opt_outs import OptOutSource, opt_in, opt_out
from bot.store.contact_tables import BehaviourEvent, TagChange
from bot.store.outreach_tables import JourneyWalk
from bot.store.tables import Customer

TAGGED = CART.replace("event: cart_left", "tag_added: 潜客")
_CROWD = 2500


async def _walks(shop: Shop) -> int:
    async with shop.database.read() as session:
        return await session.scalar(select(func.count()).select_from(JourneyWalk)) or 0


async def test_a_flood_of_events_within_minutes_is_heard_to_its_end(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(CART)
    await shop.outreach.listener.tick()
    now = shop.clock.now()
    known = {"stage": "icebreak", "stage_since": now, "first_seen_at": now, "tags": []}
    async with shop.database.write() as session:
        people = [f"wm{number}" for number in range(_CROWD)]
        await session.execute(
            insert(Customer), [{"external_userid": who, **known} for who in people]
        )
        events = [
            {
                "event_id": f"e{number}",
                "type": "cart_left",
                "customer": who,
                "state": "applied",
                "data": {},
                "at": now,
                "received_at": now,
                "applied_at": now + timedelta(milliseconds=number),
            }
            for number, who in enumerate(people)
        ]
        await session.execute(insert(BehaviourEvent), events)
    shop.clock.turn(seconds=10)
    assert await shop.outreach.listener.tick() == _CROWD
    assert await shop.outreach.listener.tick() == 0
    assert await _walks(shop) == _CROWD


async def test_a_row_that_commits_after_a_thousand_later_ones_is_heard(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(TAGGED)
    await shop.customer(WHO)
    await shop.outreach.listener.tick()
    now = shop.clock.now()

    async def tagged(number: int, who: str, name: str) -> None:
        named = {"tag_id": "t", "name": name, "added": True, "cause": "guide"}
        await shop.add(TagChange(id=number, external_userid=who, userid=GUIDE, at=now, **named))

    await tagged(1500, WHO, "会员")
    assert await shop.outreach.listener.tick() == 1
    await tagged(400, WHO, "潜客")
    assert await shop.outreach.listener.tick() == 1
    assert await _walks(shop) == 1


async def test_an_old_opt_out_is_not_heard_anew_by_the_next_process(
    outreach_shop: Callable[..., Shop],
) -> None:
    """Rows shortly before the bookmark are looked at again; the customer has changed her mind."""
    shop = outreach_shop(CART)
    await shop.customer(WHO)
    await shop.step()
    async with shop.database.write() as session:
        await opt_out(session, WHO, source=OptOutSource.API, now=shop.clock.now())
    await shop.step(minutes=1)
    async with shop.database.write() as session:
        await opt_in(session, WHO, source=OptOutSource.API, now=shop.clock.now())
    await shop.step(minutes=1)
    await shop.behaves(WHO, "cart_left")
    await shop.step(minutes=1)
    again = outreach_shop(CART)
    await again.step(minutes=1)
    [touch] = await again.touches()
    assert (touch.status, touch.rule) == ("planned", None)


async def test_what_began_nothing_in_its_time_begins_nothing_at_the_next_start(
    outreach_shop: Callable[..., Shop],
) -> None:
    text = TAGGED.replace("exits: [replied, bought]", "repeat: true")
    shop = outreach_shop(text)
    await shop.customer(WHO)
    await shop.step()
    for _ in range(2):
        now = shop.clock.now()
        tag = {"userid": GUIDE, "tag_id": "et1", "name": "潜客", "added": True, "cause": "guide"}
        await shop.add(TagChange(external_userid=WHO, at=now, **tag))
        await shop.outreach.listener.tick()
        shop.clock.turn(minutes=30)
    await shop.customer("wmOther")
    tag = tag | {"name": "别的"}
    await shop.add(TagChange(external_userid="wmOther", at=shop.clock.now(), **tag))
    for _ in range(4):
        await shop.step(hours=1)
    before = len(await shop.touches())
    again = outreach_shop(text)
    for _ in range(3):
        await again.step(hours=1)
    assert (before, len(await again.touches())) == (1, 1)
