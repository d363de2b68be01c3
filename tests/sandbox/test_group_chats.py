"""Customer groups of the sandbox: what the API shows, and what the callback is told."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from bot.sandbox import Platform, gatherings
from bot.sandbox.errors import UnknownSubject
from bot.sandbox.groups import BY_CODE

from .conftest import AMAY, XIAOLIN, Caller, FakeClock, Running

QING, TANG = "guide_qing", "guide_tang"
LIST, GET = "externalcontact/groupchat/list", "externalcontact/groupchat/get"
WAY = "externalcontact/groupchat/{}_join_way"
TEMPLATE = "externalcontact/group_welcome_template/{}"


def told(platform: Platform) -> list[dict[str, Any]]:
    """The pushes as dictionaries, lists of members as lists."""
    found = []
    for push in platform.pushes:
        root = ElementTree.fromstring(push.xml())
        fields: dict[str, Any] = {child.tag: child.text or "" for child in root}
        listed = root.find("MemChangeList")
        if listed is not None:
            fields["MemChangeList"] = [item.text for item in listed]
        found.append(fields)
    return found


def members(call: Caller, chat_id: str) -> set[str]:
    group = call(GET, chat_id=chat_id, need_name=1)["group_chat"]
    return {member["userid"] for member in group["member_list"]}


def test_groups_are_listed_by_owner_in_pages(platform: Platform, call: Caller) -> None:
    for number in range(5):
        gatherings.open_group(platform, f"{number}群", QING if number % 2 else TANG)
    owners = {"userid_list": [TANG]}
    first = call(LIST, limit=2, owner_filter=owners)
    rest = call(LIST, limit=2, owner_filter=owners, cursor=first["next_cursor"])
    ids = [row["chat_id"] for row in first["group_chat_list"] + rest["group_chat_list"]]
    assert len(set(ids)) == 3 and rest["next_cursor"] == ""
    assert call(LIST, limit=0)["errcode"] == 40058
    assert call(LIST, limit=9, cursor="x")["errcode"] == 50100
    assert call(LIST, limit=9, owner_filter={"userid_list": ["nobody"]})["errcode"] == 60111
    many = {"userid_list": [TANG] * 101}
    assert call(LIST, limit=9, owner_filter=many)["errcode"] == 40058


def test_the_api_lags_two_seconds_behind_the_event(
    platform: Platform, call: Caller, clock: FakeClock
) -> None:
    group = gatherings.open_group(platform, "福利群", QING, [XIAOLIN])
    assert members(call, group.chat_id) == {QING, XIAOLIN}
    clock.advance(seconds=10)
    gatherings.join(platform, group.chat_id, [AMAY], scene=BY_CODE, state="poster")
    assert members(call, group.chat_id) == {QING, XIAOLIN}
    clock.advance(seconds=2)
    shown = call(GET, chat_id=group.chat_id, need_name=1)["group_chat"]
    [amay] = [member for member in shown["member_list"] if member["userid"] == AMAY]
    assert (amay["join_scene"], amay["state"], amay["name"]) == (3, "poster", "阿May")
    assert shown["member_version"] == told(platform)[-1]["CurMemVer"]


def test_versions_of_events_make_a_chain(platform: Platform, clock: FakeClock) -> None:
    chat = gatherings.open_group(platform, "福利群", QING).chat_id
    gatherings.join(platform, chat, [XIAOLIN, AMAY])
    gatherings.leave(platform, chat, [AMAY], removed=True)
    created, joined, left = told(platform)
    assert created["ChangeType"] == "create" and "UpdateDetail" not in created
    assert joined["UpdateDetail"] == "add_member" and joined["MemChangeCnt"] == "2"
    assert joined["MemChangeList"] == [XIAOLIN, AMAY] and joined["JoinScene"] == "0"
    assert left["UpdateDetail"] == "del_member" and left["QuitScene"] == "1"
    assert left["LastMemVer"] == joined["CurMemVer"] != left["CurMemVer"]


def test_changes_and_dismissal(platform: Platform, call: Caller, clock: FakeClock) -> None:
    chat = gatherings.open_group(platform, "福利群", QING).chat_id
    with pytest.raises(UnknownSubject):
        gatherings.change(platform, chat, owner=TANG)
    gatherings.join(platform, chat, [TANG])
    gatherings.change(platform, chat, name="VIP", owner=TANG)
    details = [fields.get("UpdateDetail") for fields in told(platform)]
    assert details[-2:] == ["change_name", "change_owner"]
    gatherings.dismiss(platform, chat)
    assert told(platform)[-1]["ChangeType"] == "dismiss"
    assert call(GET, chat_id=chat)["errcode"] == 49008
    assert call(GET, chat_id="wrStrange")["errcode"] == 90509
    assert call(LIST, limit=9)["group_chat_list"] == []
    with pytest.raises(UnknownSubject):
        gatherings.join(platform, chat, [XIAOLIN])


def test_a_join_way_is_replaced_as_a_whole(platform: Platform, call: Caller) -> None:
    chat = gatherings.open_group(platform, "福利群", QING).chat_id
    made = call(WAY.format("add"), scene=2, chat_id_list=[chat], state="a", remark="备注" * 20)
    config_id = made["config_id"]
    way = call(WAY.format("get"), config_id=config_id)["join_way"]
    assert (way["state"], len(way["remark"]), way["auto_create_room"]) == ("a", 30, 1)
    call(WAY.format("update"), config_id=config_id, scene=2, chat_id_list=[chat])
    after = call(WAY.format("get"), config_id=config_id)["join_way"]
    assert "state" not in after and after["qr_code"] == way["qr_code"]
    assert call(WAY.format("add"), scene=2, chat_id_list=[chat] * 6)["errcode"] == 41091
    assert call(WAY.format("add"), scene=2, chat_id_list=["wrX"])["errcode"] == 90509
    assert call(WAY.format("add"), chat_id_list=[chat])["errcode"] == 41040
    assert call(WAY.format("del"), config_id=config_id)["errcode"] == 0
    assert call(WAY.format("get"), config_id=config_id)["errcode"] == 41044


def test_a_full_group_is_followed_by_one_with_the_base_name(
    platform: Platform, call: Caller
) -> None:
    chat = gatherings.open_group(platform, "福利群", QING).chat_id
    way = {"scene": 2, "chat_id_list": [chat], "room_base_name": "福利", "room_base_id": 7}
    config_id = call(WAY.format("add"), **way)["config_id"]
    first = gatherings.scan(platform, XIAOLIN, config_id, closes_at=2)
    second = gatherings.scan(platform, AMAY, config_id, closes_at=2)
    assert first.chat_id == chat and second.name == "福利7"
    listed = call(WAY.format("get"), config_id=config_id)["join_way"]["chat_id_list"]
    assert listed == [chat, second.chat_id]
    call(WAY.format("update"), config_id=config_id, **(way | {"auto_create_room": 0}))
    with pytest.raises(UnknownSubject):
        gatherings.scan(platform, AMAY, config_id, closes_at=2)


def test_greetings_are_checked_and_greet_once_chosen(platform: Platform, call: Caller) -> None:
    chat = gatherings.open_group(platform, "福利群", QING).chat_id
    text = {"content": "欢迎 %NICKNAME%"}
    template_id = call(TEMPLATE.format("add"), text=text)["template_id"]
    gatherings.join(platform, chat, [XIAOLIN])
    gatherings.pick_template(platform, chat, template_id)
    gatherings.join(platform, chat, [AMAY])
    assert [row["text"] for row in gatherings.greetings(platform, chat)] == ["欢迎 阿May"]
    assert call(TEMPLATE.format("get"), template_id=template_id)["text"] == text
    long = {"content": "长" * 1001}
    assert call(TEMPLATE.format("edit"), template_id=template_id, text=long)["errcode"] == 40058
    assert call(TEMPLATE.format("add"))["errcode"] == 40058
    assert call(TEMPLATE.format("add"), image={"media_id": "m"})["errcode"] == 40007
    assert call(TEMPLATE.format("del"), template_id=template_id)["errcode"] == 0
    assert call(TEMPLATE.format("get"), template_id=template_id)["errcode"] == 41058


def test_a_corp_has_a_hundred_greetings(platform: Platform, call: Caller) -> None:
    answers = [
        call(TEMPLATE.format("add"), text={"content": str(number)})["errcode"]
        for number in range(101)
    ]
    assert answers == [0] * 100 + [41055]


async def test_groups_are_driven_over_http(running: Running) -> None:
    base = "/sandbox/api"
    async with running.client.post(
        f"{base}/groups", json={"name": "福利群", "owner": QING, "members": [XIAOLIN]}
    ) as response:
        assert response.status == 201
        chat = (await response.json())["chat_id"]
    acts: list[dict[str, Any]] = [
        {"act": "join", "members": [AMAY], "by_code": True},
        {"act": "leave", "members": [XIAOLIN]},
        {"act": "change", "notice": "每周三"},
        {"act": "dismiss"},
    ]
    for act in acts:
        async with running.client.post(f"{base}/groups/{chat}/acts", json=act) as response:
            assert response.status == 201
    async with running.client.get(f"{base}/groups") as response:
        [shown] = (await response.json())["items"]
    assert shown["dismissed"] and shown["notice"] == "每周三"
    assert {member["userid"] for member in shown["members"]} == {QING, AMAY}
    await running.settle()
    changes = {(one["ChangeType"], one.get("UpdateDetail")) for one in running.bot.notices}
    assert changes >= {("create", None), ("update", "add_member"), ("dismiss", None)}
    async with running.client.post(
        f"{base}/groups/{chat}/acts", json={"act": "dance"}
    ) as response:
        assert response.status == 400
