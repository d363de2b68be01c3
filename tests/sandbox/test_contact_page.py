"""Scanning a code on the page of the sandbox, in a real browser."""

from __future__ import annotations

from playwright.async_api import Page, expect

from .conftest import Running
from .test_page import page as page
from .test_page import pytestmark as pytestmark

__all__ = ["page", "pytestmark"]


async def test_somebody_new_scans_a_code_and_reads_the_greeting(
    page: Page, running: Running
) -> None:
    body = {"type": 2, "scene": 2, "state": "poster", "user": ["guide_qing"], "remark": "海报"}
    await running.post("externalcontact/add_contact_way", body)
    await page.get_by_text("新客扫码加好友").click()
    await page.get_by_role("button", name="海报 · 青青").click()
    await expect(page.locator(".person")).to_have_count(7)
    await running.settle()
    code = running.bot.notices[-1]["WelcomeCode"]
    welcome = {"welcome_code": code, "text": {"content": "欢迎来暖屿"}}
    await running.post("externalcontact/send_welcome_msg", welcome)
    await expect(page.locator(".row.theirs .bubble")).to_have_text("欢迎来暖屿")
    await page.get_by_text("更多").click()
    await page.get_by_role("button", name="删除导购", exact=True).click()
    await expect(page.locator("#lines")).to_contain_text("删除了 青青")
