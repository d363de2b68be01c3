"""The pages about outreach over HTTP, as a browser without scripts sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from consoleshop import Guide, guide, note_of
from outreachpages import add, echo, newcomers, open_outreach, task, to, touch
from pagesshop import HE, SU, PagesShop
from sqlalchemy import select

from bot.store.outreach_tables import JourneyChoice, JourneyVersion, OutreachTask, TouchRow

PAGES = ("", "/days/2026-11-20", "/touches", "/tasks", "/journeys", "/new-journey", "/results")
TEA = """version: 1
journeys:
- id: tea
  name: 下午茶
  triggers: [{tag_added: [老客]}]
  steps:
  - id: hello
    purpose: 问候
    kind: nudge
    at: {hours: 1}
    content: {default: {text: "来喝茶吗"}}
"""


@pytest.fixture
async def shop(new_sqlite_url: str, small_model: dict[str, Any]) -> AsyncIterator[PagesShop]:
    async with open_outreach(new_sqlite_url, small_model) as shop:
        yield shop


@pytest.fixture
async def browser(shop: PagesShop) -> AsyncIterator[Guide]:
    async with guide(shop.server) as browser:
        await browser.arrive(shop.password)
        yield browser


async def rows(shop: PagesShop, table: Any, *where: Any) -> list[Any]:
    async with shop.database.read() as session:
        return list((await session.scalars(select(table).where(*where))).all())


async def test_empty_pages_say_what_to_do_in_both_languages(browser: Guide) -> None:
    for page in PAGES:
        assert "触达" in await browser.text(f"/console/outreach{page}")
        assert "Outreach" in await browser.text(f"/console/outreach{page}?lang=en")
        await browser.text(f"/console/outreach{page}?lang=zh")
    assert "没有等着确认的任务" in await browser.text("/console/outreach/tasks")
    assert "没有符合条件的触达" in await browser.text("/console/outreach/touches")


async def test_switched_off_the_pages_say_so_and_still_rehearse(
    new_sqlite_url: str, small_model: dict[str, Any]
) -> None:
    async with open_outreach(new_sqlite_url, small_model, enabled=False) as shop:
        async with guide(shop.server) as browser:
            await browser.arrive(shop.password)
            for page in PAGES:
                assert "outreach.enabled" in await browser.text(f"/console/outreach{page}")
            shown = await browser.text("/console/outreach/journeys/newcomer")
            assert "知道你·我们是谁" in shown
            await add(shop, task(shop))
            answer = await browser.post("/console/outreach/tasks/1/remind", htmx=True)
            assert answer.status == 409
            assert "没有开启" in note_of(answer)


async def test_the_week_shows_what_was_done_what_is_planned_and_what_to_expect(
    shop: PagesShop, browser: Guide
) -> None:
    await newcomers(shop)
    await add(
        shop,
        touch(shop, "day1", hours=-2.5, status="sent"),
        touch(shop, "hello", hours=7, **to("wmLin"), status="skipped", rule="fatigue_day"),
    )
    week = await browser.text("/console/outreach")
    assert week.index("11-20") < week.index("知道你·我们是谁") < week.index("了解你·怎么做的")
    assert "当天对这位客户的触达已满" in week
    assert "预计" in week
    following = await browser.text("/console/outreach?week=2026-11-23&journey=newcomer")
    assert "信任你·一个邀请" in following
    elsewhere = await browser.text("/console/outreach?kind=mass_send")
    assert "知道你·我们是谁" not in elsewhere
    assert (await browser.get("/console/outreach?week=0001-01-01")).status == 200


async def test_a_day_names_people_reasons_and_quotas(shop: PagesShop, browser: Guide) -> None:
    await newcomers(shop)
    await add(
        shop,
        touch(
            shop, "day1", hours=-2, status="sent", outcome={"reached": 3, "liked": 1},
            explanation="1/1 位导购已发表",
        ),
        touch(shop, "hello", hours=3, **to("wmLin"), status="moved", rule="gap", explanation=""),
        touch(shop, "visit", hours=4, **to("wmMay"), status="skipped", rule="condition"),
    )  # fmt: skip
    day = await browser.text("/console/outreach/days/2026-11-20")
    assert "3 人看到" in day
    assert "宝妈 11-19 加入" in day
    assert 'href="/console/customers/wmLin"' in day
    assert "离上一次触达太近" in day
    out, _, skips = day.partition("跳过和取消")
    assert ("小林" in out, "阿May" in out, "阿May" in skips) == (True, False, True)
    assert "Too soon after the last touch" in await browser.text(
        "/console/outreach/days/2026-11-20?lang=en"
    )
    assert (await browser.get("/console/outreach/days/someday")).status == 404


async def test_touches_are_filtered_and_turned_page_by_page(
    shop: PagesShop, browser: Guide
) -> None:
    await add(
        shop,
        *(touch(shop, "day1", hours=-number, status="sent") for number in range(53)),
        touch(shop, "hello", **to("wmLin"), status="skipped", rule="opted_out", explanation=""),
    )
    first = await browser.text("/console/outreach/touches?status=sent")
    assert "53 次" in first
    following = first.partition('id="following" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert (await browser.text(following)).count('class="touch"') == 3
    one = await browser.text("/console/outreach/touches?rule=opted_out&who=wmLin&from=2026-11-20")
    assert one.count('class="touch"') == 1
    assert "客户已选择不再接收消息" in one
    assert "只看 小林" in one
    assert (await browser.get("/console/outreach/touches?from=soon&cursor=")).status == 200


async def test_a_post_is_told_to_be_unpublished_for_the_friends_of_the_guide_who_did_not(
    shop: PagesShop, browser: Guide
) -> None:
    await newcomers(shop)
    post = task(shop, kind="moment", guides={SU: True, HE: False})
    await add(shop, post)
    sent = {"status": "sent", "sent_at": shop.clock.now(), "task_id": post.id}
    await add(shop, touch(shop, "day1", guides=[SU, HE], **sent))
    seen, missed = [
        await browser.text(f"/console/outreach/touches?who={who}&status={status}")
        for who, status in (("wmMother1", "sent"), ("wmMother0", "asked"))
    ]
    assert "按计划发出" in seen and "还没有发表" not in seen
    assert "这位客户的导购还没有发表" in missed


async def test_a_person_decides_what_became_of_a_task(shop: PagesShop, browser: Guide) -> None:
    lost = task(shop, phase="unknown", remote_id=None, state="dead", kind="moment")
    await add(shop, lost, task(shop, guides={SU: True, HE: True}))
    await add(shop, touch(shop, "day1", status="unknown", task_id=1))
    page = await browser.text("/console/outreach/tasks")
    assert page.count('action="/console/outreach/tasks/1/decide"') == 3
    assert "导购已确认" in page
    assert 'class="count">1<' in page
    assert (await browser.post("/console/outreach/tasks/1/decide", what="perhaps")).status == 400
    answer = await browser.post("/console/outreach/tasks/1/decide", htmx=True, what="drop")
    assert "done=decided" in answer.headers["HX-Redirect"]
    [dropped] = await rows(shop, OutreachTask, OutreachTask.id == 1)
    [row] = await rows(shop, TouchRow)
    assert (dropped.phase, row.status) == ("cancelled", "cancelled")
    again = await browser.post("/console/outreach/tasks/1/decide", htmx=True, what="happened")
    assert again.status == 409


async def test_a_new_journey_is_refused_by_line_then_kept_switched_off(
    shop: PagesShop, browser: Guide
) -> None:
    wrong = TEA.replace("kind: nudge", "kind: nugde")
    refused = await browser.post("/console/outreach/new-journey", text=wrong)
    shown = await refused.text()
    assert refused.status == 200
    assert 'data-line="9"' in shown
    assert "是不是想写「nudge」" in shown
    assert "nugde" in shown.partition("<textarea")[2]
    assert await rows(shop, JourneyVersion) == []
    made = await browser.post("/console/outreach/new-journey", htmx=True, text=TEA)
    assert made.headers["HX-Redirect"].startswith("/console/outreach/journeys/tea")
    [choice] = await rows(shop, JourneyChoice)
    assert (choice.journey, choice.enabled) == ("tea", False)
    await browser.post("/console/outreach/journeys/tea/switch", on="1")
    [choice] = await rows(shop, JourneyChoice)
    assert (choice.enabled, choice.changed_by) == (True, "admin")


async def test_a_shipped_journey_is_edited_looked_at_and_put_back(
    shop: PagesShop, browser: Guide
) -> None:
    page = "/console/outreach/journeys/parcel_arrived"
    path = f"{page}/yaml"
    text = await shop.bot.journeys.text("parcel_arrived")
    changed = text.replace("name: 收货", "name: 到货收货", 1)
    assert changed != text
    saved = await browser.post(path, htmx=True, text=changed, seen="0", note="换个名字")
    assert "done=saved" in saved.headers["HX-Redirect"]
    late = await browser.post(path, htmx=True, text=text, seen="0")
    assert "别人刚保存了新的一版" in await late.text()
    shown = await browser.text(path)
    assert "换个名字" in shown
    assert "到货收货" in shown
    assert "到货收货" not in (await browser.text(f"{path}?version=0")).partition("<textarea")[2]
    back = await browser.post(f"{page}/restore", htmx=True, version="0")
    assert "done=reverted" in back.headers["HX-Redirect"]
    assert (await shop.bot.journeys.get("parcel_arrived")).number is None


async def test_a_text_is_rehearsed_for_a_segment_before_it_is_saved(browser: Guide) -> None:
    path = "/console/outreach/rehearse"
    shown = await browser.post(path, htmx=True, text=TEA, days="7")
    assert "来喝茶吗" in await shown.text()
    crowd = await browser.post(path, htmx=True, text=TEA, days="7", with_others="on")
    assert "最挤的情况" in (beside := await crowd.text())
    assert "收货关怀" in beside
    assert "位置被「" in beside
    assert "收货关怀" not in await shown.text()
    wrong = await browser.post(path, htmx=True, text="version: 1\njourneys: 没有", days="7")
    assert wrong.status == 200
    assert "journey" in (await wrong.text()).lower()
    unknown = await browser.post(path, htmx=True, text=TEA, segment="nobody")
    assert unknown.status == 422


async def test_what_a_deleted_journey_had_planned_ends_a_day_later_without_a_restart(
    shop: PagesShop,
) -> None:
    assert shop.bot.outreach is not None
    _, end = shop.bot.outreach.jobs["outreach: removed journeys"]
    await add(shop, touch(shop, "one", hours=-1, **to("wmLin"), journey="gone"))
    await end()
    assert [row.status for row in await rows(shop, TouchRow)] == ["planned"]
    shop.clock.turn(hours=24)
    await end()
    [ended] = await rows(shop, TouchRow)
    assert (ended.status, ended.rule) == ("skipped", "journey_removed")


async def test_results_show_rates_echoes_and_intervals(shop: PagesShop, browser: Guide) -> None:
    post = touch(shop, "day1", status="sent")
    sent = [
        touch(
            shop,
            "hello",
            hours=-number,
            **to("wmLin", status="sent", variant="问场合" if number % 2 else "给小贴士"),
            sent_at=shop.clock.now() - timedelta(hours=number),
            outcome={"replied": "2026-11-20T00:00:00+00:00"} if number in (1, 5) else {},
        )
        for number in range(12)
    ]
    await add(shop, post, *sent)
    await add(shop, echo(post, "reached", 7), echo(post, "liked", 2))
    await add(shop, *(echo(sent[number], "replied", by="wmLin") for number in (1, 5)))
    page = await browser.text("/console/outreach/results")
    assert "<b>2</b><small>17%</small>" in page
    assert "<em>5–45%</em>" in page
    assert ">7 人</span>" in page
    assert "6 人里 2 人回复" in page
    assert "33%（10%–70%）" in page
    assert "还看不出差别" in page
    bought = await browser.text("/console/outreach/results?by=bought&days=30")
    assert "6 人里 0 人下单" in bought
    person = await browser.text("/console/customers/wmLin")
    assert "还能联系几次" in person
    assert "客户 48 小时内没有发来消息" in person
    timeline = await browser.text("/console/customers/wmLin?kind=touch")
    assert "破冰·问一个好回答的问题" in timeline
    assert "新朋友七天 · 导购卡片" in timeline
