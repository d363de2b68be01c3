"""What the outbox tells about promised messages reaches their touches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from outreach_shop import Shop
from sqlalchemy import select, update
from test_nudges import CART, WHO

from bot.delivery.dead_letters import DeadLetters
from bot.delivery.outbox import mark_undelivered
from bot.dialogue.conversations import Conversations
from bot.store.channel_tables import GuideNotice
from bot.store.database import Database
from bot.store.outreach_tables import TouchRow, TouchState
from bot.store.tables import WorkState


@pytest.fixture
def database(ledger: Database) -> Database:
    """None of this depends on the engine."""
    return ledger


@pytest.mark.parametrize("put_off", [timedelta(0), timedelta(hours=9)])
async def test_a_message_that_did_not_arrive_after_all_is_no_sent_touch(
    outreach_shop: Callable[..., Shop], put_off: timedelta
) -> None:
    shop = outreach_shop(CART)
    await shop.customer(WHO)
    await shop.writes(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    for _ in range(8):
        await shop.step(minutes=20)
    [touch] = await shop.touches(status=TouchState.SENT)
    async with shop.database.write() as session:
        await session.execute(update(TouchRow).values(due_at=touch.due_at - put_off))
        now = shop.clock.now()
        await mark_undelivered(session, msgid=touch.id, fail_type=10, now=now)
    await shop.outreach.receipts.tick()
    [touch] = await shop.touches()
    assert (touch.status, touch.explanation[:3]) == (TouchState.FAILED, "未送达")


async def test_a_message_that_somebody_sends_again_is_a_sent_touch_and_counts(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(CART)
    await shop.customer(WHO)
    await shop.writes(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    for _ in range(8):
        await shop.step(minutes=20)
    [touch] = await shop.touches(status=TouchState.SENT)
    async with shop.database.write() as session:
        await mark_undelivered(session, msgid=touch.id, fail_type=10, now=shop.clock.now())
    await shop.step()
    [touch] = await shop.touches(status=TouchState.FAILED)
    await Conversations(shop.database, shop.clock).resend(touch.outcome["outbound"][0])
    await shop.step(seconds=10)
    [touch] = await shop.touches()
    assert (touch.status, touch.explanation) == (TouchState.SENT, "")


async def test_a_card_that_somebody_sends_again_is_a_sent_touch(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(CART.replace("kind: nudge", "kind: nudge\n    ways: [guide_card]"))
    await shop.customer(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    for _ in range(8):
        await shop.step(minutes=20)
    [touch] = await shop.touches(way="guide_card")
    async with shop.database.write() as session:
        await session.execute(update(TouchRow).values(status=TouchState.FAILED))
        await session.execute(update(GuideNotice).values(state=WorkState.FAILED))
        notice = await session.scalar(select(GuideNotice.id))
    await DeadLetters(shop.database, shop.clock).retry("guide_notice", notice)
    await shop.step(seconds=10)
    [touch] = await shop.touches()
    assert touch.status == TouchState.SENT
