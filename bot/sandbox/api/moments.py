"""`externalcontact/*moment*`: posts that guides publish to customers with some tags."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .. import moments
from ..errors import ApiError
from .call import Answer, Body, Call, get, post, text_of
from .mass_sends import known_members, page_of

if TYPE_CHECKING:
    from ..platform import Platform

LONGEST_TEXT = 2000
MOST_PICTURES = 9
MONTH = 30 * 24 * 3600


def add(platform: Platform, call: Call) -> Answer:
    """Starts a job; its result names the post."""
    body = call.body
    _check_content(platform, body)
    reach = body.get("visible_range") or {}
    senders = list((reach.get("sender_list") or {}).get("user_list") or [])
    tags = list((reach.get("external_contact_list") or {}).get("tag_list") or [])
    known = known_members(platform)
    able = [userid for userid in senders if userid in known] if senders else sorted(known)
    _check_tags(platform, tags)
    if not able:
        raise ApiError(40003, "no valid sender")
    return {"jobid": moments.create(platform, body, able, tags)}


def result(platform: Platform, call: Call) -> Answer:
    """1 started, 3 done."""
    row = moments.by_job(platform, call.query.get("jobid", ""))
    if not moments.is_made(platform, row):
        return {"status": 1, "type": "add_moment_task"}
    done: Body = {"errcode": 0, "errmsg": "ok", "moment_id": row["moment_id"]}
    return {"status": 3, "type": "add_moment_task", "result": done}


def listing(platform: Platform, call: Call) -> Answer:
    """The corp's posts of at most 30 days."""
    start, end = call.number("start_time", 0), call.number("end_time", 0)
    if not 0 < start <= end or end - start > MONTH:
        raise ApiError(40058, "invalid parameter: start_time and end_time")
    rows = platform.store.all(
        "SELECT * FROM moments WHERE created_at BETWEEN ? AND ? ORDER BY seq DESC", start, end
    )
    page, cursor = page_of(call, [one for one in rows if moments.is_made(platform, one)], 20, 20)
    return {"moment_list": [_listed(row) for row in page], "next_cursor": cursor}


def members(platform: Platform, call: Call) -> Answer:
    """Who has published."""
    row = moments.made(platform, call.text("moment_id"))
    listed = [
        {
            "userid": userid,
            "publish_status": int(moments.published(platform, row["moment_id"], userid)),
        }
        for userid in json.loads(row["senders"])
    ]
    page, cursor = page_of(call, listed, 500, 1000)
    return {"task_list": page, "next_cursor": cursor}


def audience(platform: Platform, call: Call) -> Answer:
    """Whom a guide's post is meant for."""
    row, userid = moments.made(platform, call.text("moment_id")), call.text("userid")
    listed = [
        {"userid": userid, "external_userid": who}
        for who in moments.audience(platform, row, userid)
    ]
    page, cursor = page_of(call, listed, 500, 1000)
    return {"customer_list": page, "next_cursor": cursor}


def reached(platform: Platform, call: Call) -> Answer:
    """Who could see a guide's post."""
    row = moments.made(platform, call.text("moment_id"))
    rows = platform.store.all(
        "SELECT external_userid FROM moment_views WHERE moment_id = ? AND userid = ?"
        " ORDER BY external_userid",
        row["moment_id"],
        call.text("userid"),
    )
    page, cursor = page_of(call, [dict(one) for one in rows], 3000, 5000)
    return {"customer_list": page, "next_cursor": cursor}


def comments(platform: Platform, call: Call) -> Answer:
    """Who commented and liked; the words stay with the guide."""
    row = moments.made(platform, call.text("moment_id"))
    rows = platform.store.all(
        "SELECT * FROM moment_reactions WHERE moment_id = ? AND userid = ? ORDER BY at, rowid",
        row["moment_id"],
        call.text("userid"),
    )

    def of(kind: str) -> list[Body]:
        return [
            {"external_userid": one["external_userid"], "create_time": one["at"]}
            for one in rows
            if one["kind"] == kind
        ]

    return {"comment_list": of(moments.COMMENT), "like_list": of(moments.LIKE)}


def cancel(platform: Platform, call: Call) -> Answer:
    """Stop what is not published."""
    row = moments.made(platform, call.text("moment_id"))
    platform.store.run(
        "UPDATE moments SET cancelled_at = ? WHERE moment_id = ? AND cancelled_at = 0",
        platform.now(),
        row["moment_id"],
    )
    return {}


def _check_content(platform: Platform, body: Body) -> None:
    text, attachments = body.get("text"), body.get("attachments") or []
    if isinstance(text, dict) and len(text_of(text, "content")) > LONGEST_TEXT:
        raise ApiError(40058, "invalid parameter: text is too long")
    if not text and not attachments:
        raise ApiError(41048, "text and attachments are both empty")
    kinds = [one.get("msgtype") for one in attachments]
    if len(set(kinds)) > 1 or set(kinds) - {"image", "video", "link"}:
        raise ApiError(41065, "invalid attachments msgtype")
    if len(kinds) > (MOST_PICTURES if "image" in kinds else 1):
        raise ApiError(41064, "too many attachments")
    for one in attachments:
        media_id = str((one.get(one["msgtype"]) or {}).get("media_id") or "")
        stored = platform.media.get(media_id, platform.now())
        if stored.purpose != "attachment":
            raise ApiError(40007, "invalid media_id: it was not uploaded for moments")


def _check_tags(platform: Platform, tags: list[Any]) -> None:
    for tag_id in tags:
        if platform.store.value("SELECT 1 FROM corp_tags WHERE tag_id = ?", tag_id) is None:
            raise ApiError(40068, f"invalid tagid: {tag_id}")


def _listed(row: Any) -> Body:
    body = json.loads(row["body"])
    listed: Body = {
        "moment_id": row["moment_id"],
        "create_time": row["created_at"],
        "create_type": 0,
        "visible_type": 0 if json.loads(row["tags"]) else 1,
    }
    return listed | ({"text": body["text"]} if body.get("text") else {})


ROUTES = {
    "externalcontact/add_moment_task": post(add),
    "externalcontact/get_moment_task_result": get(result),
    "externalcontact/get_moment_list": post(listing),
    "externalcontact/get_moment_task": post(members),
    "externalcontact/get_moment_customer_list": post(audience),
    "externalcontact/get_moment_send_result": post(reached),
    "externalcontact/get_moment_comments": post(comments),
    "externalcontact/cancel_moment_task": post(cancel),
}
