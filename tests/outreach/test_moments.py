from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from outreach_shop import GUIDE, Shop
from sqlalchemy import select

from bot.outreach import touch_history
from bot.outreach.ledger_view import ledger_view
from bot.outreach.step_results import step_results
from bot.sandbox import Fault, moments
from bot.settings import Settings
from bot.store.outreach_tables import CohortMember, TaskPhase, TouchState
from scheduler import Rule

WEEK = """
version: 1
journeys:
- id: week
  name: 新朋友
  triggers:
  - added: any
  segments:
    mothers: {zh: 宝妈, tags: [宝妈]}
    others: {zh: 其他}
  cohort: {by: joining_day, tag_group: 新客批次, tag_prefix: 新客, retire_after_days: 1}
  exits: []
  steps:
  - id: one
    purpose: 知道你
    kind: moment
    at: {day: 1, time: "10:00"}
    content:
      mothers: {text: 妈妈们好}
      others: {text: 大家好}
  - id: two
    purpose: 了解你
    kind: moment
    at: {day: 2, time: "10:00"}
    content:
      mothers: {text: 妈妈们的第二天}
      others: {text: 大家的第二天}
"""


def _publish(shop: Shop) -> None:
    for moment_id, userid in moments.waiting(shop.platform):
        moments.publish(shop.platform, moment_id, userid)


def _texts(shop: Shop, who: str) -> list[str]:
    return [one["text"] for one in moments.feed(shop.platform, who)]


async def _days(shop: Shop, days: int) -> None:
    for _ in range(days * 12):
        await shop.step(hours=2)
        _publish(shop)


async def test_each_segment_sees_each_day_once(outreach_shop: Callable[..., Shop]) -> None:
    shop = outreach_shop(WEEK)
    await shop.step()
    await shop.customer("wmMother", tags=["宝妈"])
    await shop.customer("wmOther")
    await shop.added("wmMother")
    await shop.added("wmOther")
    await _days(shop, 4)
    assert _texts(shop, "wmMother") == ["妈妈们好", "妈妈们的第二天"]
    assert _texts(shop, "wmOther") == ["大家好", "大家的第二天"]
    touches = await shop.touches()
    assert {one.status for one in touches} == {TouchState.SENT}
    assert touches[0].outcome["reached"] == 1
    async with shop.database.read() as session:
        members = (await session.scalars(select(CohortMember))).all()
        settings = Settings.model_validate({"outreach": {"enabled": True}})
        now = shop.clock.now()
        view = await ledger_view(session, shop.outreach, settings, "wmMother", now)
        seen = await touch_history.touches(session, "wmMother", None, 10)
    assert all(one.left_at is not None for one in members), "the used tags are retired"
    assert view is not None and view.usage.moments_month.used == 2, "what was seen still counts"
    assert [one.data["step"] for one in seen] == ["two", "one"]


async def test_a_guide_who_never_publishes_does_not_make_the_others_be_asked_for_ever(
    outreach_shop: Callable[..., Shop],
) -> None:
    """Likes and comments take calls for each guide; a shop may have a thousand of them.

    The older a post, the less is expected of it, and of who has not published it yet.
    """
    shop = outreach_shop(WEEK)
    await shop.step()
    for who, guide in (("wmOne", GUIDE), ("wmTwo", "guide_tang")):
        await shop.customer(who, guide=guide)
        await shop.added(who, guide=guide)
    while not (waiting := moments.waiting(shop.platform)):
        await shop.step(hours=3)
    [moment_id] = {one for one, _ in waiting}
    moments.publish(shop.platform, moment_id, GUIDE)
    shop.platform.calls.clear()
    for _ in range(12):
        await shop.step(minutes=30)
    asked = [call.api for call in shop.platform.calls]
    assert 5 <= asked.count("externalcontact/get_moment_task") <= 12
    assert asked.count("externalcontact/get_moment_comments") == 3


async def test_a_post_cannot_be_published_once_its_day_is_over(
    outreach_shop: Callable[..., Shop],
) -> None:
    """One guide has published; from the other it would come beside the next day's."""
    shop = outreach_shop(WEEK)
    await shop.step()
    for who, guide in (("wmOne", GUIDE), ("wmTwo", "guide_tang")):
        await shop.customer(who, guide=guide)
        await shop.added(who, guide=guide)
    while not (waiting := moments.waiting(shop.platform)):
        await shop.step(hours=3)
    moments.publish(shop.platform, waiting[0][0], GUIDE)
    for _ in range(8):
        await shop.step(hours=2)
    assert moments.waiting(shop.platform) == []
    [first, *_] = await shop.touches(step="one")
    assert first.status == TouchState.SENT
    assert (first.outcome["published"], first.outcome["guides"]) == (1, 2)


async def test_a_post_is_of_its_own_day_though_its_news_come_on_the_next(
    outreach_shop: Callable[..., Shop],
) -> None:
    """Else the next day's own post would find that day full."""
    shop = outreach_shop(WEEK, moments_per_day=1)
    await shop.step()
    await shop.customer("wmOne")
    await shop.added("wmOne")
    while not moments.waiting(shop.platform):
        await shop.step(hours=3)
    await shop.step(hours=1)
    _publish(shop)
    await shop.step(hours=14)
    await _days(shop, 2)
    assert _texts(shop, "wmOne") == ["大家好", "大家的第二天"]


async def test_who_opts_out_sees_no_more(outreach_shop: Callable[..., Shop]) -> None:
    from bot.customers.opt_outs import OptOutSource, opt_out

    shop = outreach_shop(WEEK)
    await shop.step()
    await shop.customer("wmOther")
    await shop.added("wmOther")
    await _days(shop, 1)
    await shop.step(hours=1)
    _publish(shop)
    async with shop.database.write() as session:
        await opt_out(session, "wmOther", source=OptOutSource.API, now=shop.clock.now())
    await _days(shop, 3)
    assert _texts(shop, "wmOther") == ["大家好"]


async def test_a_post_for_a_cohort_whom_everybody_left_is_skipped_not_failed(
    outreach_shop: Callable[..., Shop],
) -> None:
    from bot.customers.opt_outs import OptOutSource, opt_out

    shop = outreach_shop(WEEK)
    await shop.step()
    await shop.customer("wmOther")
    await shop.added("wmOther")
    await shop.step(minutes=5)
    async with shop.database.write() as session:
        await opt_out(session, "wmOther", source=OptOutSource.API, now=shop.clock.now())
    await _days(shop, 2)
    touches = await shop.touches()
    assert {(one.status, one.rule) for one in touches} == {(TouchState.SKIPPED, Rule.NO_GUIDE)}


async def test_a_lost_answer_makes_no_second_post(outreach_shop: Callable[..., Shop]) -> None:
    shop = outreach_shop(WEEK)
    await shop.step()
    await shop.customer("wmOther")
    await shop.added("wmOther")
    shop.platform.faults.set(Fault.LOST_ANSWER, times=1, api="externalcontact/add_moment_task")
    for _ in range(30):
        await shop.step(minutes=60)
        _publish(shop)
    assert _texts(shop, "wmOther") == ["大家好"]
    [task] = await shop.tasks()
    assert (task.phase, task.body["guides"]) == (TaskPhase.ASKED, [GUIDE])


async def test_whoever_buys_after_a_post_counts_once_for_it(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(WEEK)
    await shop.step()
    for who in ("wmOne", "wmTwo"):
        await shop.customer(who)
        await shop.added(who)
    await _days(shop, 3)
    for _ in range(2):
        await shop.behaves("wmOne", "order_paid")
        await shop.step(minutes=10)
    await shop.writes("wmTwo")
    for _ in range(3):
        await shop.step(hours=2)
    async with shop.database.read() as session:
        one, two = await step_results(session, "week")
    assert (one.people, one.replied, one.bought) == (2, 0, 0)
    assert (two.step, two.people, two.replied, two.bought) == ("two", 2, 1, 1)
    assert (two.figures.planned, two.figures.sent, two.figures.skipped) == (1, 1, {})


async def test_a_picture_uploaded_in_the_console_goes_out_with_the_post(
    outreach_shop: Callable[..., Shop], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_CONSOLE__UPLOADS", str(tmp_path))
    (tmp_path / "0a1b").mkdir()
    (tmp_path / "0a1b" / "new.png").write_bytes(b"\x89PNG\r\n\x1a\n and more")
    shop = outreach_shop(WEEK.replace("{text: 大家好}", "{text: 大家好, images: [0a1b/new.png]}"))
    await shop.step()
    await shop.customer("wmOther")
    await shop.added("wmOther")
    await _days(shop, 2)
    [post, *_] = await shop.tasks()
    assert post.phase != TaskPhase.FAILED, post.last_error
    assert "大家好" in _texts(shop, "wmOther")
    [body] = shop.platform.store.all("SELECT body FROM moments ORDER BY seq LIMIT 1")
    assert '"media_id"' in body["body"]
