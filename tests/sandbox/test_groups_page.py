"""Groups on the page of the sandbox, in a real browser."""

from __future__ import annotations

from playwright.async_api import Page, expect

from .conftest import Running
from .test_page import page as page
from .test_page import pytestmark as pytestmark

__all__ = ["page", "pytestmark"]


async def test_a_group_is_opened_filled_and_greets(page: Page, running: Running) -> None:
    template = {"text": {"content": "欢迎来到群里"}, "notify": 0}
    await running.post("externalcontact/group_welcome_template/add", template)
    await page.locator(".faults [data-name=rooms]").click()
    await page.fill("#room-name", "宝妈交流一群")
    await page.get_by_role("button", name="建群").click()
    room = page.locator(".room[open]")
    await room.get_by_label("群主选用欢迎语").select_option(label="欢迎来到群里")
    await expect(room.locator("summary")).to_contain_text("已选用欢迎语")
    await room.get_by_label("拉进群").select_option(label="小林")
    await expect(room.locator(".room-greetings")).to_contain_text("欢迎来到群里")
    await room.get_by_role("button", name="让小林退群").click()
    await expect(room.locator(".room-people")).not_to_contain_text("小林")
    await running.settle()
    told = [one.get("UpdateDetail") for one in running.bot.notices]
    assert told == [None, "add_member", "del_member"]
