"""Rows of `kf/sync_msg` as messages: every documented type, and whatever else may come."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.wecom.kf import FAIL_REASONS, fail_reason, read_message

BODIES: dict[str, tuple[dict[str, Any], str]] = {
    "text": ({"content": "这件还有L码吗", "menu_id": "1"}, "这件还有L码吗"),
    "image": ({"media_id": "m"}, "[图片]"),
    "voice": ({"media_id": "m"}, "[语音]"),
    "video": ({"media_id": "m"}, "[视频]"),
    "file": ({"media_id": "m"}, "[文件]"),
    "location": (
        {"latitude": 23.1, "longitude": 113.3, "name": "暖屿店", "address": "路"},
        "[位置] 暖屿店",
    ),
    "link": ({"title": "春款", "desc": "", "url": "https://a", "pic_url": ""}, "[链接] 春款"),
    "business_card": ({"userid": "guide"}, "[名片]"),
    "miniprogram": ({"title": "商城", "appid": "wx", "pagepath": "p.html"}, "[小程序] 商城"),
    "msgmenu": ({"head_content": "请选择", "list": [], "tail_content": ""}, "请选择"),
    "channels_shop_product": (
        {"product_id": "1", "title": "羽绒服", "sales_price": "39900"},
        "[商品] 羽绒服",
    ),
    "channels_shop_order": (
        {"order_id": "1", "product_titles": "羽绒服", "state": "待发货"},
        "[视频号订单] 羽绒服",
    ),
    "merged_msg": ({"title": "聊天记录", "item": [{"msgtype": "text"}]}, "[聊天记录]"),
    "channels": ({"sub_type": 1, "nickname": "暖屿", "title": "t"}, "[视频号] 暖屿"),
    "meeting": ({}, "[会议]"),
    "calendar": ({}, "[日程]"),
    "note": ({}, "[笔记]"),
    "hologram": ({"x": 1}, "[暂不支持的消息]"),
}


def row(msgtype: str, body: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "msgid": "m1",
        "open_kfid": "wk1",
        "external_userid": "wm1",
        "send_time": 1795140000,
        "origin": 3,
        "msgtype": msgtype,
        msgtype: body,
        **more,
    }


@pytest.mark.parametrize("msgtype", BODIES)
def test_every_type_reads_as_a_person_would_see_it(msgtype: str) -> None:
    body, text = BODIES[msgtype]
    message = read_message(row(msgtype, body), open_kfid="wk1")
    assert message is not None
    assert message.text == text
    assert (message.msgtype, message.external_userid) == (msgtype, "wm1")
    assert message.from_customer
    assert message.sent_at == datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
    assert message.body[msgtype] == body


EVENTS: dict[str, dict[str, Any]] = {
    "enter_session": {"scene": "s", "scene_param": "p", "welcome_code": "W"},
    "msg_send_fail": {"fail_msgid": "m0", "fail_type": 4},
    "servicer_status_change": {"servicer_userid": "g", "status": 1},
    "session_status_change": {"change_type": 1, "new_servicer_userid": "g"},
    "user_recall_msg": {"recall_msgid": "m0"},
    "servicer_recall_msg": {"recall_msgid": "m0", "servicer_userid": "g"},
    "reject_customer_msg_switch_change": {"servicer_userid": "g", "reject_switch": 1},
}


@pytest.mark.parametrize("event_type", EVENTS)
def test_an_event_carries_its_ids_inside(event_type: str) -> None:
    event = {"event_type": event_type, "open_kfid": "wk9", "external_userid": "wm9"}
    plain = {
        "msgid": "e1",
        "send_time": 1795140000,
        "origin": 4,
        "msgtype": "event",
        "event": event | EVENTS[event_type],
    }
    message = read_message(plain, open_kfid="wk1")
    assert message is not None
    assert (message.open_kfid, message.external_userid) == ("wk9", "wm9")
    assert message.event_type == event_type
    assert not message.from_customer
    assert message.text == ""


def test_a_guides_own_message_is_not_the_customers() -> None:
    message = read_message(row("text", {"content": "好"}, origin=5), open_kfid="wk1")
    assert message is not None
    assert not message.from_customer


@pytest.mark.parametrize("msgid", [None, "", 5, [], {}])
def test_a_row_without_an_id_is_no_message(msgid: object) -> None:
    assert read_message(row("text", {"content": "x"}, msgid=msgid), open_kfid="wk1") is None


@pytest.mark.parametrize("garbage", [None, 5, "text", [1], [["msgid", "m"]]])
def test_what_is_no_row_is_no_message(garbage: Any) -> None:
    assert read_message(garbage, open_kfid="wk1") is None


@pytest.mark.parametrize(
    "send_time", [None, "", "soon", -1, 1e300, 10**30, "9" * 5000, -(2**62), [], 253402300799]
)
def test_a_time_that_cannot_be_is_long_ago(send_time: object) -> None:
    """Long ago, so that nothing answers by itself; and inside every calendar and time zone."""
    message = read_message(row("text", {"content": "x"}, send_time=send_time), open_kfid="wk1")
    assert message is not None
    assert message.sent_at == datetime.fromtimestamp(0, UTC)


_TEXT = st.text(st.characters(exclude_categories=[]), max_size=8)
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXT)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=[]), max_size=6), inner, max_size=3
        )
    ),
    max_leaves=6,
)
ROWS = st.fixed_dictionaries(
    {"msgid": st.one_of(st.text(st.characters(exclude_categories=[]), min_size=1), _JSON)},
    optional={
        "open_kfid": _JSON,
        "external_userid": _JSON,
        "send_time": _JSON,
        "origin": _JSON,
        "msgtype": st.sampled_from(["text", "event", "link", "image", "msgmenu", "msgid"]) | _JSON,
        "text": _JSON,
        "event": _JSON,
        "link": _JSON,
        "msgmenu": _JSON,
    },
)


@given(ROWS)
@example(row("text", {"content": "half an emoji \ud83d"}))
@example(row("text", {"content": "nul \x00 inside", "key\x00": 1}))
@example(row("text", {"content": "x", "number": float("nan")}))
@example(row("text", {"content": "x", "number": float("-inf")}))
@example({"msgid": "m\ud800", "external_userid": "wm\udfff"})
@example({"msgid": "\x00"})
def test_any_row_is_a_message_that_both_databases_can_keep(garbage: dict[str, Any]) -> None:
    message = read_message(garbage, open_kfid="wk1")
    if message is None:
        return
    assert message.msgid
    kept = json.dumps(message.body, ensure_ascii=False, allow_nan=False)
    texts = (message.msgid, message.external_userid, message.open_kfid, message.text, kept)
    for text in (*texts, message.msgtype, message.event_type):
        assert "\x00" not in text and "\\u0000" not in text
        text.encode()
    assert len(message.msgid) <= 128
    assert max(len(message.external_userid), len(message.open_kfid)) <= 64
    assert abs(message.origin) < 2**31
    assert message.sent_at.year < 2200


@given(_JSON)
def test_any_fail_type_has_a_reason(fail_type: object) -> None:
    assert fail_reason(fail_type) in FAIL_REASONS.values()


@pytest.mark.parametrize("code", [0, 1, 2, 4, 5, 6, 8, 10, 11, 12, 13])
def test_every_documented_fail_type_is_worded(code: int) -> None:
    assert fail_reason(code) == fail_reason(str(code)) == FAIL_REASONS[code]
