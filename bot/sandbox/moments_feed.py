"""A customer's moments feed and the guides' waiting tasks, as the page shows them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import clock_guides, mass_sends, moments
from .errors import UnknownSubject
from .sample import GUIDES

if TYPE_CHECKING:
    from .platform import Platform

MOMENT, MASS_SEND, CARD = "moment", "mass_send", "card"
_GUIDE_FACES = ("bun", "long", "curl", "bob")


def shown_feed(platform: Platform, external_userid: str) -> list[dict[str, Any]]:
    """The posts that one customer sees, newest first, with what this customer did about them."""
    rows = platform.store.all(
        "SELECT v.moment_id, v.userid, v.at, m.body FROM moment_views v"
        " JOIN moments m USING (moment_id) WHERE v.external_userid = ?"
        " ORDER BY v.at DESC, m.seq DESC LIMIT 200",
        external_userid,
    )
    liked = {
        (row["moment_id"], row["userid"])
        for row in platform.store.all(
            "SELECT moment_id, userid FROM moment_reactions WHERE external_userid = ?"
            " AND kind = ?",
            external_userid,
            moments.LIKE,
        )
    }
    return [
        _content(json.loads(row["body"]))
        | {
            "moment_id": row["moment_id"],
            "userid": row["userid"],
            "guide": GUIDES.get(row["userid"], row["userid"]),
            "face": guide_face(row["userid"]),
            "at": row["at"],
            "liked": (row["moment_id"], row["userid"]) in liked,
        }
        for row in rows
    ]


def _content(body: dict[str, Any]) -> dict[str, Any]:
    attachments = body.get("attachments") or []
    images = [one["image"]["media_id"] for one in attachments if one.get("msgtype") == "image"]
    links = [one["link"] for one in attachments if one.get("msgtype") == "link"]
    return {
        "text": str((body.get("text") or {}).get("content") or ""),
        "images": images,
        "link": links[0] if links else None,
    }


def guide_face(userid: str) -> str:
    """The drawing that stands for a guide."""
    known = list(GUIDES)
    place = known.index(userid) if userid in known else len(known)
    return _GUIDE_FACES[place % len(_GUIDE_FACES)]


def like(platform: Platform, external_userid: str, moment_id: str, userid: str) -> None:
    """The customer likes a post that is on the phone; a second tap takes it back."""
    pair = (moment_id, userid, external_userid)
    seen = platform.store.value(
        "SELECT 1 FROM moment_views WHERE moment_id = ? AND userid = ? AND external_userid = ?",
        *pair,
    )
    if seen is None:
        raise UnknownSubject("这位客户看不到这条朋友圈")
    taken_back = platform.store.run(
        "DELETE FROM moment_reactions WHERE moment_id = ? AND userid = ? AND external_userid = ?"
        " AND kind = 'like'",
        *pair,
    )
    if not taken_back:
        moments.react(platform, moment_id, userid, external_userid, moments.LIKE)
    platform.changed("threads")


def waiting_tasks(platform: Platform) -> list[dict[str, Any]]:
    """What guides have not confirmed yet, oldest first."""
    return [
        *(_post(platform, moment_id, userid) for moment_id, userid in moments.waiting(platform)),
        *(_send(platform, msgid) for msgid, _ in mass_sends.waiting(platform)),
    ]


def _post(platform: Platform, moment_id: str, userid: str) -> dict[str, Any]:
    row = moments.made(platform, moment_id)
    return _task(MOMENT, moment_id, userid, row, len(moments.audience(platform, row, userid)))


def _send(platform: Platform, msgid: str) -> dict[str, Any]:
    row = mass_sends.task(platform, msgid)
    count = platform.store.value("SELECT COUNT(*) FROM mass_targets WHERE msgid = ?", msgid)
    return _task(MASS_SEND, msgid, row["userid"], row, int(count))


def _task(kind: str, task_id: str, userid: str, row: Any, audience: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "id": task_id,
        "userid": userid,
        "guide": GUIDES.get(userid, userid),
        "text": _content(json.loads(row["body"]))["text"],
        "at": row["created_at"],
        "audience": audience,
    }


def confirm_task(platform: Platform, kind: str, task_id: str, userid: str) -> int:
    """The guide taps publish or send; returns how many customers it reached."""
    if kind == MOMENT:
        reached = len(moments.publish(platform, task_id, userid))
    elif kind == MASS_SEND:
        reached = len(mass_sends.confirm(platform, task_id))
    elif kind == CARD and task_id.isdigit():
        reached = clock_guides.follow_up(platform, int(task_id))
    else:
        raise UnknownSubject(f"没有 {kind} 这种任务")
    platform.changed("threads")
    platform.changed("clock")
    return reached
