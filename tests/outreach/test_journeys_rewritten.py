"""An operator writes a journey anew while its touches are planned, promised, or asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from outreach_shop import Shop

from bot.outreach.journey_shelf import JourneyShelf
from bot.sandbox import mass_sends

WHO = "wmTalk"
TALK = """version: 1
journeys:
- id: talk
  name: 三句话
  triggers: [{event: [asked]}]
  segments:
    mothers: {zh: 宝妈, tags: [宝妈]}
    others: {zh: 其他}
  steps:
  - {id: a, purpose: 先问, kind: nudge, at: {hours: 1}, catch_up: {send_late: 48},
     content: {mothers: {text: 宝妈的甲}, others: {text: 甲}}}
  - {id: b, purpose: 再问, kind: nudge, at: {hours: 4}, catch_up: {send_late: 48},
     content: {default: {text: 乙}}}
  - {id: c, purpose: 又问, kind: nudge, at: {hours: 10}, catch_up: {send_late: 48},
     content: {default: {text: 丙}}}
"""
WITHOUT = TALK.partition("  - {id: a")[0] + "  - {id: b" + TALK.partition("  - {id: b")[2]
Shops = Callable[..., Shop]


@pytest.fixture
def talking(outreach_shop: Shops, shelf_of: Any) -> Any:
    """A shop whose customer asked an hour less five minutes ago, and its shelf."""

    async def begun(text: str = TALK, *, window: bool = True, **customer: Any) -> Any:
        shop = outreach_shop(text, spread_minutes=0)
        shelf = shelf_of(shop, text)
        await shop.customer(WHO, **customer)
        if window:
            await shop.writes(WHO)
        await shop.step()
        await shop.behaves(WHO, "asked")
        for _ in range(11):
            await shop.step(minutes=5)
        return shop, shelf

    return begun


async def _saved(shelf: JourneyShelf, text: str) -> None:
    await shelf.save(text, by="li", journey="talk")


async def _hours(shop: Shop, hours: int) -> None:
    for _ in range(hours * 2):
        await shop.step(minutes=30)


async def _stood(shop: Shop) -> list[tuple[str, str, str | None]]:
    return [(one.step, one.status, one.rule) for one in await shop.touches()]


def _heard(shop: Shop) -> list[str]:
    return [one.text for one in shop.platform.sent_messages(WHO)]


async def test_what_is_planned_or_promised_says_the_new_words_once(talking: Any) -> None:
    shop, shelf = await talking()
    assert await _stood(shop) == [("a", "planned", None)]
    await _saved(shelf, TALK.replace("text: 甲", "text: 甲二"))
    shop.clock.turn(minutes=10)
    await shop.outreach.dispatcher.tick()
    assert await _stood(shop) == [("a", "sending", None)]
    await _saved(shelf, TALK.replace("text: 甲", "text: 甲三"))
    await _hours(shop, 1)
    assert _heard(shop) == ["甲三"]
    assert await _stood(shop) == [("a", "sent", None)]


async def test_a_task_that_wecom_was_not_asked_for_yet_is_written_anew(talking: Any) -> None:
    shop, shelf = await talking(window=False)
    shop.clock.turn(minutes=10)
    await shop.outreach.dispatcher.tick()
    assert [one.summary for one in await shop.tasks()] == ["甲"]
    await _saved(shelf, TALK.replace("text: 甲", "text: 甲二"))
    await _hours(shop, 2)
    first, second = await shop.tasks()
    assert (first.phase, second.phase, second.summary) == ("cancelled", "asked", "甲二")
    assert len(mass_sends.waiting(shop.platform)) == 1


async def test_who_hears_of_an_edit_late_takes_back_the_old_words_it_promised_since(
    talking: Any,
) -> None:
    shop, shelf = await talking()
    follow, shelf.on_change = shelf.on_change, None
    await _saved(shelf, TALK.replace("text: 甲", "text: 甲二"))
    shop.clock.turn(minutes=10)
    await shop.outreach.dispatcher.tick()
    assert await _stood(shop) == [("a", "sending", None)]
    await follow()
    assert await _stood(shop) == [("a", "planned", None)]
    await _hours(shop, 2)
    assert _heard(shop) == ["甲二"]


async def test_a_removed_step_goes_nowhere_and_the_others_go_on(talking: Any) -> None:
    planned, shelf = await talking()
    await _saved(shelf, WITHOUT)
    assert await _stood(planned) == [("a", "skipped", "step_removed")]
    await _hours(planned, 5)
    assert _heard(planned) == ["乙"]
    await shelf.restore("talk", 0, by="li")
    await _hours(planned, 5)
    assert _heard(planned) == ["乙", "丙"]


async def test_a_removed_step_is_taken_back_from_the_guide(talking: Any) -> None:
    shop, shelf = await talking(window=False)
    await _hours(shop, 2)
    assert await _stood(shop) == [("a", "asked", None)]
    assert len(mass_sends.waiting(shop.platform)) == 1
    await _saved(shelf, WITHOUT)
    await _hours(shop, 1)
    assert (await _stood(shop))[0] == ("a", "cancelled", "step_removed")
    assert mass_sends.waiting(shop.platform) == []


async def test_a_step_moved_later_waits_and_one_moved_earlier_goes_as_planned(
    talking: Any,
) -> None:
    shop, shelf = await talking()
    await _saved(shelf, TALK.replace("{hours: 1}", "{hours: 3}"))
    await _hours(shop, 1)
    assert _heard(shop) == []
    await _saved(
        shelf, TALK.replace("{hours: 1}", "{hours: 2}").replace("{hours: 4}", "{hours: 6}")
    )
    await _hours(shop, 3)
    assert _heard(shop) == ["甲"]
    await _hours(shop, 2)
    assert _heard(shop) == ["甲", "乙"]
    assert await _stood(shop) == [("a", "sent", None), ("b", "sent", None)]


async def test_a_step_under_another_name_or_behind_the_walker_is_not_sent(talking: Any) -> None:
    shop, shelf = await talking()
    await _hours(shop, 5)
    assert _heard(shop) == ["甲", "乙"]
    new = "  - {id: x, purpose: 补, kind: nudge, at: {hours: 2}, content: {default: {text: 补}}}\n"
    renamed = TALK.replace("id: b,", "id: b2,").replace("  - {id: b2", f"{new}  - {{id: b2")
    await _saved(shelf, renamed)
    await _hours(shop, 5)
    assert _heard(shop) == ["甲", "乙", "丙"]
    assert [one for one in await _stood(shop) if one[2]] == [
        ("x", "skipped", "overtaken"),
        ("b2", "skipped", "overtaken"),
    ]


async def test_a_segment_or_an_arm_that_is_gone_leaves_nobody_without_words(talking: Any) -> None:
    shop, shelf = await talking(tags=["宝妈"])
    [touch] = await shop.touches()
    assert touch.segment == "mothers"
    both = TALK.replace("    mothers: {zh: 宝妈, tags: [宝妈]}\n", "").replace(
        "{mothers: {text: 宝妈的甲}, others: {text: 甲}}", "{others: {text: 甲}}"
    )
    arms = "variants: [{name: 一, content: {text: 甲一}}, {name: 二, content: {text: 甲二}}]"
    await _saved(shelf, both.replace("content: {others: {text: 甲}}", arms))
    await _hours(shop, 1)
    [touch] = await shop.touches()
    assert (touch.segment, touch.status) == ("others", "sent")
    assert _heard(shop) == [{"一": "甲一", "二": "甲二"}[touch.variant]]
    await _saved(shelf, both.replace("{default: {text: 乙}}", "{others: {text: 乙二}}"))
    await _hours(shop, 5)
    assert _heard(shop)[1:] == ["乙二"]


async def test_files_that_changed_while_nothing_ran_are_followed_at_the_start(
    talking: Any, shelf_of: Any
) -> None:
    shop, _ = await talking()
    await shelf_of(shop, WITHOUT).tidy()
    assert await _stood(shop) == [("a", "skipped", "step_removed")]


async def test_a_journey_whose_file_is_gone_rests_and_its_touches_are_told(
    talking: Any, shelf_of: Any
) -> None:
    shop, _ = await talking()
    gone = shelf_of(shop, TALK.replace("id: talk", "id: other").replace("asked", "other"))
    await gone.bring(shop.outreach.plans)
    await _hours(shop, 2)
    await gone.tidy()
    assert await _stood(shop) == [("a", "planned", None)]
    shop.clock.turn(days=1)
    await gone.tidy()
    assert await _stood(shop) == [("a", "skipped", "journey_removed")]
    assert _heard(shop) == []
