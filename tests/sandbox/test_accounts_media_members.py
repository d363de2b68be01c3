from __future__ import annotations

import pytest
from aiohttp import FormData

from bot.sandbox import CUSTOMERS, DEFAULT_ACCOUNT, ApiError, Platform, visits

from .conftest import AMAY, XIAOLIN, Caller, FakeClock, Running

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


def test_the_sample_account_is_listed(call: Caller) -> None:
    (account,) = call("kf/account/list")["account_list"]
    assert account["open_kfid"] == DEFAULT_ACCOUNT
    assert account["manage_privilege"] is True
    assert call("kf/account/list", offset=1)["account_list"] == []
    assert call("kf/account/list", limit=101)["errcode"] == 40058


def test_links_take_a_scene(call: Caller) -> None:
    plain = call("kf/add_contact_way", open_kfid=DEFAULT_ACCOUNT)["url"]
    assert plain.startswith("https://work.weixin.qq.com/kf/kfc")
    scene = call("kf/add_contact_way", open_kfid=DEFAULT_ACCOUNT, scene="poster")["url"]
    assert "?enc_scene=" in scene
    bad = call("kf/add_contact_way", open_kfid=DEFAULT_ACCOUNT, scene="海报")
    assert bad["errcode"] == 40058


def test_adding_a_servicer_twice_is_ignored(call: Caller) -> None:
    ids = {"open_kfid": DEFAULT_ACCOUNT, "userid_list": ["guide_new"]}
    assert call("kf/servicer/add", **ids)["result_list"][0]["errmsg"] == "success"
    assert call("kf/servicer/add", **ids)["result_list"][0]["errmsg"] == "ignored"


def test_profiles_only_of_those_who_came_within_48_hours(
    platform: Platform, call: Caller, clock: FakeClock
) -> None:
    visits.enter(platform, XIAOLIN, scene="poster", scene_param="a=1")
    asked = {"external_userid_list": [XIAOLIN, AMAY], "need_enter_session_context": 1}
    answer = call("kf/customer/batchget", **asked)
    (profile,) = answer["customer_list"]
    assert profile["nickname"] == CUSTOMERS[0].nickname
    assert profile["enter_session_context"] == {"scene": "poster", "scene_param": "a=1"}
    assert answer["invalid_external_userid"] == [AMAY]
    clock.advance(hours=49)
    assert call("kf/customer/batchget", **asked)["customer_list"] == []
    assert call("kf/customer/batchget", external_userid_list=[])["errcode"] == 40058


def test_media_is_gone_after_three_days(platform: Platform, clock: FakeClock) -> None:
    stored = platform.media.add(
        "image", PNG, filename="a.png", content_type="image/png", now=platform.now()
    )
    clock.advance(days=3)
    assert platform.media.get(stored.media_id, platform.now()).data == PNG
    clock.advance(seconds=1)
    with pytest.raises(ApiError, match="40007"):
        platform.media.get(stored.media_id, platform.now())
    assert platform.media.shown(stored.media_id).data == PNG, "on the phone it stays"


def form(data: bytes, name: str = "外套.png") -> FormData:
    made = FormData()
    made.add_field("media", data, filename=name, content_type="image/png")
    return made


async def test_upload_and_download(running: Running) -> None:
    token = await running.token()
    query = {"access_token": token, "type": "image"}
    async with running.client.post(
        "/cgi-bin/media/upload", params=query, data=form(PNG)
    ) as response:
        answer = await response.json()
    assert answer["errcode"] == 0
    assert isinstance(answer["created_at"], str)
    wanted = {"access_token": token, "media_id": answer["media_id"]}
    async with running.client.get("/cgi-bin/media/get", params=wanted) as response:
        assert await response.read() == PNG
        assert "attachment" in response.headers["Content-Disposition"]
    part = {"Range": "bytes=0-3"}
    async with running.client.get("/cgi-bin/media/get", params=wanted, headers=part) as response:
        assert (response.status, await response.read()) == (206, PNG[:4])


async def test_attachments_are_for_another_use(running: Running) -> None:
    token = await running.token()
    query = {"access_token": token, "media_type": "image", "attachment_type": "1"}
    async with running.client.post(
        "/cgi-bin/media/upload_attachment", params=query, data=form(PNG)
    ) as response:
        answer = await response.json()
    assert isinstance(answer["created_at"], int)
    running.platform.customer_writes(XIAOLIN, "在吗")
    body = {
        "touser": XIAOLIN,
        "open_kfid": DEFAULT_ACCOUNT,
        "msgtype": "image",
        "image": {"media_id": answer["media_id"]},
    }
    assert (await running.post("kf/send_msg", body))["errcode"] == 40007


async def test_bad_uploads(running: Running) -> None:
    token = await running.token()
    for kind, data, errcode in (
        ("image", b"not a picture at all", 40004),
        ("image", b"", 44001),
        ("poem", PNG, 40005),
    ):
        query = {"access_token": token, "type": kind}
        async with running.client.post(
            "/cgi-bin/media/upload", params=query, data=form(data)
        ) as response:
            assert (await response.json())["errcode"] == errcode


TEXT = {"msgtype": "text", "text": {"content": "有客户在等您"}, "agentid": 1000002}


def test_notices_to_guides(platform: Platform, call: Caller) -> None:
    answer = call("message/send", touser="guide_qing|NoBody", **TEXT)
    assert (answer["errcode"], answer["invaliduser"]) == (0, "nobody")
    (recorded,) = platform.app_messages()
    assert recorded["receivers"] == ["guide_qing"]
    assert call("message/send", touser="nobody", **TEXT)["errcode"] == 81013
    assert call("message/send", **TEXT)["errcode"] == 82001
    assert call("message/send", touser="@all", **{**TEXT, "agentid": 7})["errcode"] == 40056


def test_duplicate_check_of_notices(platform: Platform, call: Caller, clock: FakeClock) -> None:
    for _ in range(2):
        call("message/send", touser="@all", enable_duplicate_check=1, **TEXT)
    assert len(platform.app_messages()) == 1
    clock.advance(seconds=1801)
    call("message/send", touser="@all", enable_duplicate_check=1, **TEXT)
    assert len(platform.app_messages()) == 2


def test_cards(call: Caller) -> None:
    card = {
        "card_type": "button_interaction",
        "main_title": {"title": "小林在问尺码"},
        "task_id": "suggestion-1",
    }
    fields = {"touser": "guide_qing", "agentid": 1000002, "msgtype": "template_card"}
    assert call("message/send", template_card=card, **fields)["response_code"]
    without = {key: value for key, value in card.items() if key != "task_id"}
    assert call("message/send", template_card=without, **fields)["errcode"] == 42014


def test_contacts(call: Caller) -> None:
    token = {"access_token": call.token()}
    follow = call.raw("externalcontact/get_follow_user_list", "GET", query=token)
    assert follow["follow_user"] == ["guide_qing", "guide_tang"]
    query = {**token, "external_userid": XIAOLIN}
    contact = call.raw("externalcontact/get", "GET", query=query)
    assert contact["external_contact"]["name"] == CUSTOMERS[0].nickname
    assert contact["follow_user"][0]["userid"] == "guide_qing"
    query = {**token, "external_userid": "wmNobody"}
    assert call.raw("externalcontact/get", "GET", query=query)["errcode"] == 40096
