"""What the outbox tells about promised messages reaches their touches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from outreach_shop import Shop
from sqlalchemy import update
from test_nudges import CART, WHO

from bot.delivery.outbox import mark_undelivered
from bot.store.database import Database
from bot.store.outreach_tables import TouchRow, TouchState


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
