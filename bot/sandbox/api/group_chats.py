"""Customer groups: listing and reading them, and the codes by which people join."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from ..errors import ApiError
from ..groups import Group, Member
from ..sample import GUIDES
from .call import Answer, Body, Call, optional_text, post

if TYPE_CHECKING:
    from ..platform import Platform

MOST_OWNERS = 100
DAY_SECONDS = 86400
MOST_ROWS = 1000
MOST_GROUPS = 5
BASE_NAME, STATE, REMARK = 40, 30, 30
_KEPT = (
    "scene",
    "remark",
    "auto_create_room",
    "room_base_name",
    "room_base_id",
    "chat_id_list",
    "state",
    "mark_source",
)


def list_groups(platform: Platform, call: Call) -> Answer:
    """A page of the groups of some owners, dismissed ones left out."""
    limit = call.number("limit", 0)
    if not 1 <= limit <= MOST_ROWS:
        raise ApiError(40058, "invalid parameter: limit must be 1-1000")
    owners = _owners(platform, call)
    cursor = optional_text(call.body, "cursor")
    if cursor and not cursor.isdigit():
        raise ApiError(50100, "invalid cursor")
    groups = [
        group
        for group in platform.groups.all()
        if not group.dismissed and (not owners or group.owner in owners)
    ]
    start = int(cursor or 0)
    page = groups[start : start + limit]
    more = str(start + limit) if start + limit < len(groups) else ""
    return {
        "group_chat_list": [{"chat_id": group.chat_id, "status": 0} for group in page],
        "next_cursor": more,
    }


def _owners(platform: Platform, call: Call) -> set[str]:
    filtered = call.body.get("owner_filter")
    if filtered is None:
        return set()
    listed = filtered.get("userid_list") if isinstance(filtered, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise ApiError(40058, "invalid parameter: userid_list must be a list of strings")
    if len(listed) > MOST_OWNERS:
        raise ApiError(40058, "invalid parameter: userid_list has more than 100 entries")
    owners = {*GUIDES, *(group.owner for group in platform.groups.all())}
    if unknown := [one for one in listed if one not in owners]:
        raise ApiError(60111, f"userid not found: {unknown[0]}")
    return set(listed)


def get_group(platform: Platform, call: Call) -> Answer:
    """One group, as it was about two seconds ago."""
    chat_id = call.text("chat_id")
    group = platform.groups.seen(chat_id, platform.now())
    if group is None:
        raise ApiError(90509, "chat is not a customer group")
    if group.dismissed:
        raise ApiError(49008, "chat is dismissed")
    return {"group_chat": _shown(group, named=call.number("need_name", 0) == 1)}


def _shown(group: Group, *, named: bool) -> Body:
    return {
        "chat_id": group.chat_id,
        "name": group.name,
        "owner": group.owner,
        "create_time": group.created_at,
        "notice": group.notice,
        "member_list": [_member(member, named=named) for member in group.members],
        "admin_list": [{"userid": userid} for userid in group.admins],
        "member_version": group.version,
    }


def _member(member: Member, *, named: bool) -> Body:
    row: Body = {
        "userid": member.userid,
        "type": member.kind,
        "join_time": member.join_time,
        "join_scene": member.join_scene,
        "group_nickname": "",
    }
    if member.invitor:
        row["invitor"] = {"userid": member.invitor}
    if named:
        row["name"] = member.name
    if member.state:
        row["state"] = member.state
    return row


def statistic(platform: Platform, call: Call) -> Answer:
    """What happened in the groups of each owner during some days."""
    begin = call.number("day_begin_time", 0)
    end = call.number("day_end_time", begin) + DAY_SECONDS
    owners = _owners(platform, call)
    if not owners:
        raise ApiError(40058, "missing parameter: owner_filter")
    groups = [group for group in platform.groups.all() if not group.dismissed]
    items = [
        {
            "owner": owner,
            "data": _counted([one for one in groups if one.owner == owner], begin, end),
        }
        for owner in sorted(owners)
    ]
    return {"total": len(items), "next_offset": len(items), "items": items}


def _counted(groups: list[Group], begin: int, end: int) -> Body:
    members = [member for group in groups for member in group.members]
    return {
        "new_chat_cnt": sum(begin <= group.created_at < end for group in groups),
        "chat_total": len(groups),
        "chat_has_msg": sum(begin <= group.spoken_at < end for group in groups),
        "new_member_cnt": sum(begin <= member.join_time < end for member in members),
        "member_total": len(members),
        "member_has_msg": 0,
        "msg_total": sum(begin <= group.spoken_at < end for group in groups),
        "migrate_trainee_chat_cnt": 0,
    }


def add_way(platform: Platform, call: Call) -> Answer:
    """A new code; the same call again makes another one."""
    body = _checked(platform, call)
    config_id = secrets.token_hex(16)
    base = call.base or "https://wework.qpic.cn"
    body["qr_code"] = f"{base}/wwpic/{config_id}/0"
    platform.store.insert(
        "join_ways", config_id=config_id, body=json.dumps(body, ensure_ascii=False)
    )
    platform.changed("codes")
    return {"config_id": config_id}


def get_way(platform: Platform, call: Call) -> Answer:
    """One code, with the groups that were opened behind it."""
    config_id, body = _way(platform, call)
    shown = {name: value for name, value in body.items() if name != "opened"}
    return {"join_way": {"config_id": config_id, **shown}}


def update_way(platform: Platform, call: Call) -> Answer:
    """Everything is replaced; what is left out is reset."""
    config_id, before = _way(platform, call)
    body = _checked(platform, call) | {"qr_code": before["qr_code"]}
    platform.store.run(
        "UPDATE join_ways SET body = ? WHERE config_id = ?",
        json.dumps(body, ensure_ascii=False),
        config_id,
    )
    platform.changed("codes")
    return {}


def delete_way(platform: Platform, call: Call) -> Answer:
    """Take a code away; it cannot be scanned any more."""
    config_id, _ = _way(platform, call)
    platform.store.run("DELETE FROM join_ways WHERE config_id = ?", config_id)
    platform.changed("codes")
    return {}


def _way(platform: Platform, call: Call) -> tuple[str, Body]:
    config_id = call.text("config_id", missing=41043)
    row = platform.store.one("SELECT body FROM join_ways WHERE config_id = ?", config_id)
    if row is None:
        raise ApiError(41044, "invalid config_id")
    body: Body = json.loads(row["body"])
    return config_id, body


def _checked(platform: Platform, call: Call) -> Body:
    if call.number("scene", 0) not in (1, 2):
        raise ApiError(41040, "invalid scene")
    chats = call.texts("chat_id_list", most=1000)
    if len(chats) > MOST_GROUPS:
        raise ApiError(41091, "at most 5 groups")
    for chat_id in chats:
        group = platform.groups.seen(chat_id, platform.now())
        if group is None:
            raise ApiError(90509, "chat is not a customer group")
        if group.dismissed:
            raise ApiError(49008, "chat is dismissed")
    for name, longest in (("room_base_name", BASE_NAME), ("state", STATE)):
        if len(optional_text(call.body, name)) > longest:
            raise ApiError(40058, f"invalid parameter: {name} has at most {longest} characters")
    body = {"auto_create_room": 1} | {key: call.body[key] for key in _KEPT if key in call.body}
    return body | {"remark": str(call.body.get("remark") or "")[:REMARK]}


ROUTES = {
    "externalcontact/groupchat/list": post(list_groups),
    "externalcontact/groupchat/get": post(get_group),
    "externalcontact/groupchat/statistic": post(statistic),
    "externalcontact/groupchat/add_join_way": post(add_way),
    "externalcontact/groupchat/get_join_way": post(get_way),
    "externalcontact/groupchat/update_join_way": post(update_way),
    "externalcontact/groupchat/del_join_way": post(delete_way),
}
