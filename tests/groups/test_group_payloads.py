"""Callbacks and answers about groups as WeCom writes them, and as it should not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.wecom.events import GroupChange, typed_event
from bot.wecom.group_chats import group_of, join_way_of, listed_groups
from bot.wecom.xml import read_xml

ADD = """<xml>
  <ToUserName><![CDATA[toUser]]></ToUserName>
  <FromUserName><![CDATA[sys]]></FromUserName>
  <CreateTime>1403610513</CreateTime>
  <MsgType><![CDATA[event]]></MsgType>
  <Event><![CDATA[change_external_chat]]></Event>
  <ChatId><![CDATA[CHAT_ID]]></ChatId>
  <ChangeType><![CDATA[update]]></ChangeType>
  <UpdateDetail><![CDATA[add_member]]></UpdateDetail>
  <JoinScene>3</JoinScene>
  <MemChangeCnt>{count}</MemChangeCnt>
  <MemChangeList>{items}</MemChangeList>
  <LastMemVer><![CDATA[9c3f97c2ada667dfb5f6d03308d963e1]]></LastMemVer>
  <CurMemVer><![CDATA[71217227bbd112ecfe3a49c482195cb4]]></CurMemVer>
</xml>"""
GROUP: dict[str, Any] = {
    "errcode": 0,
    "group_chat": {
        "chat_id": "wrOgQhDgAAMYQiS5ol9G7gK9JVAAAA",
        "name": "销售客服群",
        "owner": "ZhuShengBen",
        "create_time": 1572505490,
        "notice": "文明沟通，拒绝脏话",
        "member_list": [
            {
                "userid": "abel",
                "type": 1,
                "join_time": 1572505491,
                "join_scene": 1,
                "invitor": {"userid": "jack"},
                "group_nickname": "客服小张",
                "name": "张三丰",
            },
            {
                "userid": "wmOgQhDgAAuXFJGwbve4g4iXknfOAAAA",
                "type": 2,
                "unionid": "ozynqsulJFCZ2z1aYeS8h-nuasdAAA",
                "join_time": 1572505491,
                "join_scene": 3,
                "group_nickname": "顾客老王",
                "name": "王语嫣",
                "state": "poster",
            },
        ],
        "admin_list": [{"userid": "sam"}, {"userid": "pony"}],
        "member_version": "71217227bbd112ecfe3a49c482195cb4",
    },
}


def change(count: int, *who: str) -> GroupChange:
    items = "".join(f"<Item><![CDATA[{one}]]></Item>" for one in who)
    event = typed_event(read_xml(ADD.format(count=count, items=items)))
    assert isinstance(event, GroupChange)
    return event


def test_members_of_an_event_one_or_many_or_unsaid() -> None:
    assert change(1, "wmA").members == ("wmA",)
    two = change(2, "wmA", "wmB")
    assert (two.members, two.is_whole, two.scene) == (("wmA", "wmB"), True, 3)
    assert two.at == datetime.fromtimestamp(1403610513, UTC)
    assert two.lane == "change_external_chat:CHAT_ID"
    assert not change(3, "wmA").is_whole
    assert change(0).members == ()


def test_the_official_example_of_a_group_is_read_without_loss() -> None:
    group = group_of(GROUP)
    assert group is not None
    assert (group.owner, group.admins, group.notice) == (
        "ZhuShengBen",
        ("sam", "pony"),
        "文明沟通，拒绝脏话",
    )
    abel, wang = group.members
    assert (abel.kind, abel.invitor, abel.nickname, abel.name) == (1, "jack", "客服小张", "张三丰")
    assert (wang.scene, wang.state, wang.unionid) == (
        3,
        "poster",
        "ozynqsulJFCZ2z1aYeS8h-nuasdAAA",
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(["chat_id", "member_list", "name", "userid", "join_time", "invitor"])
ROWS = st.dictionaries(NAMES, JSON | st.lists(st.dictionaries(NAMES, JSON)))


@given(st.fixed_dictionaries({}, optional={"group_chat": ROWS | JSON}))
def test_no_answer_breaks_the_reading_of_a_group(answer: dict[str, Any]) -> None:
    group = group_of(answer)
    assert group is None or (group.chat_id and all(one.userid for one in group.members))


@given(st.fixed_dictionaries({}, optional={"group_chat_list": JSON, "join_way": JSON}))
def test_no_answer_breaks_lists_and_codes(answer: dict[str, Any]) -> None:
    assert all(chat_id for chat_id, _ in listed_groups(answer))
    assert isinstance(join_way_of(answer).chat_ids, tuple)


@given(st.dictionaries(st.sampled_from(["MemChangeList", "MemChangeCnt", "JoinScene"]), JSON))
def test_no_callback_breaks_its_reading(fields: dict[str, Any]) -> None:
    event = GroupChange({"Event": "change_external_chat"} | fields)
    assert isinstance(event.members, tuple) and event.scene >= 0
    assert event.is_whole in (True, False)
