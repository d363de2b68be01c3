"""Links of the acquisition assistant (获客助手): a paid way to become a guide's friend."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from ..links import Link, find_link, links, spent
from ..sample import GUIDES
from .call import Answer, Call, get, object_of, optional_text, post

if TYPE_CHECKING:
    from ..platform import Platform

MOST_USERS = 500
LONGEST_NAME = 30
MOST_ROWS, MOST_CUSTOMERS = 100, 1000
_YEAR = 365 * 86400


def create(platform: Platform, call: Call) -> Answer:
    """A new link; the same call again makes another one."""
    name, users = _name(call), _users(call)
    if spent(platform) >= platform.settings.acquisition_quota:
        raise ApiError(41095, "acquisition links are used up: no quota left")
    link_id = f"cawcde{secrets.token_hex(9)}"
    skips, now = _skips(call, default=True), platform.now()
    url = f"{call.base or 'https://work.weixin.qq.com'}/ca/{link_id}"
    body = {"link_name": name, "users": users, "skip_verify": skips, "url": url}
    platform.store.insert(
        "acquisition_links",
        link_id=link_id,
        body=json.dumps(body, ensure_ascii=False),
        created_at=now,
    )
    platform.changed("codes")
    return {
        "link": {"link_id": link_id, "link_name": name, "url": url, "create_time": now},
    }


def read(platform: Platform, call: Call) -> Answer:
    """One link with everybody behind it."""
    link = _link(platform, call)
    told = {
        "link_id": link.link_id,
        "link_name": link.name,
        "url": link.url,
        "create_time": link.created_at,
        "skip_verify": link.skip_verify,
    }
    return {"link": told, "range": {"user_list": list(link.users), "department_list": []}}


def list_links(platform: Platform, call: Call) -> Answer:
    """The ids of all links, page by page."""
    page, more = _page(
        call, [link.link_id for link in links(platform)], most=MOST_ROWS, usual=MOST_ROWS
    )
    return {"link_id_list": page, "next_cursor": more}


def update(platform: Platform, call: Call) -> Answer:
    """Change a link; the range is replaced as a whole."""
    link = _link(platform, call)
    name = _name(call) if "link_name" in call.body else link.name
    users = _users(call) if "range" in call.body else list(link.users)
    body = {
        "link_name": name,
        "users": users,
        "skip_verify": _skips(call, default=link.skip_verify),
        "url": link.url,
    }
    platform.store.run(
        "UPDATE acquisition_links SET body = ? WHERE link_id = ?",
        json.dumps(body, ensure_ascii=False),
        link.link_id,
    )
    platform.changed("codes")
    return {}


def delete(platform: Platform, call: Call) -> Answer:
    """Take a link away; by the API this fires no event."""
    link = _link(platform, call)
    platform.store.run("DELETE FROM acquisition_links WHERE link_id = ?", link.link_id)
    platform.changed("codes")
    return {}


def customers(platform: Platform, call: Call) -> Answer:
    """Who came by a link, page by page."""
    link = _link(platform, call)
    rows = platform.store.all(
        "SELECT * FROM acquisition_friends WHERE link_id = ? ORDER BY seq", link.link_id
    )
    page, more = _page(call, rows, most=MOST_CUSTOMERS, usual=MOST_CUSTOMERS)
    listed = [
        {
            "external_userid": row["external_userid"],
            "userid": row["userid"],
            "chat_status": 0,
            "state": row["state"],
        }
        for row in page
    ]
    return {"customer_list": listed, "next_cursor": more}


def quota(platform: Platform, call: Call) -> Answer:
    """How many friends were paid for, and how many of them are left."""
    total = platform.settings.acquisition_quota
    left = max(total - spent(platform), 0)
    return {
        "total": total,
        "balance": left,
        "quota_list": [{"expire_date": platform.now() + _YEAR, "balance": left}],
    }


def _link(platform: Platform, call: Call) -> Link:
    link_id = call.text("link_id")
    found = find_link(platform, link_id)
    if found is None:
        raise ApiError(40058, f"invalid parameter: no link {link_id}")
    return found


def _name(call: Call) -> str:
    name = call.text("link_name")
    if len(name) > LONGEST_NAME:
        raise ApiError(40058, f"invalid parameter: link_name is over {LONGEST_NAME} characters")
    return name


def _users(call: Call) -> list[str]:
    users = object_of(call.body, "range").get("user_list")
    if not isinstance(users, list) or not users or not all(isinstance(one, str) for one in users):
        raise ApiError(40058, "invalid parameter: range.user_list must name somebody")
    if len(users) > MOST_USERS:
        raise ApiError(40058, f"invalid parameter: range has more than {MOST_USERS} people")
    if unknown := [one for one in users if one not in GUIDES]:
        raise ApiError(41054, f"user has no customer contact function: {unknown[0]}")
    return users


def _skips(call: Call, *, default: bool) -> bool:
    value = call.body.get("skip_verify", default)
    if not isinstance(value, bool):
        raise ApiError(40058, "invalid parameter: skip_verify must be a boolean")
    return value


def _page(call: Call, rows: list[Any], *, most: int, usual: int) -> tuple[list[Any], str]:
    cursor = optional_text(call.body, "cursor")
    if cursor and not cursor.isdigit():
        raise ApiError(50100, "invalid cursor")
    start, limit = int(cursor or 0), min(max(call.number("limit", usual), 1), most)
    more = str(start + limit) if start + limit < len(rows) else ""
    return rows[start : start + limit], more


_BASE = "externalcontact/customer_acquisition"
ROUTES = {
    f"{_BASE}/create_link": post(create),
    f"{_BASE}/get": post(read),
    f"{_BASE}/list_link": post(list_links),
    f"{_BASE}/update_link": post(update),
    f"{_BASE}/delete_link": post(delete),
    f"{_BASE}/customer": post(customers),
    f"{_BASE}_quota": get(quota),
}
