from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from aiohttp.test_utils import TestServer
from consoleshop import Guide, Shop, choice, guide, note_of, open_shop, serve, understanding
from consoleshop import browser as browser
from consoleshop import server as server
from consoleshop import shop as shop
from sqlalchemy import select

from bot.store.tables import Conversation, Outbound, Suggestion, SuggestionStatus, WorkState
from bot.web import keys


async def outbound(shop: Shop) -> list[Outbound]:
    async with shop.database.read() as session:
        return list((await session.scalars(select(Outbound).order_by(Outbound.id))).all())


async def test_empty_inbox_says_what_to_try(browser: Guide) -> None:
    page = await browser.text("/console/inbox")
    assert "都回复完了" in page
    assert "太贵了" in page


async def test_list_shows_who_waits_and_what_was_understood(shop: Shop, browser: Guide) -> None:
    await shop.says("小林", "太贵了", stage="objection", ago=timedelta(minutes=7))
    await shop.says("", "那个就是那个", understood=understanding("out_of_scope", 0.2))

    page = await browser.text("/console/inbox/list", htmx=True)

    assert all(
        words in page for words in ("小林", "异议处理", "太贵了", "7 分钟", "嫌贵", "把握 93%")
    )
    assert "微信客户 #X7k2" in page
    assert "没听懂，建议先问清楚" in page


async def test_detail_shows_conversation_choices_and_reasons(shop: Shop, browser: Guide) -> None:
    offers = [
        choice(
            "price", "贵在面料。", title="讲价值", parts=[{"text": "x"}, {"image": "a/coat.jpg"}]
        )
    ]
    waiting = await shop.says("小林", "在吗\n太贵了", choices=offers)
    await shop.sent(waiting, "欢迎光临", ago=timedelta(hours=1))

    page = await browser.text(f"/console/inbox/detail?tab=pending&id={waiting}", htmx=True)

    assert all(
        words in page
        for words in ("欢迎光临", "在吗", "讲价值", "贵在面料。", "意图：嫌贵 93%", "匹配 90%")
    )
    assert "coat.jpg" in page
    assert "还可发 5 条 · 47 小时内有效" in page


async def test_plain_form_approves_the_picked_choice(shop: Shop, browser: Guide) -> None:
    waiting = await shop.says("小林", "太贵了")
    following = await shop.says("阿May", "在吗")

    answer = await browser.post(
        f"/console/suggestions/{waiting}/approve", action="choice", script_id="s2", text="忽略"
    )

    assert answer.status == 303
    assert answer.headers["Location"] == (f"/console/inbox?tab=pending&id={following}&done=sent")
    row = await shop.suggestion(waiting)
    assert (row.status, row.decided_by, row.script_id) == ("approved", "admin", "s2")
    assert [send.text for send in await outbound(shop)] == ["给您申请一张券？"]


async def test_edited_text_is_sent_with_plain_line_ends(shop: Shop, browser: Guide) -> None:
    waiting = await shop.says("小林", "太贵了")
    answer = await browser.post(
        f"/console/suggestions/{waiting}/approve",
        htmx=True,
        action="edit",
        script_id="s1",
        text="您好\r\n这款有券 ",
    )
    assert note_of(answer) == "已发送给 小林"
    assert answer.headers["HX-Push-Url"] == "/console/inbox?tab=pending"
    assert [send.text for send in await outbound(shop)] == ["您好\n这款有券"]
    decided = await browser.text(f"/console/inbox/detail?tab=decided&id={waiting}", htmx=True)
    assert "修改后发送" in decided


async def test_text_that_wecom_would_refuse_stays_in_the_box(shop: Shop, browser: Guide) -> None:
    waiting = await shop.says("小林", "太贵了")
    answer = await browser.post(
        f"/console/suggestions/{waiting}/approve", htmx=True, action="edit", text="好" * 700
    )
    assert (answer.status, answer.headers["HX-Reswap"]) == (422, "none")
    assert "2048" in note_of(answer)
    assert (await shop.suggestion(waiting)).status == SuggestionStatus.PENDING


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"quick": "话术不合适", "reason": ""}, "话术不合适"),
        ({"reason": "客户是同行"}, "客户是同行"),
    ],
)
async def test_rejecting_keeps_the_reason(
    shop: Shop, browser: Guide, form: dict[str, str], reason: str
) -> None:
    waiting = await shop.says("小林", "太贵了")
    answer = await browser.post(f"/console/suggestions/{waiting}/reject", htmx=True, **form)
    assert note_of(answer) == "已标记为不采用"
    row = await shop.suggestion(waiting)
    assert (row.status, row.reason) == (SuggestionStatus.REJECTED, reason)
    assert await outbound(shop) == []


async def test_first_decision_wins_and_the_other_guide_is_told(
    shop: Shop, server: TestServer, browser: Guide
) -> None:
    waiting = await shop.says("小林", "太贵了")
    following = await shop.says("阿May", "在吗")
    async with guide(server) as other:
        await other.arrive(shop.password)
        answers = await asyncio.gather(
            *(
                who.post(f"/console/suggestions/{waiting}/approve", htmx=True, action="choice")
                for who in (browser, other)
            )
        )
    assert sorted(answer.status for answer in answers) == [200, 409]
    assert len(await outbound(shop)) == 1
    late = next(answer for answer in answers if answer.status == 409)
    assert note_of(late) == "admin 刚刚已经回复了这位客户，为您打开下一条。"
    assert f"/console/suggestions/{following}/approve" in await late.text()


async def test_decided_elsewhere_reads_kindly_without_scripts(shop: Shop, browser: Guide) -> None:
    waiting = await shop.says("小林", "太贵了")
    await shop.app[keys.DECISIONS].reject(waiting, by="api", reason="")
    answer = await browser.post(f"/console/suggestions/{waiting}/approve", action="choice")
    assert answer.status == 409
    assert "接口 刚刚标记为不采用" in await answer.text()


async def test_thread_tells_that_somebody_else_decided(shop: Shop, browser: Guide) -> None:
    waiting = await shop.says("小林", "太贵了")
    path = f"/console/inbox/thread?tab=pending&id={waiting}"
    before = await browser.get(path, htmx=True)
    assert json.loads(before.headers["HX-Trigger"])["console:status"]["status"] == "pending"
    await shop.app[keys.DECISIONS].approve(waiting, by="小店长")
    told = json.loads((await browser.get(path, htmx=True)).headers["HX-Trigger"])
    assert told["console:status"] == {
        "id": waiting,
        "status": "approved",
        "text": "小店长 刚刚已经回复了这位客户。",
    }


async def test_held_conversation_is_released(shop: Shop, browser: Guide) -> None:
    waiting = await shop.says("周姐", "叫你们店长来")
    conversation_id = (await shop.suggestion(waiting)).conversation_id
    await shop.app[keys.CONVERSATIONS].hold(conversation_id, because="客户要求转人工")
    page = await browser.text(f"/console/inbox?id={waiting}")
    assert "客户要求转人工 · 自动回复已暂停" in page

    answer = await browser.post(
        f"/console/conversations/{conversation_id}/release", tab="pending", item=str(waiting)
    )

    assert answer.headers["Location"].endswith(f"id={waiting}&done=released")
    async with shop.database.read() as session:
        assert (await session.get_one(Conversation, conversation_id)).held_since is None


async def test_failed_send_shows_why_and_is_tried_again(shop: Shop, browser: Guide) -> None:
    waiting = await shop.says("周姐", "在吗")
    failed = await shop.sent(
        waiting,
        "您好",
        ago=timedelta(minutes=1),
        state=WorkState.FAILED,
        error="客户拒收了消息",
        errcode=95016,
    )
    page = await browser.text(f"/console/inbox?tab=failed&id={failed}")
    assert all(words in page for words in ("客户拒收了消息", "95016", "重新发送"))

    answer = await browser.post(
        f"/console/sends/{failed}/retry", htmx=True, tab="failed", item=str(failed)
    )

    assert (answer.status, note_of(answer)) == (204, "正在重新发送")
    assert (await outbound(shop))[0].state == WorkState.READY
    assert "没有发送失败的消息" in await browser.text("/console/inbox/list?tab=failed", htmx=True)


async def test_window_that_is_over_is_said_before_sending(shop: Shop, browser: Guide) -> None:
    waiting = await shop.says("周姐", "在吗", ago=timedelta(hours=49))
    page = await browser.text(f"/console/inbox?id={waiting}")
    assert "已超过 48 小时，客户再来消息后才能发" in page


async def test_automatic_and_superseded_are_told_apart(shop: Shop, browser: Guide) -> None:
    first, second = await shop.says("甲", "谢谢"), await shop.says("乙", "在吗")
    await shop.app[keys.DECISIONS].approve(first, by="policy")
    async with shop.database.write() as session:
        row = await session.get_one(Suggestion, second)
        row.status, row.decided_at = SuggestionStatus.SUPERSEDED, shop.clock.now()
        row.decided_by, row.reason = "wecom", "接待人员已在企业微信中回复"
    page = await browser.text("/console/inbox?tab=decided")
    assert "自动发送" in page
    assert "他人已回复" in page


async def test_english_is_remembered(shop: Shop, browser: Guide) -> None:
    await shop.says("小林", "太贵了")
    page = await browser.text("/console/inbox?lang=en")
    assert "Complain price" in page
    assert "93% sure" in page
    assert "Guide desk" in await browser.text("/console/inbox")


@pytest.mark.parametrize(
    "path",
    [
        "/console/inbox?id=99999",
        "/console/inbox?id=-1",
        "/console/inbox?id=99999999999999999999999",
        "/console/inbox?tab=nonsense&id=x",
        "/console/inbox?tab=failed&id=7",
    ],
)
async def test_strange_addresses_do_no_harm(browser: Guide, path: str) -> None:
    assert "导购工作台" in await browser.text(path)


async def test_unknown_suggestion_is_not_found(browser: Guide) -> None:
    answer = await browser.post("/console/suggestions/4711/approve", htmx=True, action="choice")
    assert answer.status == 404
    assert "没有编号为 4711 的建议" in note_of(answer)


async def test_whole_round_on_each_engine(database_url: str) -> None:
    async with open_shop(database_url) as shop, serve(shop) as server, guide(server) as browser:
        await browser.arrive(shop.password)
        first, second = await shop.says("小林", "太贵了"), await shop.says("周姐", "在吗")
        await shop.sent(second, "您好", ago=timedelta(minutes=1), state=WorkState.DEAD)
        assert "太贵了" in await browser.text(f"/console/inbox?id={first}")
        answer = await browser.post(f"/console/suggestions/{first}/approve", action="choice")
        assert f"id={second}" in answer.headers["Location"]
        await browser.post(f"/console/suggestions/{second}/reject", quick="不需要回复")
        decided = await browser.text("/console/inbox?tab=decided")
        assert "已发送" in decided
        assert "不需要回复" in decided
        assert "已停止重试" in await browser.text("/console/inbox?tab=failed")
