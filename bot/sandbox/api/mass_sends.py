"""`externalcontact/*groupmsg*`: mass sends that guides confirm."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .. import mass_sends
from ..errors import ApiError
from ..sample import GUIDES
from .call import Answer, Body, Call, post, text_of

if TYPE_CHECKING:
    from ..platform import Platform

MOST_CUSTOMERS = 10_000
MOST_GROUPS = 2_000
MOST_ATTACHMENTS = 9
LONGEST_TEXT = 4000
MONTH = 31 * 24 * 3600
KINDS = {"image", "link", "miniprogram", "video", "file"}


def add(platform: Platform, call: Call) -> Answer:
    """Only a task: nothing reaches anybody before the sender confirms."""
    body = call.body
    chat_type = body.get("chat_type") or "single"
    if chat_type not in {"single", "group"}:
        raise ApiError(40058, "invalid parameter: chat_type")
    _check_content(platform, body)
    sender = str(body.get("sender") or "")
    if chat_type == "group":
        return _to_groups(platform, call, sender)
    named = call.texts("external_userid", most=MOST_CUSTOMERS) if _names(body) else []
    if not named and not sender:
        raise ApiError(41048, "sender and external_userid are both empty")
    if sender and sender not in known_members(platform):
        raise ApiError(40003, "invalid sender")
    sender = sender or _last_guide(platform, named[0])
    friends = _friends(platform, sender)
    targets = [who for who in named if who in friends] if named else sorted(friends)
    failed = [who for who in named if who not in friends]
    if not targets:
        raise ApiError(41048, "no customer to send to")
    return {
        "msgid": mass_sends.create(platform, body, sender, list(dict.fromkeys(targets))),
        "fail_list": failed,
    }


def _to_groups(platform: Platform, call: Call, sender: str) -> Answer:
    if not sender:
        raise ApiError(40058, "missing parameter: sender")
    chats = call.texts("chat_id_list", most=MOST_GROUPS)
    owned = {one.chat_id for one in platform.groups.all() if one.owner == sender}
    targets = [chat for chat in chats if chat in owned]
    if not targets:
        raise ApiError(41048, "no group to send to")
    failed = [chat for chat in chats if chat not in owned]
    return {
        "msgid": mass_sends.create(platform, call.body, sender, targets),
        "fail_list": failed,
    }


def listing(platform: Platform, call: Call) -> Answer:
    """The corp's tasks of at most a month; those made over the API name no creator."""
    start, end = call.number("start_time", 0), call.number("end_time", 0)
    if not 0 < start <= end or end - start > MONTH:
        raise ApiError(40058, "invalid parameter: start_time and end_time")
    chat_type = call.text("chat_type")
    rows = platform.store.all(
        "SELECT * FROM mass_tasks WHERE chat_type = ? AND created_at BETWEEN ? AND ?"
        " ORDER BY seq DESC",
        chat_type,
        start,
        end,
    )
    page, cursor = page_of(call, rows, 50, 100)
    return {"group_msg_list": [_listed(row) for row in page], "next_cursor": cursor}


def members(platform: Platform, call: Call) -> Answer:
    """Who has sent."""
    row = mass_sends.task(platform, call.text("msgid"))
    one: Body = {"userid": row["userid"], "status": 2 if row["sent_at"] else 0}
    if row["sent_at"]:
        one["send_time"] = row["sent_at"]
    return {"task_list": [one], "next_cursor": ""}


def results(platform: Platform, call: Call) -> Answer:
    """Customer by customer; of groups only those sent to."""
    row = mass_sends.task(platform, call.text("msgid"))
    if call.text("userid") != row["userid"]:
        return {"send_list": [], "next_cursor": ""}
    to_group = row["chat_type"] == "group"
    rows = platform.store.all(
        "SELECT * FROM mass_targets WHERE msgid = ? ORDER BY rowid", row["msgid"]
    )
    rows = [one for one in rows if not to_group or one["status"] == mass_sends.SENT]
    page, cursor = page_of(call, rows, 500, 1000)
    key = "chat_id" if to_group else "external_userid"
    listed = [
        {key: one["target"], "userid": row["userid"], "status": one["status"]}
        | ({"send_time": one["sent_at"]} if one["sent_at"] else {})
        for one in page
    ]
    return {"send_list": listed, "next_cursor": cursor}


def remind(platform: Platform, call: Call) -> Answer:
    """Tell the guides again."""
    mass_sends.remind(platform, call.text("msgid"))
    return {}


def cancel(platform: Platform, call: Call) -> Answer:
    """Stop what is not sent."""
    mass_sends.cancel(platform, call.text("msgid"))
    return {}


def _check_content(platform: Platform, body: Body) -> None:
    text = body.get("text")
    attachments = body.get("attachments") or []
    if isinstance(text, dict):
        text_of(text, "content", longest=LONGEST_TEXT)
    if not text and not attachments:
        raise ApiError(41048, "text and attachments are both empty")
    if not isinstance(attachments, list) or len(attachments) > MOST_ATTACHMENTS:
        raise ApiError(41064, "too many attachments")
    for one in attachments:
        kind = one.get("msgtype") if isinstance(one, dict) else None
        if kind not in KINDS:
            raise ApiError(41065, "unsupported attachment")
        if media_id := (one.get(str(kind)) or {}).get("media_id"):
            platform.media.require(str(media_id), str(kind), platform.now())


def _names(body: Body) -> bool:
    return bool(body.get("external_userid"))


def known_members(platform: Platform) -> set[str]:
    rows = platform.store.all("SELECT DISTINCT userid FROM friendships")
    return {*GUIDES, *(row["userid"] for row in rows)}


def _friends(platform: Platform, userid: str) -> set[str]:
    rows = platform.store.all(
        "SELECT external_userid FROM friendships WHERE userid = ? AND ended <> 'guide'"
        " AND half = 0",
        userid,
    )
    return {row["external_userid"] for row in rows}


def _last_guide(platform: Platform, who: str) -> str:
    found = platform.friends.of_customer(who)
    if not found:
        raise ApiError(84061, "not external contact")
    return found[-1].userid


def _listed(row: Any) -> Body:
    body = json.loads(row["body"])
    listed: Body = {
        "msgid": row["msgid"],
        "create_time": str(row["created_at"]),
        "create_type": 0,
        "attachments": body.get("attachments") or [],
    }
    return listed | ({"text": body["text"]} if body.get("text") else {})


def page_of(call: Call, rows: list[Any], usual: int, most: int) -> tuple[list[Any], str]:
    limit = call.number("limit", usual)
    limit = limit if 1 <= limit <= most else usual
    cursor = str(call.body.get("cursor") or "0")
    if not cursor.isdigit():
        raise ApiError(50100, "invalid cursor")
    start = int(cursor)
    more = str(start + limit) if start + limit < len(rows) else ""
    return rows[start : start + limit], more


ROUTES = {
    "externalcontact/add_msg_template": post(add),
    "externalcontact/get_groupmsg_list_v2": post(listing),
    "externalcontact/get_groupmsg_task": post(members),
    "externalcontact/get_groupmsg_send_result": post(results),
    "externalcontact/remind_groupmsg_send": post(remind),
    "externalcontact/cancel_groupmsg_send": post(cancel),
}
