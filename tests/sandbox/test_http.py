from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import ClientError

from bot.sandbox import DEFAULT_ACCOUNT

from .conftest import XIAOLIN, Running

SEND = {
    "touser": XIAOLIN,
    "open_kfid": DEFAULT_ACCOUNT,
    "msgid": "m-1",
    "msgtype": "text",
    "text": {"content": "在的"},
}


async def ask(running: Running, method: str, api: str, data: str | None = None) -> int:
    query = {"access_token": await running.token()}
    url = f"/cgi-bin/{api}"
    async with running.client.request(method, url, params=query, data=data) as response:
        assert response.status == 200
        return int((await response.json())["errcode"])


async def test_mistakes_are_answered_with_status_200(running: Running) -> None:
    assert await ask(running, "GET", "kf/sync_msg") == 40058
    assert await ask(running, "POST", "kf/sync_msg", "{") == 40058
    assert await ask(running, "POST", "kf/sync_msg", "[]") == 40058
    assert await ask(running, "POST", "kf/sync_msg", "") == 60251
    assert await ask(running, "GET", "kf/dance") == 40066
    assert await ask(running, "POST", "get_api_domain_ip") == 0


async def test_escaped_chinese_is_refused_but_escaped_controls_are_not(running: Running) -> None:
    running.platform.customer_writes(XIAOLIN, "在吗")
    assert await ask(running, "POST", "kf/send_msg", json.dumps(SEND)) == 40033
    tab = json.dumps({**SEND, "text": {"content": "a\u000bb"}})
    assert await ask(running, "POST", "kf/send_msg", tab) == 0


@pytest.mark.parametrize("fault", ["lost_answer", "hang"])
async def test_the_work_is_done_though_the_answer_is_lost(running: Running, fault: str) -> None:
    running.platform.customer_writes(XIAOLIN, "在吗")
    running.platform.faults.set(fault, times=1)
    with pytest.raises(ClientError):
        await running.post("kf/send_msg", SEND)
    assert len(running.platform.sent_messages(XIAOLIN)) == 1
    assert running.platform.calls[-1].lost
    assert (await running.post("kf/send_msg", SEND))["errcode"] == 95033
    assert len(running.platform.sent_messages(XIAOLIN)) == 1


async def test_posts_from_another_site_are_refused(running: Running) -> None:
    headers = {"Origin": "https://evil.example"}
    url = f"/sandbox/api/customers/{XIAOLIN}/messages"
    async with running.client.post(url, json={"text": "hi"}, headers=headers) as response:
        assert response.status == 403
    assert running.platform.timeline.of_customer(XIAOLIN) == []


async def test_mistakes_of_the_page_are_told_in_json(running: Running) -> None:
    for url, body in (
        ("/sandbox/api/customers/wmNobody/messages", {"text": "hi"}),
        (f"/sandbox/api/customers/{XIAOLIN}/messages", {"text": "  "}),
        (f"/sandbox/api/customers/{XIAOLIN}/acts", {"act": "dance"}),
        ("/sandbox/api/faults/explode", {"on": True}),
        ("/sandbox/api/clock", {"seconds": -5}),
    ):
        async with running.client.post(url, json=body) as response:
            assert response.status == 400
            assert (await response.json())["error"]["message"]


async def test_reading_the_phone_clears_the_badge(running: Running) -> None:
    running.platform.customer_writes(XIAOLIN, "在吗")
    await running.post("kf/send_msg", SEND)
    assert running.platform.unread(XIAOLIN) == 1
    url = f"/sandbox/api/customers/{XIAOLIN}/messages"
    async with running.client.get(url, params={"peek": "1"}) as response:
        thread = await response.json()
    assert [message["origin"] for message in thread["messages"]] == [3, 0]
    assert running.platform.unread(XIAOLIN) == 1
    async with running.client.get(url):
        assert running.platform.unread(XIAOLIN) == 0


async def test_the_record_speaks_plainly_and_keeps_secrets(running: Running) -> None:
    running.platform.customer_writes(XIAOLIN, "这件还有L码吗")
    await running.settle()
    await running.post("kf/send_msg", SEND)
    async with running.client.get("/sandbox/api/journal") as response:
        text = await response.text()
    assert "小林 写道：「这件还有L码吗」" in text
    assert "企业微信 → 机器人：有新消息通知（加密推送，200）" in text
    assert "机器人 → 企业微信：发送文本给 小林：「在的」" in text
    assert running.platform.settings.secret not in text
    assert await running.token() not in text


async def test_live_updates(running: Running) -> None:
    async with running.client.get("/sandbox/api/stream") as response:
        await response.content.readuntil(b"\n\n")
        running.platform.customer_writes(XIAOLIN, "在吗")
        seen = b""
        while "写道".encode() not in seen:
            seen += await asyncio.wait_for(response.content.readuntil(b"\n\n"), 2)


async def test_other_programs_can_drive_everything(running: Running) -> None:
    new = {"external_userid": "wmLoad1", "nickname": "客户1"}
    async with running.client.post("/sandbox/api/customers", json=new) as response:
        assert response.status == 201
    async with running.client.post(
        "/sandbox/api/customers/wmLoad1/messages", json={"text": "在吗"}
    ) as response:
        assert response.status == 201
    fault = {"on": True, "times": 1}
    async with running.client.post("/sandbox/api/faults/busy", json=fault) as response:
        assert response.status == 200
    assert (await running.client.get("/cgi-bin/gettoken")).status == 200
    async with running.client.get("/sandbox/api/calls", params={"api": "gettoken"}) as response:
        (record,) = (await response.json())["items"]
    assert record["answer"]["errcode"] == -1


async def test_the_page_and_its_assets_are_local(running: Running) -> None:
    async with running.client.get("/") as response:
        page = await response.text()
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "http://" not in page
    assert "https://" not in page
    for asset in ("page.js", "base.css", "mark.svg", "coat.jpg"):
        async with running.client.get(f"/static/{asset}") as response:
            assert response.status == 200
