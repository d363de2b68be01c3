"""Mass sends and moments as the platform keeps them: two steps, the second one a guide's."""

from __future__ import annotations

import json
import secrets
from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from .errors import ApiError
from .journal import Line
from .timeline import Origin

if TYPE_CHECKING:
    from .platform import Platform

DISPATCH_SECONDS = 2
MOST_REMINDERS = 3
DAY = 24 * 3600
WAITING, SENT, NOT_FRIENDS, LIMIT = 0, 1, 2, 3
_SHANGHAI = timezone(timedelta(hours=8))


def create(platform: Platform, body: dict[str, Any], sender: str, targets: list[str]) -> str:
    """A new task of one guide; it is dispatched two seconds later."""
    msgid = "msg" + secrets.token_hex(16)
    platform.store.insert(
        "mass_tasks",
        msgid=msgid,
        userid=sender,
        chat_type=str(body.get("chat_type") or "single"),
        body=json.dumps(body, ensure_ascii=False),
        created_at=platform.now(),
    )
    for target in targets:
        platform.store.insert("mass_targets", msgid=msgid, target=target)
    return msgid


def task(platform: Platform, msgid: str, *, dispatched: bool = True) -> Any:
    """A task's row; 41063 while it is being dispatched, 41093 once cancelled."""
    row = platform.store.one("SELECT * FROM mass_tasks WHERE msgid = ?", msgid)
    if row is None:
        raise ApiError(40058, "invalid parameter: msgid")
    if dispatched and platform.now() < row["created_at"] + DISPATCH_SECONDS:
        raise ApiError(41063, "groupmsg is dispatching, try later")
    return row


def waiting(platform: Platform) -> list[tuple[str, str]]:
    """Tasks that a guide may confirm now, with the guide."""
    rows = platform.store.all(
        "SELECT msgid, userid FROM mass_tasks WHERE sent_at = 0 AND cancelled_at = 0"
        " AND created_at <= ? ORDER BY seq",
        platform.now() - DISPATCH_SECONDS,
    )
    return [(row["msgid"], row["userid"]) for row in rows]


def confirm(platform: Platform, msgid: str) -> list[str]:
    """The guide taps send; returns whom it reached."""
    row = task(platform, msgid)
    if row["sent_at"] or row["cancelled_at"]:
        return []
    now, reached = platform.now(), []
    with platform.store.transaction():
        platform.store.run("UPDATE mass_tasks SET sent_at = ? WHERE msgid = ?", now, msgid)
        for each in platform.store.all("SELECT target FROM mass_targets WHERE msgid = ?", msgid):
            status = _outcome(platform, row, each["target"], now)
            platform.store.run(
                "UPDATE mass_targets SET status = ?, sent_at = ? WHERE msgid = ? AND target = ?",
                status,
                now,
                msgid,
                each["target"],
            )
            if status == SENT:
                reached.append(each["target"])
    if row["chat_type"] == "single":
        for who in reached:
            _arrive(platform, row, who)
    count = len(reached)
    platform.journal.note(
        Line.PLATFORM,
        f"{row['userid']} 确认群发，送达 {count} 人",
        f"{row['userid']} confirms a mass send, {count} reached",
    )
    return reached


def _arrive(platform: Platform, row: Any, who: str) -> None:
    """A mass message stands in the customer's chat with the guide like any other."""
    body = json.loads(row["body"])
    contents = [("text", body["text"])] if (body.get("text") or {}).get("content") else []
    contents += [(one["msgtype"], one[one["msgtype"]]) for one in body.get("attachments") or []]
    for msgtype, content in contents:
        platform.timeline.append(
            f"friend:{row['userid']}",
            who,
            Origin.SERVICER,
            msgtype,
            content,
            at=platform.now(),
            servicer=row["userid"],
        )
    platform.changed("threads")


def cancel(platform: Platform, msgid: str) -> None:
    """Stop a task that is not sent; a second time is refused."""
    row = task(platform, msgid, dispatched=False)
    if row["cancelled_at"]:
        raise ApiError(41093, "groupmsg is cancelled")
    platform.store.run(
        "UPDATE mass_tasks SET cancelled_at = ? WHERE msgid = ?", platform.now(), msgid
    )


def remind(platform: Platform, msgid: str) -> None:
    """At most three times in 24 hours."""
    row, now = task(platform, msgid), platform.now()
    if row["cancelled_at"]:
        raise ApiError(41093, "groupmsg is cancelled")
    recent = [at for at in json.loads(row["reminders"]) if at > now - DAY]
    if len(recent) >= MOST_REMINDERS:
        raise ApiError(41094, "remind groupmsg too often")
    platform.store.run(
        "UPDATE mass_tasks SET reminders = ? WHERE msgid = ?", json.dumps([*recent, now]), msgid
    )


def received(platform: Platform, target: str) -> list[dict[str, Any]]:
    """The mass messages that reached one customer or group, oldest first."""
    rows = platform.store.all(
        "SELECT t.msgid, t.body, t.created_at, m.sent_at"
        " FROM mass_targets m JOIN mass_tasks t USING (msgid)"
        " WHERE m.target = ? AND m.status = 1 ORDER BY m.sent_at, t.seq",
        target,
    )
    return [
        {
            "msgid": row["msgid"],
            "text": str((json.loads(row["body"]).get("text") or {}).get("content") or ""),
            "asked_at": row["created_at"],
            "at": row["sent_at"],
        }
        for row in rows
    ]


def period_start(rule: str, moment: int) -> int:
    """When the natural period of the reception rule began, in Shanghai."""
    local = datetime.fromtimestamp(moment, UTC).astimezone(_SHANGHAI)
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if rule == "7_per_week":
        day -= timedelta(days=day.weekday())
    elif rule != "1_per_day":
        day = day.replace(day=1)
    return int(day.timestamp())


def limit(rule: str, moment: int) -> int:
    """How many mass messages one customer may receive in that period."""
    fixed = {"7_per_week": 7, "1_per_day": 1, "4_per_month": 4}
    local = datetime.fromtimestamp(moment, UTC).astimezone(_SHANGHAI)
    return fixed.get(rule) or monthrange(local.year, local.month)[1]


def _outcome(platform: Platform, row: Any, target: str, now: int) -> int:
    if row["chat_type"] == "single":
        friends = platform.store.value(
            "SELECT 1 FROM friendships WHERE userid = ? AND external_userid = ?"
            " AND ended = '' AND half = 0",
            row["userid"],
            target,
        )
        if friends is None:
            return NOT_FRIENDS
    rule = platform.settings.mass_send_rule
    used = platform.store.value(
        "SELECT COUNT(*) FROM mass_targets WHERE target = ? AND status = 1 AND sent_at >= ?",
        target,
        period_start(rule, now),
    )
    return LIMIT if int(used) >= limit(rule, now) else SENT
