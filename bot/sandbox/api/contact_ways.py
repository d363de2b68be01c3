"""Contact ways: codes behind which several guides stand."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from ..sample import GUIDES
from .call import Answer, Body, Call, optional_text, post

if TYPE_CHECKING:
    from ..platform import Platform

MOST_USERS = 100
MOST_ROWS = 1000
MULTI, QR = 2, 2
_KEPT = ("type", "scene", "style", "remark", "skip_verify", "state", "user", "party")
_CHANGEABLE = ("remark", "skip_verify", "style", "state", "user", "party")


def add(platform: Platform, call: Call) -> Answer:
    """A new code; the same call again makes another one."""
    kind, scene = call.number("type", 0), call.number("scene", 0)
    if kind not in (1, 2):
        raise ApiError(41039 if kind else 41037, "invalid type")
    if scene not in (1, 2):
        raise ApiError(41040 if scene else 41038, "invalid scene")
    _check(call.body, required=True, single=kind == 1)
    config_id = secrets.token_hex(16)
    body = {"skip_verify": True} | {key: call.body[key] for key in _KEPT if key in call.body}
    if scene == QR:
        base = call.base or "https://wework.qpic.cn"
        body["qr_code"] = f"{base}/wwpic/{config_id}/0"
    platform.store.run(
        "INSERT INTO contact_ways (config_id, position, body, created_at)"
        " SELECT ?, 1 + COUNT(*), ?, ? FROM contact_ways",
        config_id,
        json.dumps(body, ensure_ascii=False),
        platform.now(),
    )
    platform.changed("codes")
    return {"config_id": config_id} | ({"qr_code": body["qr_code"]} if scene == QR else {})


def get(platform: Platform, call: Call) -> Answer:
    """One code with everything that was set."""
    config_id, body = _way(platform, call)
    return {"contact_way": {"config_id": config_id, **body}}


def list_ways(platform: Platform, call: Call) -> Answer:
    """The ids of codes made in a span of time, page by page."""
    now = platform.now()
    start = call.number("start_time", now - 90 * 86400)
    end = call.number("end_time", now)
    limit = min(max(call.number("limit", 100), 1), MOST_ROWS)
    cursor = optional_text(call.body, "cursor")
    if cursor and not cursor.isdigit():
        raise ApiError(50100, "invalid cursor")
    rows = platform.store.all(
        "SELECT config_id, position FROM contact_ways WHERE created_at BETWEEN ? AND ?"
        " AND position > ? ORDER BY position LIMIT ?",
        start,
        end,
        int(cursor or 0),
        limit + 1,
    )
    page = rows[:limit]
    more = str(page[-1]["position"]) if len(rows) > limit else ""
    return {
        "contact_way": [{"config_id": row["config_id"]} for row in page],
        "next_cursor": more,
    }


def update(platform: Platform, call: Call) -> Answer:
    """Change a code; users are replaced as a whole."""
    config_id, body = _way(platform, call)
    _check({**body, **call.body}, required=False, single=body["type"] == 1)
    changes = {key: call.body[key] for key in _CHANGEABLE if key in call.body}
    platform.store.run(
        "UPDATE contact_ways SET body = ? WHERE config_id = ?",
        json.dumps(body | changes, ensure_ascii=False),
        config_id,
    )
    platform.changed("codes")
    return {}


def delete(platform: Platform, call: Call) -> Answer:
    """Take a code away; it cannot be scanned any more."""
    config_id, _ = _way(platform, call)
    platform.store.run("DELETE FROM contact_ways WHERE config_id = ?", config_id)
    platform.changed("codes")
    return {}


def _way(platform: Platform, call: Call) -> tuple[str, Body]:
    config_id = call.text("config_id", missing=41043)
    row = platform.store.one("SELECT body FROM contact_ways WHERE config_id = ?", config_id)
    if row is None:
        raise ApiError(41044, "invalid config_id")
    body: Body = json.loads(row["body"])
    return config_id, body


def _check(body: Body, *, required: bool, single: bool) -> None:
    if len(body.get("state") or "") > 30 or len(body.get("remark") or "") > 30:
        raise ApiError(40058, "invalid parameter: state and remark have at most 30 characters")
    users: Any = body.get("user", [] if required else None)
    if users is None:
        return
    if not isinstance(users, list) or not all(isinstance(one, str) for one in users):
        raise ApiError(40058, "invalid parameter: user must be a list of strings")
    if len(users) > MOST_USERS or (single and len(users) != 1):
        raise ApiError(41041, "too many users, or not exactly one for a single code")
    if not users and not body.get("party"):
        raise ApiError(40058, "invalid parameter: user and party are both empty")
    if unknown := [one for one in users if one not in GUIDES]:
        raise ApiError(41054, f"user has no customer contact function: {unknown[0]}")


ROUTES = {
    "externalcontact/add_contact_way": post(add),
    "externalcontact/get_contact_way": post(get),
    "externalcontact/list_contact_way": post(list_ways),
    "externalcontact/update_contact_way": post(update),
    "externalcontact/del_contact_way": post(delete),
}
