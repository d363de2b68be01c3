"""Channel codes, friends and welcome codes as the real platform treats them."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox import Platform, meetings
from bot.sandbox.errors import UnknownSubject

from .conftest import AMAY, XIAOLIN, Caller, FakeClock, Running

QING, TANG = "guide_qing", "guide_tang"


def make_code(call: Caller, **more: Any) -> dict[str, Any]:
    fields = {"type": 2, "scene": 2, "state": "poster", "user": [QING, TANG], "remark": "海报"}
    answer = call("externalcontact/add_contact_way", **{**fields, **more})
    assert answer["errcode"] == 0, answer
    return answer


def last_change(platform: Platform) -> dict[str, str]:
    return dict(getattr(platform.pushes[-1], "fields", ()))


def test_a_code_is_made_read_changed_and_deleted(call: Caller) -> None:
    made = make_code(call)
    config = {"config_id": made["config_id"]}
    way = call("externalcontact/get_contact_way", **config)["contact_way"]
    assert (way["state"], way["user"], way["qr_code"]) == ("poster", [QING, TANG], made["qr_code"])
    assert call("externalcontact/update_contact_way", **config, user=[TANG])["errcode"] == 0
    way = call("externalcontact/get_contact_way", **config)["contact_way"]
    assert (way["user"], way["remark"]) == ([TANG], "海报")
    assert call("externalcontact/del_contact_way", **config)["errcode"] == 0
    assert call("externalcontact/get_contact_way", **config)["errcode"] == 41044


def test_codes_are_listed_page_by_page(call: Caller) -> None:
    made = [make_code(call, state=f"s{number}")["config_id"] for number in range(3)]
    first = call("externalcontact/list_contact_way", limit=2)
    second = call("externalcontact/list_contact_way", limit=2, cursor=first["next_cursor"])
    listed = [one["config_id"] for one in first["contact_way"] + second["contact_way"]]
    assert (listed, second["next_cursor"]) == (made, "")


@pytest.mark.parametrize(
    ("fields", "errcode"),
    [
        ({"user": [QING] * 101}, 41041),
        ({"type": 1}, 41041),
        ({"user": []}, 40058),
        ({"user": ["guide_nobody"]}, 41054),
        ({"state": "x" * 31}, 40058),
        ({"scene": 3}, 41040),
    ],
)
def test_a_wrong_code_is_refused(call: Caller, fields: dict[str, Any], errcode: int) -> None:
    body = {"type": 2, "scene": 2, "user": [QING, TANG], **fields}
    assert call("externalcontact/add_contact_way", **body)["errcode"] == errcode


def test_who_scans_is_told_of_and_can_be_greeted_once(platform: Platform, call: Caller) -> None:
    made = make_code(call)
    who = meetings.newcomer(platform, "小禾")
    guide = meetings.scan(platform, who, config_id=made["config_id"])
    change = last_change(platform)
    assert change["ChangeType"] == "add_external_contact"
    assert (change["UserID"], change["ExternalUserID"], change["State"]) == (guide, who, "poster")
    body = {"welcome_code": change["WelcomeCode"], "text": {"content": "欢迎"}}
    assert call("externalcontact/send_welcome_msg", **body)["errcode"] == 0
    assert call("externalcontact/send_welcome_msg", **body)["errcode"] == 41051
    [said] = platform.timeline.of_customer(who)
    assert (said.text, said.servicer) == ("欢迎", guide)


def test_a_code_ends_after_twenty_seconds(
    platform: Platform, call: Caller, clock: FakeClock
) -> None:
    meetings.scan(platform, AMAY)
    body = {"welcome_code": last_change(platform)["WelcomeCode"], "text": {"content": "欢迎"}}
    clock.advance(seconds=21)
    assert call("externalcontact/send_welcome_msg", **body)["errcode"] == 41050
    body["welcome_code"] = "CODEnobody"
    assert call("externalcontact/send_welcome_msg", **body)["errcode"] == 41050


def test_without_consent_to_archiving_nobody_is_greeted(platform: Platform, call: Caller) -> None:
    meetings.scan(platform, AMAY, consent=False)
    body = {"welcome_code": last_change(platform)["WelcomeCode"], "text": {"content": "欢迎"}}
    assert call("externalcontact/send_welcome_msg", **body)["errcode"] == 41053


def test_an_admins_greeting_leaves_no_code(platform: Platform) -> None:
    meetings.set_admin_welcome(platform, QING, True)
    meetings.scan(platform, AMAY, userid=QING)
    assert last_change(platform)["WelcomeCode"] == ""
    assert "WelcomeCode" not in platform.pushes[-1].xml()


def test_a_half_added_customer_is_none_until_confirmed(platform: Platform, call: Caller) -> None:
    who = meetings.newcomer(platform)
    meetings.scan(platform, who, userid=QING, half=True)
    change = last_change(platform)
    assert change["ChangeType"] == "add_half_external_contact"
    pair = {"userid": QING, "external_userid": who}
    assert call("externalcontact/remark", **pair, remark="x")["errcode"] == 84061
    body = {"welcome_code": change["WelcomeCode"], "text": {"content": "欢迎"}}
    assert call("externalcontact/send_welcome_msg", **body)["errcode"] == 0
    meetings.confirm(platform, who, QING)
    assert last_change(platform)["ChangeType"] == "add_external_contact"
    assert last_change(platform)["WelcomeCode"] == ""
    assert call("externalcontact/remark", **pair, remark="x")["errcode"] == 0
    with pytest.raises(UnknownSubject):
        meetings.confirm(platform, who, QING)


def test_whom_the_customer_left_is_still_answered_for(platform: Platform, call: Caller) -> None:
    meetings.leave(platform, XIAOLIN)
    assert last_change(platform)["ChangeType"] == "del_follow_user"
    pair = {"userid": QING, "external_userid": XIAOLIN}
    assert call("externalcontact/remark", **pair, remark="x")["errcode"] == 0
    with pytest.raises(UnknownSubject):
        meetings.leave(platform, XIAOLIN)


def test_whom_the_guide_dropped_is_gone(platform: Platform, call: Caller) -> None:
    meetings.drop(platform, XIAOLIN)
    assert last_change(platform)["ChangeType"] == "del_external_contact"
    pair = {"userid": QING, "external_userid": XIAOLIN}
    assert call("externalcontact/remark", **pair, remark="x")["errcode"] == 84061


def test_tags_are_made_put_on_and_told(platform: Platform, call: Caller) -> None:
    body = {"group_name": "来源", "tag": [{"name": "海报"}, {"name": "海报"}, {"name": "直播"}]}
    group = call("externalcontact/add_corp_tag", **body)["tag_group"]
    ids = [tag["id"] for tag in group["tag"]]
    assert [tag["name"] for tag in group["tag"]] == ["海报", "直播"]
    again = call("externalcontact/add_corp_tag", **body)["tag_group"]
    assert [tag["id"] for tag in again["tag"]] == ids
    pair = {"userid": QING, "external_userid": XIAOLIN}
    before = len(platform.pushes)
    assert call("externalcontact/mark_tag", **pair, add_tag=ids)["errcode"] == 0
    assert call("externalcontact/mark_tag", **pair, remove_tag=ids[:1])["errcode"] == 0
    assert len(platform.pushes) == before
    query = {"access_token": call.token(), "external_userid": XIAOLIN}
    [follow] = call.raw("externalcontact/get", "GET", query=query)["follow_user"]
    assert [tag["tag_name"] for tag in follow["tags"]] == ["直播"]
    page = call("externalcontact/batch/get_by_user", userid_list=[QING])
    infos = {
        row["external_contact"]["external_userid"]: row["follow_info"]
        for row in page["external_contact_list"]
    }
    assert infos[XIAOLIN]["tag_id"] == ids[1:]
    assert call("externalcontact/del_corp_tag", tag_id=ids)["errcode"] == 0
    assert call("externalcontact/get_corp_tag_list")["tag_group"] == []
    assert call("externalcontact/mark_tag", **pair, add_tag=ids)["errcode"] == 40068


async def test_a_program_scans_over_http(running: Running) -> None:
    made = await running.post(
        "externalcontact/add_contact_way",
        {"type": 2, "scene": 2, "state": "poster", "user": [TANG]},
    )
    body = {"config_id": "poster", "nickname": "小禾"}
    async with running.client.post("/sandbox/api/scan", json=body) as response:
        assert response.status == 201
        scanned = await response.json()
    assert scanned["userid"] == TANG
    await running.settle()
    [notice] = running.bot.notices
    assert (notice["Event"], notice["State"]) == ("change_external_contact", "poster")
    assert notice["WelcomeCode"]
    async with running.client.get("/sandbox/api/codes") as response:
        [code] = (await response.json())["items"]
    assert (code["config_id"], code["users"]) == (made["config_id"], [TANG])
    acts = f"/sandbox/api/customers/{scanned['external_userid']}/acts"
    async with running.client.post(acts, json={"act": "leave"}) as response:
        assert response.status == 201
    async with running.client.post(acts, json={"act": "leave"}) as response:
        assert response.status == 400
