"""The pages beside the inbox in a real Chromium: scripts, policy of content, and both widths."""

from __future__ import annotations

import base64
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from apishop import small_model as small_model
from pagesshop import PagesShop, open_pages
from sqlalchemy import select

from bot.store.channel_tables import Channel
from bot.store.contact_tables import PortraitFact
from bot.store.segment_tables import CustomerSegment
from bot.store.tables import Customer

playwright = pytest.importorskip("playwright.async_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium on this machine: apt install chromium"
    ),
]

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
}


@pytest.fixture
async def shop(
    new_sqlite_url: str,
    small_model: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[PagesShop]:
    monkeypatch.setenv("BOT_CONSOLE__UPLOADS", str(tmp_path / "uploads"))
    async with open_pages(new_sqlite_url, small_model) as shop:
        await shop.furnish()
        channel_id = await shop.channel()
        await shop.came(channel_id, days_ago=0, number=4)
        yield shop


@asynccontextmanager
async def signed_in(shop: PagesShop, device: dict[str, Any]) -> AsyncIterator[Any]:
    """A page on the inbox; a script's error, a refused file or a broken rule fails the test."""
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        context = await browser.new_context(locale="zh-CN", **device)
        page = await context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda line: complaints.append(line.text) if line.type == "error" else None,
        )
        await page.goto(str(shop.server.make_url("/")))
        await page.fill("#password", shop.password)
        await page.click("button[type=submit]")
        await page.wait_for_selector("#list")
        yield page
        await browser.close()
        assert complaints == []


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_every_page_opens_and_fits_the_screen(
    shop: PagesShop, device: dict[str, Any]
) -> None:
    async with signed_in(shop, device) as page:
        for place in (
            "inbox", "customers", "customers/wmLin", "channels", "channels/new", "channels/1",
            "channels/new?kind=link", "groups", "group-codes", "group-codes/new",
            "groups/wrGroup0", "tags", "greetings", "greetings?channel=1",
            "greetings?group=mothers", "accounts", "password",
        ):  # fmt: skip
            await page.goto(str(shop.server.make_url(f"/console/{place}")))
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width <= device["viewport"]["width"], place
            inline = await page.evaluate("document.querySelectorAll('[style], [onclick]').length")
            assert inline == 0, place


async def test_segment_is_built_counted_and_saved_by_clicks(shop: PagesShop) -> None:
    async with signed_in(shop, DESKTOP) as page:
        await page.click(".nav >> text=客户")
        await page.click("text=用“且 / 或 / 非”组合条件")
        await page.select_option("#c0-0-about", "tag")
        await page.wait_for_selector("#c0-0-value >> text=VIP", state="attached")
        await page.select_option("#c0-0-value", "VIP")
        await page.wait_for_selector("#total:has-text('2 位')")
        assert await page.locator("#c1-0-about").count() == 0
        await page.click("text=加一个条件")
        await page.wait_for_selector("#c0-1-about")
        await page.select_option("#c0-1-value", "dormant")
        await page.wait_for_selector("#total:has-text('1 位')")
        await page.select_option("#c0-1-negate", "1")
        await page.wait_for_selector("a.tr:has-text('周姐')")
        await page.fill("#segment-name", "醒着的VIP")
        await page.click("text=保存分群")
        await page.wait_for_selector(".pill[aria-current]:has-text('醒着的VIP')")
        await page.fill("#q", "团团")
        await page.wait_for_selector("text=没有符合条件的客户")
        assert await page.input_value("#q") == "团团"
    async with shop.database.read() as session:
        assert await session.scalar(select(CustomerSegment.name)) == "醒着的VIP"


async def test_portrait_opt_out_and_timeline_work_on_a_phone(shop: PagesShop) -> None:
    async with signed_in(shop, PHONE) as page:
        await page.click(".nav-menu summary")
        await page.click(".nav-menu nav >> text=客户")
        await page.click("a.tr:has-text('小林')")
        await page.click(".fact:has-text('M') >> button:has-text('对') >> nth=0")
        await page.wait_for_selector("#portrait .fact.sure")
        await page.click("#timeline .pill:has-text('阶段')")
        await page.wait_for_selector("#timeline .pill[aria-current]:has-text('阶段')")
        assert await page.locator(".story.k-message").count() == 0
        page.on("dialog", lambda dialog: dialog.accept())
        await page.click("#opt-out")
        await page.wait_for_selector("text=取消退订")
    async with shop.database.read() as session:
        assert (await session.get_one(Customer, "wmLin")).opted_out_at is not None
        states = await session.scalars(
            select(PortraitFact.state).where(PortraitFact.field.in_(("size", "budget")))
        )
        assert "confirmed" in set(states)


async def test_channel_is_written_with_attachments_on_a_phone(shop: PagesShop) -> None:
    async with signed_in(shop, PHONE) as page:
        await page.goto(str(shop.server.make_url("/console/channels/new")))
        await page.fill("#name", "门口海报")
        await page.click(".tick:has-text('苏晴')")
        await page.click("text=加一班")
        await page.fill("[name='s1.from']", "9:00")
        await page.fill("[name='s1.guides']", "何棠")
        await page.fill("#greeting", "{customer_name}您好")
        await page.click(".attach-more button:has-text('图片')")
        picture = {"name": "封面.png", "mimeType": "image/png", "buffer": PICTURE}
        await page.set_input_files("[data-upload='a0.source']", picture)
        await page.wait_for_selector(".phone-picture")
        await page.click(".attach-more button:has-text('网页链接')")
        await page.fill("[name='a1.title']", "新款画册")
        await page.fill("[name='a1.url']", "https://example.com/book")
        await page.wait_for_selector(".phone-card:has-text('新款画册')")
        await page.click("#create")
        await page.wait_for_selector("text=已创建")
        await page.click("#pause")
        await page.click(".drop-body button")
        await page.wait_for_selector("#resume")
    async with shop.database.read() as session:
        made = (await session.scalars(select(Channel).order_by(Channel.id.desc()))).first()
    assert made is not None
    assert [next(iter(one)) for one in made.greeting["attachments"]] == ["image", "link"]
    assert [one["guides"] for one in made.shifts] == [["guide_tang"]]


async def test_greeting_is_seen_while_it_is_typed(shop: PagesShop) -> None:
    async with signed_in(shop, DESKTOP) as page:
        await page.goto(str(shop.server.make_url("/console/greetings?channel=1")))
        await page.fill("#greeting", "")
        await page.type("#greeting", "{customer_name}，欢迎光临")
        await page.wait_for_selector(".phone-bubble:has-text('小林，欢迎光临')")
        await page.click("#save")
        await page.wait_for_selector("text=已保存")
        assert await page.input_value("#greeting") == "{customer_name}，欢迎光临"
