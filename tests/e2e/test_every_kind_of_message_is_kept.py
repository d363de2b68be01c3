"""Whatever a customer may send and whatever may happen is stored, and breaks nothing."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.running import Bot
from e2e.standin import Platform

KINDS: dict[str, dict[str, Any]] = {
    "text": {"content": "你好", "menu_id": "101"},
    "image": {"media_id": "M1"},
    "voice": {"media_id": "M2"},
    "video": {"media_id": "M3"},
    "file": {"media_id": "M4"},
    "location": {"latitude": 23.1, "longitude": 113.3, "name": "门店", "address": "路 1 号"},
    "link": {"title": "好物", "desc": "看看", "url": "https://x", "pic_url": "https://y"},
    "business_card": {"userid": "guide"},
    "miniprogram": {"title": "店", "appid": "wx1", "pagepath": "p.html", "thumb_media_id": "M"},
    "msgmenu": {"head_content": "选一个", "list": [{"type": "click"}], "tail_content": "谢谢"},
    "channels_shop_product": {
        "product_id": "P1",
        "title": "毛衣",
        "sales_price": "12900",
        "shop_nickname": "店",
        "head_image": "https://x",
        "shop_head_image": "https://y",
    },
    "channels_shop_order": {
        "order_id": "O1",
        "product_titles": "毛衣",
        "price_wording": "￥129",
        "state": "已发货",
    },
    "merged_msg": {
        "title": "聊天记录",
        "item": [{"send_time": 1, "msgtype": "text", "msg_content": '{"text":{"content":"a"}}'}],
    },
    "channels": {"sub_type": 1, "nickname": "店", "title": "新品"},
    "meeting": {},
    "calendar": {},
    "note": {},
    "hologram": {"of": "the future"},
}

EVENTS: dict[str, dict[str, Any]] = {
    "enter_session": {
        "scene": "s",
        "scene_param": "p",
        "welcome_code": "W",
        "wechat_channels": {},
    },
    "msg_send_fail": {"fail_msgid": "F", "fail_type": 10},
    "servicer_status_change": {"servicer_userid": "guide", "status": 1, "stop_type": 0},
    "session_status_change": {"change_type": 3, "old_servicer_userid": "guide", "msg_code": "C"},
    "user_recall_msg": {"recall_msgid": "R"},
    "servicer_recall_msg": {"recall_msgid": "R", "servicer_userid": "guide"},
    "reject_customer_msg_switch_change": {"servicer_userid": "guide", "reject_switch": 1},
    "hologram_started": {"of": "the future"},
}


@pytest.mark.parametrize("msgtype", KINDS)
def test_a_message_of_each_type(bot: Bot, platform: Platform, customer: str, msgtype: str) -> None:
    row = {"msgtype": msgtype, msgtype: KINDS[msgtype], "external_userid": customer}
    msgid = platform.arrives("wk_shop", **row)
    bot.told()
    suggestion = bot.suggestion(customer)
    assert suggestion["burst"]["text"]
    path = f"/conversations/{suggestion['conversation']['id']}"
    [line] = bot.api("GET", path).json["lines"]
    assert (line["msgtype"], line["from_customer"]) == (msgtype, True)
    assert bot.rows(f"SELECT count(*) FROM message WHERE msgid = '{msgid}'") == [(1,)]
    assert bot.approve(suggestion["id"], text="收到").status == 200


def test_an_event_of_each_type(bot: Bot, platform: Platform, customer: str) -> None:
    kfid = f"wk_{customer}"
    ids = [
        platform.event(kfid, name, external_userid=customer, **body)
        for name, body in EVENTS.items()
    ]
    bot.hears(f"{customer}_b", "太贵了", to=kfid)
    stored = {msgid for (msgid,) in bot.rows(f"SELECT msgid FROM message WHERE source = '{kfid}'")}
    assert stored >= set(ids)
    assert bot.suggestions(customer, status="all") == []


ODD_ROWS: dict[str, dict[str, Any]] = {
    "half an emoji": {"msgtype": "text", "text": {"content": "便宜点\ud83d"}},
    "a NUL": {"msgtype": "text", "text": {"content": "便宜\x00点"}},
    "half an emoji in an unknown body": {"msgtype": "odd", "odd": {"\udc00": ["\ud800"]}},
    "no body": {"msgtype": "text"},
    "a body that is a list": {"msgtype": "text", "text": ["a"]},
    "a body of null": {"msgtype": "text", "text": None},
    "content of null": {"msgtype": "text", "text": {"content": None}},
    "content that is a number": {"msgtype": "text", "text": {"content": 5}},
    "no text at all": {"msgtype": "text", "text": {"content": ""}},
    "only blanks": {"msgtype": "text", "text": {"content": " \n\t "}},
    "no time": {"msgtype": "text", "text": {"content": "a"}, "send_time": None},
    "an odd time": {"msgtype": "text", "text": {"content": "a"}, "send_time": "soon"},
    "a time without bounds": {"msgtype": "text", "text": {"content": "a"}, "send_time": 10**30},
    "a time in milliseconds": {"msgtype": "text", "text": {"content": "a"}, "send_time": 10**12},
    "a time before time": {"msgtype": "text", "text": {"content": "a"}, "send_time": -(10**10)},
    "an odd origin": {"msgtype": "text", "text": {"content": "a"}, "origin": "x"},
    "an origin without bounds": {"msgtype": "text", "text": {"content": "a"}, "origin": 10**30},
    "a long type": {"msgtype": "x" * 300, "x" * 300: {}},
    "a type of null": {"msgtype": None},
    "no customer": {"msgtype": "text", "text": {"content": "a"}, "external_userid": None},
    "a long customer": {"msgtype": "text", "text": {"content": "a"}, "external_userid": "w" * 300},
    "a customer that is a list": {"msgtype": "text", "external_userid": ["a"]},
    "a long msgid": {"msgtype": "text", "text": {"content": "a"}, "msgid": "m" * 500},
    "no msgid": {"msgtype": "text", "text": {"content": "a"}, "msgid": ""},
    "a msgid of null": {"msgtype": "text", "text": {"content": "a"}, "msgid": None},
    "an event of nothing": {"msgtype": "event"},
    "an event that is a text": {"msgtype": "event", "event": "x"},
    "an event without a type": {"msgtype": "event", "event": {}},
    "a failure of nothing": {"msgtype": "event", "event": {"event_type": "msg_send_fail"}},
    "a status of an object": {
        "msgtype": "event",
        "event": {"event_type": "session_status_change", "change_type": {"a": 1}},
    },
    "a very long text": {"msgtype": "text", "text": {"content": "长" * 50_000}},
    "nothing": {},
}


@pytest.mark.parametrize("name", ODD_ROWS)
def test_an_odd_row_does_not_stop_the_account(either: Bot, customer: str, name: str) -> None:
    """One row that nobody can read must not keep the next customer waiting for ever."""
    kfid = f"wk_{customer}"
    row = {"external_userid": f"{customer}_odd", "origin": 3, **ODD_ROWS[name]}
    either.platform.account_row(kfid, row)
    assert either.hears(customer, "太贵了", to=kfid)["burst"]["text"] == "太贵了"


@pytest.mark.parametrize("row", [None, "text", 5, [], ["a"]])
def test_a_row_that_is_no_object_is_passed_over(either: Bot, customer: str, row: object) -> None:
    kfid = f"wk_{customer}"
    either.platform.account(kfid).rows.append(row)  # type: ignore[arg-type]
    either.hears(customer, "太贵了", to=kfid)
