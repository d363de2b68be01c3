"""Answers and callbacks about contacts, whole as WeCom sends them: nothing of them is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pytest

from bot.wecom.contact_ways import way_of
from bot.wecom.contacts import pairs_of_contact, pairs_of_page, tag_groups, unlicensed
from bot.wecom.events import ContactChange, TagChanged, typed_event
from bot.wecom.xml import read_xml

PROFILE = {
    "external_attr": [
        {"type": 0, "name": "门店", "text": {"value": "滨江天街二楼"}},
        {
            "type": 1,
            "name": "主页",
            "web": {"url": "https://shop.example.test/me", "title": "名片"},
        },
        {
            "type": 2,
            "name": "小店",
            "miniprogram": {
                "appid": "wx7d20a1c3b5e6f708",
                "pagepath": "/pages/store?id=31",
                "title": "暖屿小店",
            },
        },
    ],
    "external_corp_name": "澄海织造",
    "wechat_channels": {"nickname": "澄海说布", "status": 1},
}
CHANNELS = {"nickname": "暖屿直播间", "source": 3}
CONTACT: dict[str, Any] = {
    "errcode": 0,
    "errmsg": "ok",
    "external_contact": {
        "external_userid": "woKj8sQAAA2m4YdLw0XgPz1nTfRb7cVe",
        "name": "何采购",
        "position": "面料总监",
        "avatar": "http://p.qlogo.example.test/bizmail/Ic8/0",
        "corp_name": "澄海",
        "corp_full_name": "澄海织造有限公司",
        "type": 2,
        "gender": 2,
        "unionid": "oZ3x6uKw9vPq1sLmN7bTyRcD2eFg",
        "external_profile": PROFILE,
    },
    "follow_user": [
        {
            "userid": "lin.qing",
            "remark": "何姐 面料",
            "description": "每季订两批，喜欢素色",
            "createtime": 1763550123,
            "tags": [
                {
                    "group_name": "等级",
                    "tag_name": "大客户",
                    "tag_id": "etKj8sQAAAn1R6Vd0LpXw3mZsYq5tBcA",
                    "type": 1,
                },
                {"group_name": "我的分组", "tag_name": "爱喝茶", "type": 2},
                {
                    "group_name": "华东规则组",
                    "tag_name": "批发",
                    "tag_id": "stKj8sQAAAu7W2Ef9MqYx4nAtZr6uCdB",
                    "type": 3,
                },
            ],
            "remark_corp_name": "澄海织造",
            "remark_mobiles": ["13900001111", "0571-86660000"],
            "oper_userid": "zhao.min",
            "add_way": 10,
            "wechat_channels": CHANNELS,
        },
        {
            "userid": "tang.xue",
            "remark": "何总监",
            "description": "",
            "createtime": 1763640456,
            "tags": [],
            "remark_mobiles": [],
            "oper_userid": "woKj8sQAAA2m4YdLw0XgPz1nTfRb7cVe",
            "add_way": 16,
            "state": "ch4f1e77c2a95d30",
        },
    ],
    "next_cursor": "bXVsdGktZm9sbG93ZXJz",
}
PAGE: dict[str, Any] = {
    "errcode": 0,
    "errmsg": "ok",
    "external_contact_list": [
        {
            "external_contact": {
                "external_userid": "wmPq5tRAAAc8N1ZfKx2VhJ0bLsGd6yEw",
                "name": "小满",
                "type": 1,
                "avatar": "http://wx.qlogo.example.test/mmhead/Q9/0",
                "gender": 1,
                "unionid": "oT7n2wAaBbCcDdEeFfGgHhIiJjKk",
            },
            "follow_info": {
                "userid": "lin.qing",
                "remark": "小满妈妈",
                "description": "女儿 110 码",
                "createtime": 1763700789,
                "tag_id": ["etA1", "stB2"],
                "remark_company": "青禾幼教",
                "remark_mobiles": ["13711112222"],
                "oper_userid": "lin.qing",
                "add_way": 3,
                "state": "store-07",
                "wechat_channels": CHANNELS,
            },
        }
    ],
    "next_cursor": "cGFnZS0y",
    "fail_info": {"unlicensed_userid_list": ["guest.01", "guest.02"]},
}
TAGS: dict[str, Any] = {
    "tag_group": [
        {
            "group_id": "etG9",
            "group_name": "肤质",
            "create_time": 1762000000,
            "order": 4294967295,
            "deleted": False,
            "tag": [
                {"id": "etT1", "name": "敏感", "create_time": 1762000001, "order": 7},
                {
                    "id": "etT2",
                    "name": "油性",
                    "create_time": 1762000002,
                    "order": 3,
                    "deleted": True,
                },
            ],
        }
    ]
}


def leaves(value: Any) -> Iterator[str]:
    """Every plain value inside, as text; moments as the seconds that WeCom gave."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, datetime):
        yield str(int(value.timestamp()))
    elif value not in (None, "", 0, False):
        yield str(value)


def test_a_customer_with_several_guides_is_read_without_loss() -> None:
    pairs = pairs_of_contact(CONTACT)
    named = {"大客户", "等级", "批发", "华东规则组", "3"}  # told by the list of tags
    read = {leaf for pair in pairs for leaf in leaves(asdict(pair))}
    told = {*leaves(CONTACT["external_contact"]), *leaves(CONTACT["follow_user"])}
    assert told - named - read == set()
    first, second = (pair.relation for pair in pairs)
    assert first.tag_ids == (
        "etKj8sQAAAn1R6Vd0LpXw3mZsYq5tBcA",
        "stKj8sQAAAu7W2Ef9MqYx4nAtZr6uCdB",
    )
    assert first.personal_tags == ({"name": "爱喝茶", "group": "我的分组"},)
    assert (second.state, second.add_way, second.personal_tags) == ("ch4f1e77c2a95d30", 16, ())
    assert pairs[0].contact.card["external_profile"] == PROFILE


def test_a_page_of_pairs_is_read_without_loss() -> None:
    [pair] = pairs_of_page(PAGE)
    read = set(leaves(asdict(pair)))
    assert set(leaves(PAGE["external_contact_list"])) - {"1"} - read == set()
    assert pair.relation.personal_tags is None
    assert pair.relation.remark_corp_name == "青禾幼教"
    assert unlicensed(PAGE) == ("guest.01", "guest.02")


def test_tags_keep_their_order_and_their_end() -> None:
    [group] = tag_groups(TAGS)
    assert (group.group_id, group.name, group.order) == ("etG9", "肤质", 4294967295)
    assert [(tag.tag_id, tag.name, tag.order, tag.deleted) for tag in group.tags] == [
        ("etT1", "敏感", 7, False),
        ("etT2", "油性", 3, True),
    ]
    [one] = tag_groups({"tag_group": TAGS["tag_group"][0]})  # as `add_corp_tag` answers
    assert one == group


def callback(body: str) -> Any:
    head = (
        "<ToUserName><![CDATA[ww9f21c0de5ab37846]]></ToUserName>"
        "<FromUserName><![CDATA[sys]]></FromUserName><CreateTime>1763712345</CreateTime>"
        "<MsgType><![CDATA[event]]></MsgType>"
    )
    fields = read_xml(f"<xml>{head}{body}</xml>")
    event = typed_event(fields)
    assert event.fields == fields
    return event


def pair_change(change: str, **more: str) -> Any:
    fields = {"UserID": "lin.qing", "ExternalUserID": "wmPq5tRAAAc8N1Zf", **more}
    inner = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items())
    return callback(
        "<Event><![CDATA[change_external_contact]]></Event>"
        f"<ChangeType><![CDATA[{change}]]></ChangeType>{inner}"
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("add_external_contact", {"State": "store-07", "WelcomeCode": "CodeA-1_x"}),
        ("add_half_external_contact", {"State": "store-07", "WelcomeCode": "CodeB"}),
        ("edit_external_contact", {"State": "store-07"}),
        ("del_external_contact", {"Source": "DELETE_BY_TRANSFER"}),
        ("del_follow_user", {}),
        ("transfer_fail", {"FailReason": "customer_limit_exceed"}),
        ("msg_audit_approved", {"WelcomeCode": "CodeC"}),
    ],
)
def test_changes_between_guide_and_customer(change: str, told: dict[str, str]) -> None:
    event = pair_change(change, **told)
    assert isinstance(event, ContactChange)
    assert (event.change_type, event.userid) == (change, "lin.qing")
    assert event.external_userid == "wmPq5tRAAAc8N1Zf"
    assert int(event.at.timestamp()) == 1763712345
    read = (event.state, event.welcome_code, event.source, event.fail_reason)
    assert {one for one in read if one} == set(told.values())


@pytest.mark.parametrize(
    ("body", "group", "number"),
    [
        ("<Id>etT1</Id><TagType>tag</TagType><ChangeType>create</ChangeType>", False, "etT1"),
        ("<Id>etG9</Id><TagType>tag_group</TagType><ChangeType>delete</ChangeType>", True, "etG9"),
        ("<Id>etG9</Id><ChangeType>shuffle</ChangeType>", True, "etG9"),
        ("<ChangeType>shuffle</ChangeType>", True, ""),
    ],
)
def test_changes_of_tags(body: str, group: bool, number: str) -> None:
    event = callback(f"<Event>change_external_tag</Event>{body}<StrategyId>1</StrategyId>")
    assert isinstance(event, TagChanged)
    assert (event.is_group, event.id) == (group, number)


def test_a_contact_way_is_read_with_what_leads_to_it() -> None:
    answer = {
        "contact_way": {
            "config_id": "4d2f8a6c0e1b3759",
            "type": 2,
            "scene": 2,
            "style": 1,
            "remark": "一楼收银台",
            "skip_verify": False,
            "state": "ch4f1e77c2a95d30",
            "qr_code": "http://p.qpic.example.test/wwhead/nMl9/0",
            "user": ["lin.qing", "tang.xue"],
            "party": [7],
            "is_temp": False,
            "is_exclusive": True,
            "mark_source": True,
            "conclusions": {"text": {"content": "谢谢光临"}},
        }
    }
    way = way_of(answer)
    assert (way.state, way.qr_code) == (
        "ch4f1e77c2a95d30",
        "http://p.qpic.example.test/wwhead/nMl9/0",
    )
