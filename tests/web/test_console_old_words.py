"""After an edit the journey's page says whose phones still show the old words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from apishop import API_TOKEN
from consoleshop import Guide, guide, note_of
from outreachpages import add, open_outreach, task, to, touch
from pagesshop import HE, SU, PagesShop
from sqlalchemy import select
from test_console_outreach import TEA

from bot.store.outreach_tables import OutreachTask
from scripts_library import TextPart

PAGE = "/console/outreach/journeys/tea"
ASK = f"{PAGE}/steps/hello/ask-anew"
SAID = TextPart("来喝茶吗").as_dict()


@pytest.fixture
async def shop(
    new_sqlite_url: str, small_model: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PagesShop]:
    monkeypatch.setenv("BOT_API__TOKEN", API_TOKEN)
    async with open_outreach(new_sqlite_url, small_model) as shop:
        yield shop


@pytest.fixture
async def browser(shop: PagesShop) -> AsyncIterator[Guide]:
    async with guide(shop.server) as browser:
        await browser.arrive(shop.password)
        yield browser


async def _asked(shop: PagesShop, sender: str, *people: str, **more: Any) -> Any:
    body = {"parts": [SAID]}
    one = task(shop, body=body, audience=list(people), sender=sender, **{"guides": {}, **more})
    await add(shop, one)
    rows = [
        touch(
            shop, "hello", **to(who, way="mass_send"), journey="tea", segment="default",
            status="asked", task_id=one.id,
        )
        for who in people
    ]  # fmt: skip
    await add(shop, *rows)
    return one.id


async def _edit(browser: Guide, text: str, seen: str = "1") -> None:
    answer = await browser.post(f"{PAGE}/yaml", htmx=True, text=text, seen=seen)
    assert answer.headers["HX-Redirect"].startswith(PAGE), await answer.text()


async def test_an_edit_tells_who_still_has_the_old_words_and_asks_them_anew(
    shop: PagesShop, browser: Guide
) -> None:
    await browser.post("/console/outreach/new-journey", htmx=True, text=TEA)
    await browser.post(f"{PAGE}/switch", htmx=True, on="1")
    waits = await _asked(shop, SU, "wmLin", "wmMay")
    await _asked(shop, HE, "wmMother1", guides={HE: True})
    assert "old-words" not in await browser.text(PAGE)
    await _edit(browser, TEA.replace("来喝茶吗", "新茶到了"))
    for view in (PAGE, f"{PAGE}/yaml"):
        shown = await browser.text(view)
        assert "导购手机上还是旧的话：1 步" in shown
        assert "1 位导购还没确认 · 2 位客户" in shown, "who confirmed has sent"
        assert f'action="{ASK}"' in shown
    assert "Guides still have the old words" in await browser.text(f"{PAGE}?lang=en")
    await browser.text(f"{PAGE}?lang=zh")
    tasks = await browser.text("/console/outreach/tasks")
    assert tasks.count("话已改过") == 1
    answer = await browser.post(ASK, htmx=True)
    assert answer.headers["HX-Redirect"] == f"{PAGE}?done=asked_anew"
    async with shop.database.read() as session:
        phase = await session.scalar(select(OutreachTask.phase).where(OutreachTask.id == waits))
    assert phase == "renewing"
    shown = await browser.text(PAGE)
    assert "正在撤回，几分钟内用新的话请导购确认" in shown
    assert f'action="{ASK}"' not in shown
    answer = await browser.post(ASK, htmx=True)
    assert (answer.status, "刷新" in note_of(answer)) == (409, True)


async def test_other_programs_learn_of_old_words_and_ask_anew_too(
    shop: PagesShop, browser: Guide
) -> None:
    await browser.post("/console/outreach/new-journey", htmx=True, text=TEA)
    await browser.post(f"{PAGE}/switch", htmx=True, on="1")
    waits = await _asked(shop, SU, "wmLin", "wmMay")
    await _edit(browser, TEA.replace("来喝茶吗", "新茶到了"))
    bearer = {"Authorization": f"Bearer {API_TOKEN}"}
    async with aiohttp.ClientSession(shop.server.make_url("/api/v1/"), headers=bearer) as http:
        async with http.get("journeys/tea/old-words") as answer:
            [item] = (await answer.json())["items"]
        assert item == {
            "task": waits, "kind": "mass_send", "step": "hello", "segment": "default",
            "guides": [SU], "customers": 2, "mend": "ask_anew",
        }  # fmt: skip
        statuses = []
        for step in ("hello", "hello", "none"):
            async with http.post(f"journeys/tea/steps/{step}/ask-anew", json={}) as answer:
                statuses.append((answer.status, (await answer.json()).get("tasks")))
        assert statuses == [(200, 1), (409, None), (409, None)]
        async with http.get("journeys/nope/old-words") as answer:
            assert answer.status == 404


async def test_words_put_back_and_times_moved_leave_nobody_with_old_words(
    shop: PagesShop, browser: Guide
) -> None:
    await browser.post("/console/outreach/new-journey", htmx=True, text=TEA)
    await browser.post(f"{PAGE}/switch", htmx=True, on="1")
    await _asked(shop, SU, "wmLin")
    await _edit(browser, TEA.replace("来喝茶吗", "新茶到了"))
    await browser.post(f"{PAGE}/restore", htmx=True, version="1")
    assert "old-words" not in await browser.text(PAGE)
    await _edit(browser, TEA.replace("hours: 1", "hours: 3"))
    assert "old-words" not in await browser.text(PAGE)
    await browser.post(f"{PAGE}/restore", htmx=True, version="2")
    await browser.post(f"{PAGE}/switch", htmx=True, on="0")
    shown = await browser.text(PAGE)
    assert "旅程停用着" in shown
    assert f'action="{ASK}"' not in shown


async def test_each_segment_says_for_itself_why_its_words_stay(
    shop: PagesShop, browser: Guide
) -> None:
    """Of two posts of one step one is published by a guide already."""
    for segment, stand in (("mothers", {SU: True, HE: False}), ("women", {SU: False, HE: False})):
        one = task(shop, kind="moment", body={"parts": [SAID], "guides": [SU, HE]}, guides=stand)
        await add(shop, one)
        status = "sent" if any(stand.values()) else "asked"
        row = touch(shop, "day1", segment=segment, status=status, task_id=one.id)
        await add(shop, row)
    shown = await browser.text("/console/outreach/journeys/newcomer")
    assert "宝妈、质感女装客 · 2 位导购还没确认" in shown
    assert "宝妈 · 1 位导购还没确认：已有导购发表了旧的" in shown
    assert "再请 2 位导购确认" in shown
    answer = await browser.post(
        "/console/outreach/journeys/newcomer/steps/day1/ask-anew", htmx=True
    )
    assert answer.status >= 400, "WeCom knows no such post: nothing is taken back"
