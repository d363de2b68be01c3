from __future__ import annotations

from bot.sandbox import DEFAULT_ACCOUNT, State

from .conftest import XIAOLIN, Running


async def test_customer_writes_bot_is_told_reads_and_replies(running: Running) -> None:
    url = f"/sandbox/api/customers/{XIAOLIN}/messages"
    async with running.client.post(url, json={"text": "这件还有L码吗"}) as response:
        assert response.status == 201
    await running.settle()
    (notice,) = running.bot.notices
    assert notice["Event"] == "kf_msg_or_event"
    assert notice["OpenKfId"] == DEFAULT_ACCOUNT
    assert "FromUserName" not in notice

    page = await running.post(
        "kf/sync_msg", {"open_kfid": DEFAULT_ACCOUNT, "token": notice["Token"]}
    )
    (message,) = page["msg_list"]
    assert message["text"] == {"content": "这件还有L码吗"}
    assert (message["origin"], message["external_userid"]) == (3, XIAOLIN)

    sent = await running.post(
        "kf/send_msg",
        {
            "touser": XIAOLIN,
            "open_kfid": DEFAULT_ACCOUNT,
            "msgid": "reply-1",
            "msgtype": "text",
            "text": {"content": "L码有的，亲平时穿多大呢？"},
        },
    )
    assert (sent["errcode"], sent["msgid"]) == (0, "reply-1")
    (received,) = running.platform.sent_messages(XIAOLIN)
    assert received.text == "L码有的，亲平时穿多大呢？"
    assert running.platform.session_state(XIAOLIN) is State.ASSISTANT


async def test_own_messages_are_not_echoed_and_cause_no_push(running: Running) -> None:
    running.platform.customer_writes(XIAOLIN, "在吗")
    await running.settle()
    first = await running.post("kf/sync_msg", {"open_kfid": DEFAULT_ACCOUNT})
    await running.post(
        "kf/send_msg",
        {
            "touser": XIAOLIN,
            "open_kfid": DEFAULT_ACCOUNT,
            "msgtype": "text",
            "text": {"content": "在的"},
        },
    )
    await running.settle()
    again = await running.post(
        "kf/sync_msg", {"open_kfid": DEFAULT_ACCOUNT, "cursor": first["next_cursor"]}
    )
    assert again["msg_list"] == []
    assert len(running.bot.notices) == 1


async def test_callback_address_is_verified(running: Running) -> None:
    async with running.client.post("/sandbox/api/verify") as response:
        assert (await response.json())["passed"] is True
