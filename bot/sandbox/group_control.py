"""`/sandbox/api/groups`: what other programs and the page use to play with groups."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from . import gatherings
from .groups import BY_CODE, INVITED, Group
from .keys import PLATFORM
from .platform import Platform


async def listing(request: web.Request) -> web.Response:
    """Every group as it really is, ahead of what the API tells; codes and greetings beside."""
    platform = request.app[PLATFORM]
    return _json(
        {
            "items": [_shown(platform, one) for one in platform.groups.all()],
            "codes": _codes(platform),
            "templates": _templates(platform),
        }
    )


async def open_group(request: web.Request) -> web.Response:
    """A guide opens a group: `{"name", "owner", "members"?}`."""
    body = await _body(request)
    platform = request.app[PLATFORM]
    members = [str(one) for one in body.get("members", [])]
    group = gatherings.open_group(platform, str(body["name"]), str(body["owner"]), members)
    return _json(_shown(platform, group), status=201)


async def act(request: web.Request) -> web.Response:
    """`{"act": "join" | "leave" | "change" | "dismiss" | "pick", …}`."""
    body = await _body(request)
    platform, chat_id = request.app[PLATFORM], request.match_info["chat"]
    return _json(_shown(platform, ACTS[str(body["act"])](platform, chat_id, body)), status=201)


async def scan(request: web.Request) -> web.Response:
    """A customer scans a group code: `{"external_userid", "closes_at"?}`."""
    body = await _body(request)
    platform = request.app[PLATFORM]
    group = gatherings.scan(
        platform,
        str(body["external_userid"]),
        request.match_info["code"],
        closes_at=int(body.get("closes_at", gatherings.CODE_CLOSES_AT)),
    )
    return _json(_shown(platform, group), status=201)


ACTS: dict[str, Callable[[Platform, str, dict[str, Any]], Group]] = {
    "join": lambda platform, chat_id, body: gatherings.join(
        platform,
        chat_id,
        [str(one) for one in body["members"]],
        scene=BY_CODE if body.get("by_code") else INVITED,
        invitor=str(body.get("invitor", "")),
    ),
    "leave": lambda platform, chat_id, body: gatherings.leave(
        platform,
        chat_id,
        [str(one) for one in body["members"]],
        removed=bool(body.get("removed")),
    ),
    "change": lambda platform, chat_id, body: gatherings.change(
        platform,
        chat_id,
        **{key: str(body[key]) for key in ("name", "notice", "owner") if key in body},
    ),
    "dismiss": lambda platform, chat_id, body: gatherings.dismiss(platform, chat_id),
    "speak": lambda platform, chat_id, body: gatherings.speak(platform, chat_id),
    "pick": lambda platform, chat_id, body: gatherings.pick_template(
        platform, chat_id, str(body["template_id"])
    ),
}


def _codes(platform: Platform) -> list[dict[str, Any]]:
    rows = platform.store.all("SELECT config_id, body FROM join_ways ORDER BY rowid DESC")
    ways = [(row["config_id"], json.loads(row["body"])) for row in rows]
    return [
        {"config_id": config_id, "remark": way.get("remark") or way.get("room_base_name") or ""}
        for config_id, way in ways
    ]


def _templates(platform: Platform) -> list[dict[str, str]]:
    rows = platform.store.all("SELECT template_id, body FROM group_templates ORDER BY rowid DESC")
    return [
        {
            "template_id": row["template_id"],
            "text": str((json.loads(row["body"]).get("text") or {}).get("content") or ""),
        }
        for row in rows
    ]


def _shown(platform: Platform, group: Group) -> dict[str, Any]:
    return {
        "chat_id": group.chat_id,
        "name": group.name,
        "owner": group.owner,
        "notice": group.notice,
        "dismissed": group.dismissed,
        "version": group.version,
        "template_id": group.template_id,
        "members": [
            {"userid": one.userid, "name": one.name, "kind": one.kind} for one in group.members
        ],
        "greetings": gatherings.greetings(platform, group.chat_id),
    }


async def _body(request: web.Request) -> dict[str, Any]:
    body = await request.json()
    if not isinstance(body, dict):
        raise ValueError("请求体应为 JSON 对象")
    return body


def _json(value: object, *, status: int = 200) -> web.Response:
    return web.json_response(
        value, status=status, dumps=lambda v: json.dumps(v, ensure_ascii=False)
    )


def routes() -> list[web.RouteDef]:
    """All of them."""
    base = "/sandbox/api"
    return [
        web.get(f"{base}/groups", listing),
        web.post(f"{base}/groups", open_group),
        web.post(f"{base}/groups/{{chat}}/acts", act),
        web.post(f"{base}/group-codes/{{code}}/scans", scan),
    ]
