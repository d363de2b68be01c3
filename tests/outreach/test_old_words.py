"""Tasks that guides were asked to confirm before their step was written anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from outreach_shop import GUIDE, Shop
from test_tags_of_newcomers import WEEK
from test_task_renewal import NEWS, PEOPLE, _asked, _confirmed, _received

from bot.errors import Conflict
from bot.outreach.old_words import Mend, OldWords
from bot.sandbox import mass_sends, moments
from bot.store.database import Database
from bot.store.outreach_tables import TaskPhase, TouchState

NEW_WORDS = NEWS.replace("秋冬新款到店了", "新款周六到店")
NEW_POST = WEEK.replace("text: 一", "text: 新的一")


@pytest.fixture
def database(ledger: Database) -> Database:
    """None of this depends on the engine."""
    return ledger


async def _found(shop: Shop) -> list[OldWords]:
    return await shop.outreach.rewording.found()


async def _posted(shop: Shop) -> str:
    """Two guides are asked to publish the first day's post; gives the post."""
    await shop.step()
    for who, guide in (("wmOne", GUIDE), ("wmTwo", "guide_tang")):
        await shop.customer(who, guide=guide)
        await shop.added(who, guide=guide)
    for _ in range(12):
        await shop.step(hours=3)
        if waiting := moments.waiting(shop.platform):
            await shop.step(minutes=1)
            return waiting[0][0]
    raise AssertionError("nobody was asked")


async def test_a_mass_send_is_asked_again_in_new_words_and_sent_once(
    outreach_shop: Callable[..., Shop], shelf_of: Any
) -> None:
    shop = outreach_shop(NEWS)
    shelf = shelf_of(shop, NEWS)
    await _asked(shop)
    assert await _found(shop) == []
    await shelf.save(NEW_WORDS, by="li", journey="news", seen=0)
    [old] = await _found(shop)
    assert (old.step, old.waiting, old.people, old.mend) == ("tell", (GUIDE,), 3, Mend.ASK_ANEW)
    assert await shop.outreach.rewording.ask_anew("news", "tell", by="li") == 1
    assert [one.mend for one in await _found(shop)] == [Mend.BEING_ASKED]
    with pytest.raises(Conflict):
        await shop.outreach.rewording.ask_anew("news", "tell", by="li")
    for _ in range(3):
        await shop.step(minutes=5)
    before, after = await shop.tasks()
    assert (before.phase, after.phase) == (TaskPhase.CANCELLED, TaskPhase.ASKED)
    assert (after.summary, len(after.audience)) == ("新款周六到店", 3)
    assert await _found(shop) == []
    await _confirmed(shop)
    assert _received(shop) == [1, 1, 1]
    assert mass_sends.received(shop.platform, PEOPLE[0])[0]["text"] == "新款周六到店"


async def test_a_guide_who_confirms_first_has_sent_the_old_words(
    outreach_shop: Callable[..., Shop], shelf_of: Any
) -> None:
    shop = outreach_shop(NEWS)
    shelf = shelf_of(shop, NEWS)
    await _asked(shop)
    await shop.step(minutes=1)
    await shelf.save(NEW_WORDS, by="li", journey="news", seen=0)
    await shop.outreach.rewording.ask_anew("news", "tell", by="li")
    for msgid, _ in mass_sends.waiting(shop.platform):
        mass_sends.confirm(shop.platform, msgid)
    for _ in range(3):
        await shop.step(minutes=10)
    assert len(await shop.tasks()) == 1
    assert _received(shop) == [1, 1, 1]
    assert {row.status for row in await shop.touches()} == {TouchState.SENT}


async def test_what_is_too_late_to_be_asked_again_keeps_its_words(
    outreach_shop: Callable[..., Shop], shelf_of: Any
) -> None:
    """Taken back, it would not go out at all."""
    shop = outreach_shop(NEWS)
    shelf = shelf_of(shop, NEWS)
    await _asked(shop)
    await shelf.save(NEW_WORDS, by="li", journey="news", seen=0)
    await shelf.switch("news", enabled=False, by="li")
    assert [one.mend for one in await _found(shop)] == [Mend.PAUSED]
    await shelf.switch("news", enabled=True, by="li")
    [task] = await shop.tasks()
    shop.clock.turn(seconds=(task.valid_until - shop.clock.now()).total_seconds() - 60)
    assert [one.mend for one in await _found(shop)] == [Mend.TOO_LATE]
    with pytest.raises(Conflict):
        await shop.outreach.rewording.ask_anew("news", "tell", by="li")


async def test_a_post_is_asked_again_until_the_first_guide_has_published_it(
    outreach_shop: Callable[..., Shop], shelf_of: Any
) -> None:
    shop = outreach_shop(WEEK)
    shelf = shelf_of(shop, WEEK)
    before = await _posted(shop)
    await shelf.save(NEW_POST, by="li", journey="week", seen=0)
    [old] = await _found(shop)
    assert (old.step, old.people, old.mend) == ("one", 0, Mend.ASK_ANEW)
    assert set(old.waiting) == {GUIDE, "guide_tang"}
    await shop.outreach.rewording.ask_anew("week", "one", by="li")
    for _ in range(4):
        await shop.step(minutes=1)
    waiting = moments.waiting(shop.platform)
    assert {guide for _, guide in waiting} == {GUIDE, "guide_tang"}
    assert {moment for moment, _ in waiting} != {before}
    moments.publish(shop.platform, waiting[0][0], GUIDE)
    await shelf.save(NEW_POST.replace("新的一", "更新的一"), by="li", journey="week", seen=1)
    with pytest.raises(Conflict):
        await shop.outreach.rewording.ask_anew("week", "one", by="li")
    await shop.step(minutes=15)
    assert [(one.waiting, one.mend) for one in await _found(shop)] == [
        (("guide_tang",), Mend.PARTLY_OUT)
    ]
    moments.publish(shop.platform, waiting[0][0], "guide_tang")
    await shop.step(minutes=15)
    seen = [moments.feed(shop.platform, who) for who in ("wmOne", "wmTwo")]
    assert [[one["text"] for one in feed] for feed in seen] == [["新的一"], ["新的一"]]


async def test_a_guide_who_publishes_at_the_last_moment_keeps_the_post_for_the_others(
    outreach_shop: Callable[..., Shop], shelf_of: Any
) -> None:
    shop = outreach_shop(WEEK)
    shelf = shelf_of(shop, WEEK)
    post = await _posted(shop)
    await shelf.save(NEW_POST, by="li", journey="week", seen=0)
    await shop.outreach.rewording.ask_anew("week", "one", by="li")
    moments.publish(shop.platform, post, GUIDE)
    for _ in range(3):
        await shop.step(minutes=1)
    assert moments.waiting(shop.platform) == [(post, "guide_tang")]
    moments.publish(shop.platform, post, "guide_tang")
    await shop.step(minutes=15)
    [task] = await shop.tasks()
    assert {userid for userid, out_at in task.guides.items() if out_at} == {GUIDE, "guide_tang"}
