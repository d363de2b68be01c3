"""The pages about outreach in a real Chromium, and the demo's seven days on a phone's feed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from apishop import small_model as small_model
from outreachpages import add, newcomers, open_outreach, task, to, touch
from pagesshop import PagesShop
from sqlalchemy import select

from bot.store.outreach_tables import JourneyVersion, OutreachTask
from e2e.test_console_pages_browser import DESKTOP, PHONE, PICTURE, pytestmark, signed_in

__all__ = ["pytestmark"]


@pytest.fixture
async def shop(
    new_sqlite_url: str,
    small_model: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[PagesShop]:
    monkeypatch.setenv("BOT_CONSOLE__UPLOADS", str(tmp_path / "uploads"))
    async with open_outreach(new_sqlite_url, small_model) as shop:
        await newcomers(shop)
        await add(shop, task(shop, phase="unknown", remote_id=None), task(shop))
        await add(
            shop,
            touch(shop, "day1", hours=-2, status="sent", outcome={"reached": 3}),
            touch(shop, "hello", **to("wmLin", status="sent", variant="问场合"), task_id=1),
            touch(shop, "visit", **to("wmMay"), status="skipped", rule="fatigue_week"),
        )
        yield shop


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_every_page_about_outreach_fits_the_screen(
    shop: PagesShop, device: dict[str, Any]
) -> None:
    async with signed_in(shop, device) as page:
        for place in (
            "", "/days/2026-11-20", "/touches", "/tasks", "/journeys", "/journeys/newcomer",
            "/journeys/newcomer/steps/hello", "/journeys/price_silent/frame", "/copy-journey",
            "/results",
        ):  # fmt: skip
            await page.goto(str(shop.server.make_url(f"/console/outreach{place}")))
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= device["viewport"]["width"], place
            inline = await page.evaluate("document.querySelectorAll('[style], [onclick]').length")
            assert inline == 0, place


async def test_from_the_week_to_a_day_and_a_task_decided(shop: PagesShop) -> None:
    async with signed_in(shop, DESKTOP) as page:
        await page.click(".nav >> text=触达")
        await page.select_option("select[name=kind]", "moment")
        await page.wait_for_url("**kind=moment**")
        await page.click(".sheet.today .sheet-head")
        await page.wait_for_selector("text=本周对这位客户的触达已满")
        await page.click(".subnav >> text=导购任务")
        await page.click("text=后台有，已建成")
        await page.wait_for_selector("text=已记下，按您的判断继续")
    async with shop.database.read() as session:
        task = await session.get_one(OutreachTask, 1)
    assert task.phase == "done"


async def test_a_fault_is_shown_at_its_line_and_what_is_right_is_saved(shop: PagesShop) -> None:
    async with signed_in(shop, DESKTOP) as page:
        place = "/console/outreach/journeys/parcel_arrived/yaml"
        await page.goto(str(shop.server.make_url(place)))
        text = await page.input_value("#journey-text")
        await page.fill("#journey-text", text.replace("kind: nudge", "kind: nugde", 1))
        await page.click("#check")
        await page.click(".jump")
        chosen = await page.evaluate(
            "(() => { const t = document.getElementById('journey-text');"
            " return t.value.slice(t.selectionStart, t.selectionEnd); })()"
        )
        assert "kind: nugde" in chosen
        assert await page.locator("#gutter .bad").count() == 1
        await page.fill("#journey-text", text + "\n# 试一下\n")
        await page.click("#check")
        await page.wait_for_selector(".preview-touch")
        await page.click("#save")
        await page.wait_for_selector("text=已保存")
    async with shop.database.read() as session:
        [version] = await session.scalars(select(JourneyVersion))
    assert version.text.endswith("# 试一下\n")


async def test_a_step_is_written_with_a_picture_seen_on_the_phone_mended_and_saved(
    shop: PagesShop,
) -> None:
    async with signed_in(shop, PHONE) as page:
        await page.goto(str(shop.server.make_url("/console/outreach/journeys/parcel_arrived")))
        await page.click("#step-fit >> text=编辑")
        words = '[id="c0.0.text"]'
        await page.fill(words, "收到啦？")
        await page.press(words, "End")
        await page.click("button[data-insert='{shop_name}']")
        await page.wait_for_selector(".phone-bubble >> text=/收到啦？[^{]/")
        picture = {"name": "试穿.png", "mimeType": "image/png", "buffer": PICTURE}
        await page.set_input_files("[data-upload='c0.0.image.0']", picture)
        await page.wait_for_selector(".picture-row img")
        assert await page.locator(".of-event").first.is_hidden()
        await page.fill("#late", "9999999")
        await page.click("#save")
        await page.wait_for_selector("#e-late")
        await page.fill("#late", "24")
        await page.click("#save")
        await page.wait_for_selector("text=已保存")
        await page.wait_for_selector("#step-fit .thumbs img")
    kept = await shop.bot.journeys.text("parcel_arrived")
    assert 'text: "收到啦？{shop_name}"' in kept
    assert "/试穿.png" in kept
