"""Customer groups (客户群): their members, codes to join by, and greetings of new members."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wechatpy.client.api.base import BaseWeChatAPI

from bot.wecom.contacts import moment
from bot.wecom.storable import storable

Answer = Awaitable[dict[str, Any]]

MOST_OWNERS = 100  # WeCom: owners in one filter of groupchat/list
PAGE = 500  # WeCom: 1..1000
MOST_GROUPS_A_CODE = 5  # WeCom: 41091 above it
MOST_MEMBERS = 500
MOST_TEXT_BYTES = 3000
NICKNAME = "%NICKNAME%"
COLLEAGUE, CUSTOMER = 1, 2

DISMISSED = 49008
NOT_OURS = frozenset({90509, 92002})


class GroupChatApi(BaseWeChatAPI):  # type: ignore[misc]  # wechatpy has no types
    """`externalcontact/groupchat/*` and `externalcontact/group_welcome_template/*`."""

    def _call(self, api: str, body: Mapping[str, Any]) -> Answer:
        answer: Answer = self._post(f"externalcontact/{api}", data=dict(body))
        return answer

    def groups(self, owners: Sequence[str], *, cursor: str = "", limit: int = PAGE) -> Answer:
        """One page of the groups of up to 100 owners. WeCom: 81017 without a filter."""
        body: dict[str, Any] = {
            "status_filter": 0,
            "owner_filter": {"userid_list": list(owners)},
            "limit": limit,
        }
        return self._call("groupchat/list", body | ({"cursor": cursor} if cursor else {}))

    def group(self, chat_id: str) -> Answer:
        """One group with all members and their names. WeCom: complete about 2 s after a change."""
        return self._call("groupchat/get", {"chat_id": chat_id, "need_name": 1})

    def statistic(self, owners: Sequence[str], *, begin: int, end: int) -> Answer:
        """What happened in the groups of up to 100 owners, summed up for each owner."""
        return self._call(
            "groupchat/statistic",
            {
                "day_begin_time": begin,
                "day_end_time": end,
                "owner_filter": {"userid_list": list(owners)},
                "limit": 1000,
            },
        )

    def add_join_way(self, **fields: Any) -> Answer:
        """A new code. WeCom: each call makes another one, and no API lists them."""
        return self._call("groupchat/add_join_way", fields)

    def join_way(self, config_id: str) -> Answer:
        return self._call("groupchat/get_join_way", {"config_id": config_id})

    def update_join_way(self, config_id: str, **fields: Any) -> Answer:
        """WeCom: a full replacement; what is left out is reset."""
        return self._call("groupchat/update_join_way", {"config_id": config_id} | fields)

    def delete_join_way(self, config_id: str) -> Answer:
        return self._call("groupchat/del_join_way", {"config_id": config_id})

    def add_template(self, content: Mapping[str, Any], *, notify: bool) -> Answer:
        """A new greeting. WeCom: 100 a corp, and no API lists them."""
        return self._call("group_welcome_template/add", dict(content) | {"notify": int(notify)})

    def edit_template(self, template_id: str, content: Mapping[str, Any]) -> Answer:
        """WeCom: only one that this app created (41058)."""
        return self._call(
            "group_welcome_template/edit", {"template_id": template_id} | dict(content)
        )

    def template(self, template_id: str) -> Answer:
        return self._call("group_welcome_template/get", {"template_id": template_id})

    def delete_template(self, template_id: str) -> Answer:
        return self._call("group_welcome_template/del", {"template_id": template_id})


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """One member as `groupchat/get` tells it; `scene` 1 invited, 2 by link, 3 by code."""

    userid: str
    kind: int
    joined_at: datetime | None
    name: str = ""
    nickname: str = ""
    unionid: str | None = None
    scene: int = 0
    invitor: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A group as `groupchat/get` tells it."""

    chat_id: str
    name: str
    owner: str
    notice: str
    made_at: datetime | None
    admins: tuple[str, ...]
    member_version: str
    members: tuple[MemberInfo, ...]


def group_of(answer: Mapping[str, Any]) -> GroupInfo | None:
    """The group of an answer; None when it holds none."""
    row = storable(answer.get("group_chat"))
    if not isinstance(row, Mapping) or not row.get("chat_id"):
        return None
    found = {member.userid: member for member in map(_member, _rows(row.get("member_list")))}
    found.pop("", None)
    return GroupInfo(
        chat_id=_text(row.get("chat_id"), 64),
        name=_text(row.get("name"), 256),
        owner=_text(row.get("owner"), 64),
        notice=_text(row.get("notice"), 4000),
        made_at=moment(row.get("create_time")),
        admins=tuple(_text(one.get("userid"), 64) for one in _rows(row.get("admin_list"))),
        member_version=_text(row.get("member_version"), 64),
        members=tuple(found.values()),
    )


def _member(row: Mapping[str, Any]) -> MemberInfo:
    invitor = row.get("invitor")
    return MemberInfo(
        userid=_text(row.get("userid"), 64),
        kind=_whole(row.get("type")),
        joined_at=moment(row.get("join_time")),
        name=_text(row.get("name"), 128),
        nickname=_text(row.get("group_nickname"), 128),
        unionid=_text(row.get("unionid"), 64) or None,
        scene=_whole(row.get("join_scene")),
        invitor=_text(invitor.get("userid"), 64) if isinstance(invitor, Mapping) else "",
        state=_text(row.get("state"), 64),
    )


def listed_groups(answer: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The ids of one page of `groupchat/list`, each with its status of inheritance."""
    return [
        (_text(row.get("chat_id"), 64), _whole(row.get("status")))
        for row in _rows(answer.get("group_chat_list"))
        if row.get("chat_id")
    ]


def messages_by_owner(answer: Mapping[str, Any]) -> dict[str, int]:
    """In how many groups of each owner somebody spoke, from `groupchat/statistic`."""
    found = {}
    for row in _rows(answer.get("items")):
        data = row.get("data")
        if row.get("owner") and isinstance(data, Mapping):
            found[_text(row["owner"], 64)] = _whole(data.get("chat_has_msg"))
    return found


@dataclass(frozen=True, slots=True)
class JoinWay:
    """A code as `get_join_way` tells it; `chat_ids` may have grown by WeCom's own groups."""

    config_id: str
    state: str
    qr_code: str
    chat_ids: tuple[str, ...]


def join_way_of(answer: Mapping[str, Any]) -> JoinWay:
    """The code of an answer; what is missing is empty."""
    row = answer.get("join_way")
    row = row if isinstance(row, Mapping) else {}
    chats = row.get("chat_id_list")
    return JoinWay(
        config_id=_text(row.get("config_id"), 128),
        state=_text(row.get("state"), 64),
        qr_code=_text(row.get("qr_code"), 1024),
        chat_ids=tuple(_text(one, 64) for one in chats) if isinstance(chats, list) else (),
    )


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _text(value: object, longest: int) -> str:
    return "" if value is None else str(value)[:longest]


def _whole(value: object) -> int:
    try:
        number = int(str(value))
    except ValueError:
        return 0
    return number if abs(number) < 2**31 else 0
