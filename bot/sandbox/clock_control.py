"""`/sandbox/api/` of time and of what waits for guides."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from aiohttp import web

from . import clock_guides, moments_feed
from .clock_walk import PassingTime
from .keys import PLATFORM

TIME = web.AppKey("TIME", PassingTime)
_LONGEST_DAYS = 31


async def show_time(request: web.Request) -> web.Response:
    """The time of the platform, and the guides' tasks."""
    return _json(_state(request))


async def turn_clock(request: web.Request) -> web.Response:
    """Let `{"seconds"}` pass; answers when they have."""
    seconds = float((await _body(request))["seconds"])
    if not 0 <= seconds <= _LONGEST_DAYS * 24 * 3600:
        raise ValueError(f"时钟只能往前拨，一次最多 {_LONGEST_DAYS} 天")
    await request.app[TIME].let(timedelta(seconds=seconds))
    platform = request.app[PLATFORM]
    platform.changed("clock")
    platform.changed("customers")
    return _json(_state(request))


async def change_guides(request: web.Request) -> web.Response:
    """`{"on"}`: whether guides confirm by themselves while time passes."""
    request.app[TIME].guides_act = bool((await _body(request))["on"])
    return _json(_state(request))


async def confirm(request: web.Request) -> web.Response:
    """A guide confirms one task: `{"kind", "id", "userid"}`."""
    body = await _body(request)
    reached = moments_feed.confirm_task(
        request.app[PLATFORM], str(body["kind"]), str(body["id"]), str(body["userid"])
    )
    return _json({"reached": reached} | _state(request))


async def show_moments(request: web.Request) -> web.Response:
    """One customer's moments feed."""
    platform, who = request.app[PLATFORM], request.match_info["customer"]
    platform.customer(who)
    return _json({"items": moments_feed.shown_feed(platform, who)})


async def like(request: web.Request) -> web.Response:
    """The customer likes a post, or no longer: `{"moment_id", "userid"}`."""
    platform, who = request.app[PLATFORM], request.match_info["customer"]
    body = await _body(request)
    moments_feed.like(platform, who, str(body["moment_id"]), str(body["userid"]))
    return _json({"items": moments_feed.shown_feed(platform, who)})


def _state(request: web.Request) -> dict[str, Any]:
    platform, time = request.app[PLATFORM], request.app[TIME]
    return {
        "now": platform.clock().isoformat(),
        "until": time.until.isoformat() if time.until else None,
        "guides_act": time.guides_act,
        "tasks": moments_feed.waiting_tasks(platform),
        "cards": clock_guides.latest_cards(platform),
    }


async def _body(request: web.Request) -> dict[str, Any]:
    body = await request.json()
    if not isinstance(body, dict):
        raise ValueError("请求体应为 JSON 对象")
    return body


def _json(value: object) -> web.Response:
    return web.json_response(value, dumps=lambda one: json.dumps(one, ensure_ascii=False))


def routes() -> list[web.RouteDef]:
    """All of them."""
    base = "/sandbox/api"
    return [
        web.get(f"{base}/time", show_time),
        web.post(f"{base}/clock", turn_clock),
        web.post(f"{base}/guides", change_guides),
        web.post(f"{base}/guides/confirm", confirm),
        web.get(f"{base}/customers/{{customer}}/moments", show_moments),
        web.post(f"{base}/customers/{{customer}}/moments", like),
    ]
