"""Guides' friends: listing and reading them, remarks, and the greeting of a new one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .. import meetings
from ..customers import Customer
from ..errors import ApiError
from ..friends import Friendship
from ..sample import GUIDES
from .call import Answer, Body, Call, check_length, get, object_of, optional_text, post, text_of
from .corp_tags import tags_of

if TYPE_CHECKING:
    from ..platform import Platform

MOST_USERS = 100
MOST_ROWS = 100
USUAL_ROWS = 50
MOST_ATTACHMENTS = 9
TEXT_BYTES = 4000
REMARK, DESCRIPTION = 20, 150


def follow_users(platform: Platform, call: Call) -> Answer:
    """The guides."""
    return {"follow_user": list(GUIDES)}


def member(platform: Platform, call: Call) -> Answer:
    """One guide's own profile."""
    userid = call.query.get("userid", "")
    if userid not in GUIDES:
        raise ApiError(60111 if userid else 41009, "userid not found")
    return {"userid": userid, "name": GUIDES[userid], "status": 1}


def list_contacts(platform: Platform, call: Call) -> Answer:
    """The customers whom one guide follows."""
    userid = call.query.get("userid", "")
    if userid not in GUIDES:
        raise ApiError(40003 if userid else 41009, "invalid userid")
    followed = [pair.external_userid for pair in platform.friends.of_guide(userid)]
    if not followed:
        raise ApiError(84061, "not external contact")
    return {"external_userid": followed}


def contact(platform: Platform, call: Call) -> Answer:
    """One customer with all guides who follow them."""
    customer = _customer(platform, call.query.get("external_userid", ""))
    pairs = platform.friends.of_customer(customer.external_userid)
    if not pairs:
        raise ApiError(84061, "not external contact")
    return {
        "external_contact": _profile(customer),
        "follow_user": [_followed(platform, pair) for pair in pairs],
    }


def by_users(platform: Platform, call: Call) -> Answer:
    """A page of pairs of up to a hundred guides."""
    users = call.texts("userid_list", most=MOST_USERS)
    if not any(userid in GUIDES for userid in users):
        raise ApiError(40003, "invalid userid")
    limit = min(max(call.number("limit", USUAL_ROWS), 1), MOST_ROWS)
    cursor = optional_text(call.body, "cursor")
    if cursor and not cursor.isdigit():
        raise ApiError(50100, "invalid cursor")
    pairs = [pair for userid in users for pair in platform.friends.of_guide(userid)]
    start = int(cursor or 0)
    more = start + limit < len(pairs)
    return {
        "external_contact_list": [
            {
                "external_contact": _profile(platform.customer(pair.external_userid)),
                "follow_info": _info(platform, pair),
            }
            for pair in pairs[start : start + limit]
        ],
        "next_cursor": str(start + limit) if more else "",
    }


def remark(platform: Platform, call: Call) -> Answer:
    """What a guide notes about a customer."""
    pair = platform.friends.require(
        call.text("userid", missing=41009), call.text("external_userid", missing=41035)
    )
    columns = {
        "remark": ("remark", REMARK),
        "description": ("description", DESCRIPTION),
        "remark_company": ("company", REMARK),
    }
    changes: dict[str, str] = {}
    for name, (column, longest) in columns.items():
        if name in call.body:
            value = str(call.body[name])
            if len(value) > longest:
                raise ApiError(40058, f"invalid parameter: {name} is too long")
            changes[column] = value
    if "remark_mobiles" in call.body:
        mobiles = [one for one in call.body["remark_mobiles"] if one]
        changes["mobiles"] = json.dumps(mobiles)
    if not changes:
        raise ApiError(40058, "invalid parameter: nothing to change")
    for column, value in changes.items():
        platform.store.run(
            f"UPDATE friendships SET {column} = ?"  # noqa: S608
            " WHERE userid = ? AND external_userid = ?",
            value,
            pair.userid,
            pair.external_userid,
        )
    return {}


def welcome(platform: Platform, call: Call) -> Answer:
    """Greet a new friend: within 20 seconds, once; text and attachments arrive one by one."""
    raw = call.text("welcome_code", missing=41049)
    text = _text(call.body)
    attachments = _attachments(platform, call.body)
    if not (text or attachments):
        raise ApiError(40058, "invalid parameter: text and attachments are both empty")
    code = platform.friends.spend_code(raw, platform.now())
    if text:
        meetings.arrive(platform, code.userid, code.external_userid, "text", {"content": text})
    for kind, content in attachments:
        meetings.arrive(platform, code.userid, code.external_userid, kind, content)
    return {}


def _text(body: Body) -> str:
    text = body.get("text")
    if text is None:
        return ""
    content = optional_text(object_of(body, "text"), "content")
    check_length("text.content", content, TEXT_BYTES)
    return content


def _attachments(platform: Platform, body: Body) -> list[tuple[str, Body]]:
    listed = body.get("attachments") or []
    if not isinstance(listed, list) or len(listed) > MOST_ATTACHMENTS:
        raise ApiError(41064, f"too many attachments: at most {MOST_ATTACHMENTS}")
    return [_attachment(platform, one) for one in listed]


def _attachment(platform: Platform, attachment: object) -> tuple[str, Body]:
    if not isinstance(attachment, dict):
        raise ApiError(41065, "invalid attachment")
    kind = text_of(attachment, "msgtype", missing=41065)
    if kind not in {"image", "link", "miniprogram", "video", "file"}:
        raise ApiError(41065, f"invalid attachments msgtype: {kind}")
    content = object_of(attachment, kind)
    if kind == "link":
        return kind, {
            "title": text_of(content, "title", longest=128),
            "desc": optional_text(content, "desc", longest=512),
            "url": text_of(content, "url", longest=2048),
        }
    if kind == "miniprogram":
        picture = text_of(content, "pic_media_id", missing=41006)
        platform.media.require(picture, "image", platform.now())
        return kind, {
            "title": text_of(content, "title", longest=64),
            "appid": text_of(content, "appid"),
            "page": text_of(content, "page"),
        }
    media_id = text_of(content, "media_id", missing=41006)
    stored = platform.media.require(media_id, kind, platform.now())
    return kind, {"media_id": media_id, "filename": stored.filename}


def _customer(platform: Platform, external_userid: str) -> Customer:
    if not external_userid:
        raise ApiError(41035, "external_userid missing")
    for customer in platform.customers():
        if customer.external_userid == external_userid:
            return customer
    raise ApiError(40096, "invalid external_userid")


def _profile(customer: Customer) -> Body:
    return {
        "external_userid": customer.external_userid,
        "name": customer.nickname,
        "avatar": "",
        "type": 1,
        "gender": customer.gender,
    }


def _common(pair: Friendship) -> Body:
    told: Body = {
        "userid": pair.userid,
        "remark": pair.remark,
        "description": pair.description,
        "createtime": pair.since,
        "remark_mobiles": pair.mobiles,
        "add_way": pair.add_way,
        "oper_userid": pair.userid,
    }
    return told | ({"state": pair.channel} if pair.channel else {})


def _followed(platform: Platform, pair: Friendship) -> Body:
    ids = platform.friends.tag_ids(pair.userid, pair.external_userid)
    return {**_common(pair), "remark_corp_name": pair.company, "tags": tags_of(platform, ids)}


def _info(platform: Platform, pair: Friendship) -> Body:
    ids = platform.friends.tag_ids(pair.userid, pair.external_userid)
    return {**_common(pair), "remark_corp_name": pair.company, "tag_id": ids}


ROUTES = {
    "externalcontact/get_follow_user_list": get(follow_users),
    "externalcontact/list": get(list_contacts),
    "externalcontact/get": get(contact),
    "externalcontact/batch/get_by_user": post(by_users),
    "externalcontact/remark": post(remark),
    "externalcontact/send_welcome_msg": post(welcome),
    "user/get": get(member),
}
