from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, async_playwright, expect

from bot.sandbox import DEFAULT_ACCOUNT

from .conftest import AMAY, XIAOLIN, Running

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture
async def page(running: Running) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        await page.goto(str(running.client.make_url("/")))
        await expect(page.locator(".person")).to_have_count(6)
        yield page
        assert problems == []
        await browser.close()


async def reply(running: Running, to: str, text: str) -> None:
    body = {"touser": to, "open_kfid": DEFAULT_ACCOUNT, "msgtype": "text"}
    await running.post("kf/send_msg", {**body, "text": {"content": text}})


async def test_write_as_a_customer_and_see_the_reply(page: Page, running: Running) -> None:
    await page.get_by_role("button", name="这件还有L码吗").click()
    await expect(page.locator(".row.mine .bubble")).to_have_text("这件还有L码吗")
    await reply(running, XIAOLIN, "<b>有的</b>")
    await expect(page.locator(".row.theirs .bubble")).to_have_text("<b>有的</b>")
    await expect(page.locator("#session-state")).to_have_text("机器人接待中")
    await expect(page.locator("#lines")).to_contain_text("发送文本给 小林")
    link = page.get_by_role("link", name="打开导购工作台")
    await expect(link).to_have_attribute("href", running.platform.settings.console_url)


async def test_another_customer_has_a_badge_until_opened(page: Page, running: Running) -> None:
    running.platform.customer_writes(AMAY, "在吗")
    await reply(running, AMAY, "在的")
    badge = page.locator(".person", has_text="阿May").locator(".badge")
    await expect(badge).to_have_text("1")
    await page.locator(".person", has_text="阿May").click()
    await expect(page.locator(".row.theirs .bubble")).to_have_text("在的")
    await expect(badge).to_have_count(0)


async def test_a_fault_is_switched_on_and_off(page: Page, running: Running) -> None:
    await page.get_by_role("switch", name="回执丢失").check()
    await expect(page.locator(".fault.on")).to_contain_text("仅下 1 次")
    (switched,) = [one for one in running.platform.faults.listing() if one["on"]]
    assert switched["fault"] == "lost_answer"
    await page.get_by_role("button", name="全部恢复").click()
    await expect(page.locator(".fault.on")).to_have_count(0)


async def test_a_narrow_screen_shows_one_thing_at_a_time(page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await expect(page.locator(".phone")).to_be_visible()
    await expect(page.locator(".record")).to_be_hidden()
    await page.get_by_role("button", name="实时记录").click()
    await expect(page.locator(".record")).to_be_visible()
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width == 390


async def test_english(page: Page, running: Running) -> None:
    await page.get_by_role("link", name="English").click()
    await expect(page.get_by_role("link", name="Open the guide's desk")).to_be_visible()
    assert await page.evaluate("document.documentElement.lang") == "en"
