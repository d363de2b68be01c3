"""Somebody opts out while guides are still to publish a post that WeCom means for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from outreach_shop import GUIDE, Shop
from sqlalchemy import select
from test_tags_of_newcomers import WEEK

from bot.customers.opt_outs import OptOutSource, opt_out
from bot.sandbox import moments
from bot.store.contact_tables import CorpTag
from bot.store.database import Database
from bot.store.outreach_tables import TaskPhase

LEAVES, STAYS = "wmLeaves", "wmStays"
AUDIENCE = "externalcontact/get_moment_customer_list"


@pytest.fixture
def database(ledger: Database) -> Database:
    """None of this depends on the engine."""
    return ledger


async def _asked_and_left(shop: Shop) -> None:
    """A guide was asked to publish; one of the two whom the post is for opts out."""
    await shop.step()
    for who in (LEAVES, STAYS):
        await shop.customer(who)
        await shop.added(who)
    for _ in range(12):
        await shop.step(hours=3)
        if moments.waiting(shop.platform):
            break
    await shop.step(minutes=1)
    async with shop.database.write() as session:
        await opt_out(session, LEAVES, source=OptOutSource.API, now=shop.clock.now())
    await shop.step(seconds=10)


async def _tag(shop: Shop) -> str:
    async with shop.database.read() as session:
        return (await session.scalars(select(CorpTag.tag_id))).one()


async def _looks(shop: Shop, times: int = 4) -> None:
    for _ in range(times):
        await shop.outreach.recall.tick()
        await shop.step(minutes=1)


def _seen(shop: Shop) -> list[list[str]]:
    for moment_id, userid in moments.waiting(shop.platform):
        moments.publish(shop.platform, moment_id, userid)
    feeds = [moments.feed(shop.platform, who) for who in (LEAVES, STAYS)]
    return [[one["text"] for one in feed] for feed in feeds]


async def test_without_the_tag_they_do_not_see_it_and_nobody_is_asked_again(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(WEEK)
    await _asked_and_left(shop)
    await _looks(shop)
    assert [call.api for call in shop.platform.calls].count(AUDIENCE) == 1
    assert [task.phase for task in await shop.tasks()] == [TaskPhase.ASKED]
    assert _seen(shop) == [[], ["一"]]


async def test_a_post_still_meant_for_them_is_taken_back_and_asked_once_without_them(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(WEEK)
    await _asked_and_left(shop)
    tag = await _tag(shop)
    shop.platform.friends.mark(GUIDE, LEAVES, add=[tag], remove=[])
    await shop.outreach.recall.tick()
    assert [task.phase for task in await shop.tasks()] == [TaskPhase.RENEWING]
    shop.platform.friends.mark(GUIDE, LEAVES, add=[], remove=[tag])
    await _looks(shop)
    phases = [task.phase for task in await shop.tasks()]
    assert phases == [TaskPhase.CANCELLED, TaskPhase.ASKED]
    assert _seen(shop) == [[], ["一"]]


async def test_what_a_guide_has_published_is_left_as_it_is(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(WEEK)
    await _asked_and_left(shop)
    shop.platform.friends.mark(GUIDE, LEAVES, add=[await _tag(shop)], remove=[])
    assert _seen(shop) == [["一"], ["一"]]
    await _looks(shop)
    assert [task.phase for task in await shop.tasks()] == [TaskPhase.ASKED]
