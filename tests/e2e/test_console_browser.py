"""The inbox in a real Chromium: what only a browser with its scripts can show."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from consoleshop import Shop, choice, understanding
from consoleshop import server as server
from consoleshop import shop as shop
from sqlalchemy import select

from bot.store.tables import Outbound, SuggestionStatus, WorkState
from bot.web import keys

playwright = pytest.importorskip("playwright.async_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium on this machine: apt install chromium"
    ),
]

DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
GUARD_SECONDS = 0.5


@pytest.fixture
async def chromium() -> AsyncIterator[Any]:
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def signed_in(
    chromium: Any, server: TestServer, password: str, **device: Any
) -> AsyncIterator[Any]:
    """A page on the inbox; anything that its scripts complain about fails the test."""
    context = await chromium.new_context(locale="zh-CN", **(device or DESKTOP))
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda line: complaints.append(line.text) if "Content Security" in line.text else None,
    )
    await page.goto(str(server.make_url("/")))
    await page.fill("#password", password)
    await page.click("button[type=submit]")
    await page.wait_for_selector("#list")
    yield page
    await context.close()
    assert complaints == []


async def sent_texts(shop: Shop) -> list[str]:
    async with shop.database.read() as session:
        return list((await session.scalars(select(Outbound.text).order_by(Outbound.id))).all())


async def shows(page: Any, suggestion_id: int) -> None:
    """Wait until this suggestion is open and takes keys."""
    await page.wait_for_selector(f'#desk[data-id="{suggestion_id}"]')
    await asyncio.sleep(GUARD_SECONDS)


async def test_suggestion_arrives_is_edited_and_sent_by_keyboard(
    shop: Shop, server: TestServer, chromium: Any
) -> None:
    async with signed_in(chromium, server, shop.password) as page:
        await page.wait_for_selector("#live.on")
        assert "都回复完了" in await page.inner_text("#list")

        waiting = await shop.says("小林", "太贵了")
        await shows(page, waiting)
        assert (await page.title()).startswith("(1) ")

        await page.keyboard.press("2")
        await page.keyboard.press("e")
        assert await page.input_value("#edit-text") == "给您申请一张券？"
        await page.keyboard.type("满千减一百二。")
        assert await page.inner_text("#bytes") == "45 / 2048 字节"
        await page.keyboard.press("Control+Enter")

        await page.wait_for_selector("text=已发送给 小林")
        await page.wait_for_selector("text=都回复完了")
        assert not (await page.title()).startswith("(")
    assert await sent_texts(shop) == ["给您申请一张券？满千减一百二。"]
    assert (await shop.suggestion(waiting)).script_id == "s2"


async def test_keys_move_send_and_turn_down(shop: Shop, server: TestServer, chromium: Any) -> None:
    first, second, third = [await shop.says(name, "在吗") for name in ("甲", "乙", "丙")]
    async with signed_in(chromium, server, shop.password) as page:
        await shows(page, first)
        await page.keyboard.press("j")
        await shows(page, second)
        await page.keyboard.press("k")
        await shows(page, first)

        await page.keyboard.press("Enter")
        await page.keyboard.press("Enter")
        await shows(page, second)
        assert (await shop.suggestion(second)).status == SuggestionStatus.PENDING

        await page.keyboard.press("r")
        await page.keyboard.press("2")
        await shows(page, third)
        assert (await shop.suggestion(second)).reason == "理解错了客户的意思"

        await page.keyboard.press("?")
        assert await page.is_visible("#help")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Escape")
        assert (await shop.suggestion(third)).status == SuggestionStatus.PENDING
    assert len(await sent_texts(shop)) == 1


@pytest.mark.long
async def test_draft_survives_a_look_at_another_customer_and_changes_around_it(
    shop: Shop, server: TestServer, chromium: Any
) -> None:
    first, second = await shop.says("甲", "在吗"), await shop.says("乙", "在吗")
    async with signed_in(chromium, server, shop.password) as page:
        await shows(page, first)
        await page.keyboard.press("e")
        await page.fill("#edit-text", "我马上去问")
        await shop.says("丙", "太贵了")
        await page.wait_for_selector("text=丙")
        assert await page.input_value("#edit-text") == "我马上去问"

        await page.keyboard.press("Escape")
        await page.keyboard.press("j")
        await shows(page, second)
        await page.keyboard.press("k")
        await shows(page, first)
        await page.keyboard.press("e")
        assert await page.input_value("#edit-text") == "我马上去问"

        await page.fill("#edit-text", "好" * 683)
        assert await page.is_disabled("#edit-send")
        assert "太长了" in await page.inner_text("#bytes")


@pytest.mark.long
async def test_guide_sees_at_once_that_somebody_else_answered(
    shop: Shop, server: TestServer, chromium: Any
) -> None:
    waiting = await shop.says("甲", "在吗")
    async with signed_in(chromium, server, shop.password) as page:
        await shows(page, waiting)
        await page.wait_for_selector("#live.on")
        await shop.app[keys.DECISIONS].approve(waiting, by="店长")
        await page.wait_for_selector("text=店长 刚刚已经回复了这位客户。")
        await page.wait_for_selector(".outcome.approved")
        assert await page.query_selector("#approve") is None


@pytest.mark.long
async def test_lost_connection_is_said_and_found_again(
    shop: Shop, server: TestServer, chromium: Any
) -> None:
    async with signed_in(chromium, server, shop.password) as page:
        await page.wait_for_selector("#live.on")
        await page.route("**/console/events", lambda route: route.abort())
        await page.reload()
        await page.wait_for_selector("text=与服务器的连接断了")
        await page.unroute("**/console/events")
        await page.evaluate("document.getElementById('reconnect').click()")
        await page.wait_for_selector("#live.on")
        assert not await page.is_visible("#lost")


async def test_phone_goes_from_list_to_detail_and_back(
    shop: Shop, server: TestServer, chromium: Any
) -> None:
    waiting = await shop.says("甲", "在吗")
    await shop.sent(
        waiting, "您好", ago=timedelta(minutes=1), state=WorkState.FAILED, error="客户拒收了消息"
    )
    async with signed_in(chromium, server, shop.password, **PHONE) as page:
        assert not await page.is_visible("#desk")
        await page.tap(f'.item[data-id="{waiting}"]')
        await shows(page, waiting)
        assert not await page.is_visible("#list")
        wide = "document.documentElement.scrollWidth > window.innerWidth"
        assert not await page.evaluate(wide)
        await page.tap(".back")
        assert await page.is_visible("#list")
        assert not await page.evaluate(wide)
        await page.tap(f'.item[data-id="{waiting}"]')
        await shows(page, waiting)
        await page.tap("#send")
        await page.wait_for_selector("text=已发送给 甲")


async def test_without_scripts_the_edit_box_is_open_and_sends(
    shop: Shop, server: TestServer, chromium: Any
) -> None:
    offers = [choice("ask", "您说的是哪一款？")]
    waiting = await shop.says(
        "甲", "那个就是那个", understood=understanding("out_of_scope", 0.2), choices=offers
    )
    async with signed_in(
        chromium, server, shop.password, java_script_enabled=False, **DESKTOP
    ) as page:
        await page.click(f'.item[data-id="{waiting}"]')
        assert "没听懂，建议先问清楚" in await page.inner_text(".reading")
        await page.fill("#edit-text", "您说的是上次那款吗？")
        await page.click("#edit-send")
        await page.wait_for_selector("text=都回复完了")
    assert await sent_texts(shop) == ["您说的是上次那款吗？"]
