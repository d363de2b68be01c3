from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from outreach_shop import Shop
from test_nudges import WHO

from bot.errors import Conflict, NotFound
from bot.outreach.journey_preview import preview
from bot.outreach.journey_shelf import JourneyRefused
from bot.settings import Settings
from bot.store.tables import ScriptVersion

CART = """version: 1
journeys:
# 购物车：两小时后问一句
- id: cart
  name: 购物车
  triggers: [{event: [cart_left]}]
  exits: [bought]
  repeat: {rest_days: 1}
  steps:
  - id: worry
    purpose: 问一问
    kind: nudge
    at: {hours: 2}
    content: {default: {text: "还在看吗"}}
"""
LATER = CART.replace("hours: 2", "hours: 5").replace("还在看吗", "要不要帮您留着")
TEA = CART.replace("id: cart", "id: tea").replace("购物车", "下午茶")


async def test_an_edit_moves_a_customer_under_way_without_a_restart(
    outreach_shop: Callable[..., Shop], shelf_of: Any
) -> None:
    shop = outreach_shop(CART)
    shelf = shelf_of(shop, CART)
    await shop.customer(WHO)
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    await shop.step(minutes=20)
    saved = await shelf.save(LATER, by="li", journey="cart", seen=0, note="太急了")
    assert (saved.number, saved.runs) == (1, True)
    for _ in range(9):
        await shop.step(minutes=20)
    assert await shop.touches() == []
    for _ in range(9):
        await shop.step(minutes=20)
    [touch] = await shop.touches()
    assert touch.status in ("asked", "sending", "sent")
    assert "要不要帮您留着" in (await shop.tasks())[0].summary


async def test_switched_off_it_neither_begins_nor_sends_but_hears_what_ends_it(
    outreach_shop: Callable[..., Shop], shelf_of: Any
) -> None:
    shop = outreach_shop(CART)
    shelf = shelf_of(shop, CART)
    await shop.customer(WHO)
    await shop.customer("wm-other")
    await shop.step()
    await shop.behaves(WHO, "cart_left")
    for _ in range(4):
        await shop.step(minutes=20)
    [planned] = await shop.touches()
    assert planned.status == "planned"
    await shelf.switch("cart", enabled=False, by="li")
    await shop.behaves("wm-other", "cart_left")
    for _ in range(6):
        await shop.step(minutes=20)
    assert [touch.status for touch in await shop.touches()] == ["planned"]
    await shop.behaves(WHO, "order_paid")
    await shop.step(minutes=1)
    await shelf.switch("cart", enabled=True, by="li")
    await shop.step(minutes=1)
    [touch] = await shop.touches()
    assert (touch.status, touch.rule) == ("cancelled", "exit_bought")


async def test_a_mistake_is_refused_with_line_and_mend_and_changes_nothing(
    outreach_shop: Callable[..., Shop], shelf_of: Any
) -> None:
    shelf = shelf_of(outreach_shop(CART), CART)
    with pytest.raises(JourneyRefused) as refused:
        await shelf.save(CART.replace("kind: nudge", "kind: nugde"), by="li", journey="cart")
    [problem] = refused.value.problems
    assert (problem.file, problem.line) == ("cart.yml", 12)
    assert "nudge" in problem.mend
    with pytest.raises(JourneyRefused, match="编号"):
        await shelf.save(TEA, by="li", journey="cart")
    with pytest.raises(JourneyRefused, match="一次保存一个"):
        await shelf.save(CART + TEA.partition("journeys:\n")[2], by="li", journey="cart")
    assert (await shelf.get("cart")).number is None
    assert await shelf.versions("cart") == []


async def test_a_script_that_the_library_lacks_is_refused_with_a_guess(
    outreach_shop: Callable[..., Shop], shelf_of: Any
) -> None:
    shop = outreach_shop(CART)
    known = {"script_id": "care.one", "version": 1, "body": {}, "active": True}
    await shop.add(ScriptVersion(imported_at=shop.clock.now(), **known))
    shelf = shelf_of(shop, CART)
    before, _, _ = CART.partition("    content:")
    with pytest.raises(JourneyRefused, match=r"care\.on") as refused:
        await shelf.save(before + "    content: {script: care.on}\n", by="li", journey="cart")
    assert "care.one" in refused.value.problems[0].mend
    await shelf.save(before + "    content: {script: care.one}\n", by="li", journey="cart")


async def test_versions_stay_and_the_file_is_the_way_back(
    outreach_shop: Callable[..., Shop], shelf_of: Any
) -> None:
    shop = outreach_shop(CART)
    shelf = shelf_of(shop, CART)
    assert await shelf.text("cart") == CART
    await shelf.save(LATER, by="li", journey="cart", seen=0)
    with pytest.raises(Conflict):
        await shelf.save(CART, by="wu", journey="cart", seen=0)
    await shelf.save(LATER.replace("hours: 5", "hours: 6"), by="wu", journey="cart", seen=1)
    assert [one.number for one in await shelf.versions("cart")] == [2, 1]
    assert (await shelf.restore("cart", 1, by="li")).number == 1
    assert await shelf.text("cart") == LATER
    assert (await shelf.restore("cart", 0, by="li")).number is None
    assert shop.outreach.plans.journeys["cart"].steps[0].timing.offset.delay.seconds == 7200
    with pytest.raises(NotFound):
        await shelf.restore("cart", 7, by="li")


async def test_a_new_journey_waits_for_its_switch_and_one_that_no_longer_fits_does_not_run(
    outreach_shop: Callable[..., Shop], shelf_of: Any
) -> None:
    shop = outreach_shop(CART)
    shelf = shelf_of(shop, CART)
    tea = TEA.replace("exits: [bought]", "exits: [{stage_moved: [won]}]")
    made = await shelf.save(tea, by="li")
    assert (made.id, made.enabled, made.number) == ("tea", False, 1)
    assert set(shop.outreach.plans.running) == {"cart"}
    with pytest.raises(Conflict):
        await shelf.save(tea, by="li")
    await shelf.switch("tea", enabled=True, by="li")
    assert set(shop.outreach.plans.running) == {"cart", "tea"}
    again = shelf_of(shop, CART)
    again._stages = ["other"]
    await again.bring(shop.outreach.plans)
    assert set(shop.outreach.plans.running) == {"cart"}
    assert "won" in (await again.get("tea")).problems[0].fault


async def test_a_text_is_rehearsed_before_it_is_saved(
    outreach_shop: Callable[..., Shop], shelf_of: Any
) -> None:
    shop = outreach_shop(CART)
    shelf = shelf_of(shop, CART)
    now, settings = shop.clock.now(), Settings()
    shown = await preview(shelf, settings, now, text=LATER, journey="cart", days=2)
    assert [row.touch.step for row in shown.rows] == ["worry"]
    assert (await preview(shelf, settings, now, journey="cart")).rows[0].content is not None


async def test_a_rehearsal_beside_others_knows_only_those_that_run(
    outreach_shop: Callable[..., Shop], shelf_of: Any
) -> None:
    shop = outreach_shop(CART)
    shelf = shelf_of(shop, CART)
    tea = TEA.replace("hours: 2", "hours: 1").replace("  exits", "  priority: 90\n  exits")
    await shelf.save(tea, by="li")
    now, settings = shop.clock.now(), Settings()

    async def shown(others: bool | list[str]) -> list[tuple[bool, str, bool]]:
        seen = await preview(shelf, settings, now, journey="cart", others=others)
        return [(row.other, row.touch.journey, row.conflict is not None) for row in seen.rows]

    assert await shown(True) == [(False, "cart", False)]
    assert await shown(["tea"]) == [(True, "tea", False), (False, "cart", True)]
    await shelf.switch("tea", enabled=True, by="li")
    assert await shown(True) == [(True, "tea", False), (False, "cart", True)]
    with pytest.raises(NotFound):
        await shown(["teaa"])
