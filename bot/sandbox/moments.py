"""Moments as the platform keeps them: a job makes the task, guides publish, customers look."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from .errors import ApiError
from .journal import Line

if TYPE_CHECKING:
    from .platform import Platform

MAKING_SECONDS = 2
LIKE, COMMENT = "like", "comment"


def create(platform: Platform, body: dict[str, Any], senders: list[str], tags: list[str]) -> str:
    """A job that makes a task two seconds later; counts against the quotas at once."""
    now, settings = platform.now(), platform.settings
    minute = platform.store.value("SELECT COUNT(*) FROM moments WHERE created_at > ?", now - 60)
    if int(minute) >= settings.moments_per_minute:
        raise ApiError(45009, "api freq out of limit")
    jobid = "job" + secrets.token_hex(12)
    platform.store.insert(
        "moments",
        moment_id="mom" + secrets.token_hex(14),
        jobid=jobid,
        body=json.dumps(body, ensure_ascii=False),
        senders=json.dumps(senders),
        tags=json.dumps(tags),
        created_at=now,
    )
    return jobid


def by_job(platform: Platform, jobid: str) -> Any:
    """The task of a job."""
    row = platform.store.one("SELECT * FROM moments WHERE jobid = ?", jobid)
    if row is None:
        raise ApiError(40097, "invalid jobid")
    return row


def made(platform: Platform, moment_id: str) -> Any:
    """A task that is made."""
    row = platform.store.one("SELECT * FROM moments WHERE moment_id = ?", moment_id)
    if row is None or not is_made(platform, row):
        raise ApiError(41077, "invalid moment_id")
    return row


def is_made(platform: Platform, row: Any) -> bool:
    """Whether the job is done by now."""
    return bool(platform.now() >= row["created_at"] + MAKING_SECONDS)


def waiting(platform: Platform) -> list[tuple[str, str]]:
    """Posts that a guide may publish now, with the guide."""
    rows = platform.store.all("SELECT * FROM moments WHERE cancelled_at = 0 ORDER BY seq")
    return [
        (row["moment_id"], userid)
        for row in rows
        if is_made(platform, row)
        for userid in json.loads(row["senders"])
        if not published(platform, row["moment_id"], userid)
    ]


def published(platform: Platform, moment_id: str, userid: str) -> bool:
    """Whether this guide's post is out."""
    found = platform.store.value(
        "SELECT 1 FROM moment_posts WHERE moment_id = ? AND userid = ?", moment_id, userid
    )
    return found is not None


def audience(platform: Platform, row: Any, userid: str) -> list[str]:
    """The guide's friends with any of the tags, now."""
    tags = json.loads(row["tags"])
    friends = platform.store.all(
        "SELECT external_userid FROM friendships WHERE userid = ? AND half = 0 AND ended = ''"
        " ORDER BY external_userid",
        userid,
    )
    names = [one["external_userid"] for one in friends]
    if not tags:
        return names
    marks = ", ".join("?" * len(tags))
    tagged = platform.store.all(
        f"SELECT DISTINCT external_userid FROM friend_tags WHERE tag_id IN ({marks})",  # noqa: S608
        *tags,
    )
    bearers = {one["external_userid"] for one in tagged}
    return [name for name in names if name in bearers]


def publish(platform: Platform, moment_id: str, userid: str) -> list[str]:
    """The guide taps publish; returns the customers who can see it."""
    row = made(platform, moment_id)
    if row["cancelled_at"] or published(platform, moment_id, userid):
        return []
    now = platform.now()
    with platform.store.transaction():
        platform.store.insert("moment_posts", moment_id=moment_id, userid=userid, at=now)
        seen = audience(platform, row, userid)
        for who in seen:
            platform.store.run(
                "INSERT OR IGNORE INTO moment_views (moment_id, userid, external_userid, at)"
                " VALUES (?, ?, ?, ?)",
                moment_id,
                userid,
                who,
                now,
            )
    platform.journal.note(
        Line.PLATFORM,
        f"{userid} 发表朋友圈，{len(seen)} 人可见",
        f"{userid} publishes a moment, visible to {len(seen)}",
    )
    return seen


def react(platform: Platform, moment_id: str, userid: str, who: str, kind: str) -> None:
    """A customer likes or comments."""
    platform.store.insert(
        "moment_reactions",
        moment_id=moment_id,
        userid=userid,
        external_userid=who,
        kind=kind,
        at=platform.now(),
    )


def feed(platform: Platform, external_userid: str) -> list[dict[str, Any]]:
    """The posts that one customer can see, oldest first."""
    rows = platform.store.all(
        "SELECT v.moment_id, v.userid, v.at, m.body FROM moment_views v"
        " JOIN moments m USING (moment_id) WHERE v.external_userid = ? ORDER BY v.at, m.seq",
        external_userid,
    )
    return [
        {
            "moment_id": row["moment_id"],
            "userid": row["userid"],
            "text": str((json.loads(row["body"]).get("text") or {}).get("content") or ""),
            "at": row["at"],
        }
        for row in rows
    ]
