from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox import Platform, reception, visits
from bot.sandbox.timeline import Fate

from .conftest import XIAOLIN, Caller, FakeClock

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


@pytest.fixture
def asked(platform: Platform) -> None:
    platform.customer_writes(XIAOLIN, "在吗")


def picture(platform: Platform) -> str:
    stored = platform.media.add(
        "image", PNG, filename="a.png", content_type="image/png", now=platform.now()
    )
    return stored.media_id


@pytest.mark.usefixtures("asked")
def test_five_messages_after_each_customer_message(platform: Platform, call: Caller) -> None:
    assert [call.send(str(n))["errcode"] for n in range(6)] == [0, 0, 0, 0, 0, 95001]
    platform.customer_writes(XIAOLIN, "还在吗")
    assert call.send("在的")["errcode"] == 0
    assert len(platform.sent_messages(XIAOLIN)) == 6


@pytest.mark.usefixtures("asked")
def test_the_window_closes_after_48_hours(call: Caller, clock: FakeClock) -> None:
    clock.advance(hours=48)
    assert call.send()["errcode"] == 0
    clock.advance(seconds=1)
    assert call.send()["errcode"] == 95002
    assert call.state() == 4


def test_nobody_can_be_written_to_first(call: Caller) -> None:
    assert call.send()["errcode"] == 95018


@pytest.mark.usefixtures("asked")
def test_a_msgid_is_good_for_one_message(platform: Platform, call: Caller) -> None:
    assert call.send("一", msgid="m-1")["msgid"] == "m-1"
    assert call.send("二", msgid="m-1")["errcode"] == 95033
    assert [message.text for message in platform.sent_messages(XIAOLIN)] == ["一"]
    assert call.send("三", msgid="有空 格")["errcode"] == 40058
    assert call.send("三", msgid="x" * 33)["errcode"] == 40058


@pytest.mark.usefixtures("asked")
def test_a_refused_send_does_not_use_up_its_msgid(platform: Platform, call: Caller) -> None:
    for n in range(5):
        call.send(str(n))
    assert call.send("六", msgid="m-6")["errcode"] == 95001
    platform.customer_writes(XIAOLIN, "？")
    assert call.send("六", msgid="m-6")["errcode"] == 0


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("state", [2, 3, 4])
def test_only_new_and_assistant_sessions_take_messages(call: Caller, state: int) -> None:
    call.move(state, servicer_userid="guide_qing")
    assert call.send()["errcode"] == 95018


@pytest.mark.usefixtures("asked")
def test_long_text_is_cut_at_2048_bytes_without_half_a_character(
    platform: Platform, call: Caller
) -> None:
    assert call.send("好" * 1000)["errcode"] == 0
    assert platform.sent_messages(XIAOLIN)[0].text == "好" * 682


@pytest.mark.usefixtures("asked")
def test_a_customer_who_refuses_makes_the_send_fail_afterwards(
    platform: Platform, call: Caller, clock: FakeClock
) -> None:
    visits.refuse(platform, XIAOLIN, True)
    assert call.send("在的", msgid="m-1")["errcode"] == 0
    assert platform.sent_messages(XIAOLIN) == []
    assert len(call.sync()["msg_list"]) == 1
    clock.advance(seconds=1)
    event = call.sync()["msg_list"][-1]["event"]
    assert event["event_type"] == "msg_send_fail"
    assert (event["fail_msgid"], event["fail_type"]) == ("m-1", 10)
    failed = platform.timeline.find(event["open_kfid"], "m-1")
    assert failed is not None
    assert failed.fate is Fate.FAILED


CLICK = {"type": "click", "click": {"id": "size", "content": "问尺码"}}
VIEW = {"type": "view", "view": {"url": "https://example.com", "content": "看详情"}}
BAD: list[tuple[dict[str, Any], int]] = [
    ({"msgtype": "sticker", "sticker": {}}, 40008),
    ({"msgtype": "text", "text": {"content": ""}}, 44004),
    ({"msgtype": "text", "text": None}, 40058),
    ({"msgtype": "text", "text": {"content": 5}}, 40058),
    ({"msgtype": "image", "image": {"media_id": "gone"}}, 40007),
    ({"msgtype": "image", "image": {}}, 41006),
    ({"msgtype": "location", "location": {"latitude": "30", "longitude": 120}}, 40058),
    ({"msgtype": "msgmenu", "msgmenu": {}}, 44004),
    ({"msgtype": "msgmenu", "msgmenu": {"list": [CLICK] * 11}}, 95008),
    ({"msgtype": "msgmenu", "msgmenu": {"list": [{"type": "dance"}]}}, 95009),
    ({"msgtype": "msgmenu", "msgmenu": {"head_content": "好" * 342, "list": []}}, 40058),
    ({"touser": "wmNobody"}, 40096),
    ({"open_kfid": "wkNobody"}, 95004),
]


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(("fields", "errcode"), BAD)
def test_what_is_wrong_is_refused_and_costs_nothing(
    platform: Platform, call: Caller, fields: dict[str, Any], errcode: int
) -> None:
    assert call.send(**fields)["errcode"] == errcode
    assert platform.sent_messages(XIAOLIN) == []


@pytest.mark.usefixtures("asked")
def test_every_other_type_is_taken(platform: Platform, call: Caller) -> None:
    thumb = picture(platform)
    sent: list[dict[str, Any]] = [
        {"msgtype": "image", "image": {"media_id": thumb}},
        {
            "msgtype": "link",
            "link": {"title": "新款", "url": "https://example.com", "thumb_media_id": thumb},
        },
        {
            "msgtype": "miniprogram",
            "miniprogram": {
                "appid": "wx1",
                "thumb_media_id": thumb,
                "pagepath": "pages/a.html?x=1",
            },
        },
        {"msgtype": "msgmenu", "msgmenu": {"head_content": "想问", "list": [CLICK, VIEW]}},
        {"msgtype": "location", "location": {"latitude": 30.2, "longitude": 120.1}},
    ]
    assert [call.send(**fields)["errcode"] for fields in sent] == [0] * 5
    kinds = [message.msgtype for message in platform.sent_messages(XIAOLIN)]
    assert kinds == [fields["msgtype"] for fields in sent]


@pytest.mark.usefixtures("asked")
def test_limits_of_links_and_mini_programs(platform: Platform, call: Caller) -> None:
    thumb = picture(platform)
    link = {"title": "好" * 43, "url": "https://example.com", "thumb_media_id": thumb}
    assert call.send(msgtype="link", link=link)["errcode"] == 40058
    page = {"appid": "wx1", "thumb_media_id": thumb, "pagepath": "pages/a"}
    assert call.send(msgtype="miniprogram", miniprogram=page)["errcode"] == 40058


@pytest.mark.usefixtures("asked")
def test_tapping_a_menu_arrives_as_text(platform: Platform, call: Caller) -> None:
    msgid = call.send(msgtype="msgmenu", msgmenu={"head_content": "想问", "list": [CLICK]})[
        "msgid"
    ]
    visits.tap_menu(platform, XIAOLIN, msgid, 0)
    last = call.sync()["msg_list"][-1]
    assert last["text"] == {"content": "问尺码", "menu_id": "size"}


def welcome(platform: Platform) -> str:
    return str(visits.enter(platform, XIAOLIN).content["welcome_code"])


def test_a_welcome_code_is_good_once_and_for_20_seconds(
    platform: Platform, call: Caller, clock: FakeClock
) -> None:
    text = {"msgtype": "text", "text": {"content": "欢迎"}}
    code = welcome(platform)
    clock.advance(seconds=20)
    assert call("kf/send_msg_on_event", code=code, **text)["errcode"] == 0
    assert call("kf/send_msg_on_event", code=code, **text)["errcode"] == 95007
    clock.advance(hours=49)
    late = welcome(platform)
    clock.advance(seconds=21)
    assert call("kf/send_msg_on_event", code=late, **text)["errcode"] == 95007
    assert [message.text for message in platform.sent_messages(XIAOLIN)] == ["欢迎"]


@pytest.mark.usefixtures("asked")
def test_a_pool_code_is_for_text_while_the_session_waits(platform: Platform, call: Caller) -> None:
    code = call.move(2)["msg_code"]
    menu = {"msgtype": "msgmenu", "msgmenu": {"head_content": "稍等", "list": []}}
    text = {"msgtype": "text", "text": {"content": "正在为您转接"}}
    assert call("kf/send_msg_on_event", code=code, **menu)["errcode"] == 40008
    reception.take(platform, XIAOLIN, "guide_qing")
    assert call("kf/send_msg_on_event", code=code, **text)["errcode"] == 95018
