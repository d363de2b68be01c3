"""`/sandbox/api/`: what the page and other programs use to drive the platform."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from . import handovers, meetings, reception, visits
from .errors import ApiError, SandboxError
from .keys import PLATFORM, SENDER
from .links import latest_channel, links
from .live import stream
from .platform import Platform
from .sample import GUIDES
from .timeline import Message
from .views import shown_customer, shown_message

LARGEST_PICTURE = 2 * 1024 * 1024


@web.middleware
async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
    """Refuse posts from other sites, and answer mistakes in JSON."""
    if not request.path.startswith("/sandbox/api/"):
        served: web.StreamResponse = await handler(request)
        return served
    origin = request.headers.get("Origin")
    if request.method != "GET" and origin and urlsplit(origin).netloc != request.host:
        return _problem(403, "来自其他网站的请求被拒绝")
    try:
        answered: web.StreamResponse = await handler(request)
    except (SandboxError, ApiError, ValueError, KeyError, TypeError) as error:
        return _problem(400, str(error) or "参数不对")
    return answered


async def overview(request: web.Request) -> web.Response:
    """Everything the page needs at first."""
    platform = request.app[PLATFORM]
    settings = platform.settings
    return _json(
        {
            "shop_name": settings.shop_name,
            "console_url": settings.console_url,
            "callback_url": settings.callback_url,
            "now": platform.clock().isoformat(),
            "guides": GUIDES,
            "admin_welcomes": [one for one in GUIDES if meetings.has_admin_welcome(platform, one)],
            "clock_ahead_seconds": platform.clock.offset.total_seconds(),
            "customers": [shown_customer(platform, one) for one in platform.customers()],
            "faults": platform.faults.listing(),
            "journal": [entry.shown() for entry in platform.journal.entries],
        }
    )


async def customers(request: web.Request) -> web.Response:
    """The list with unread counts and sessions."""
    platform = request.app[PLATFORM]
    return _json({"items": [shown_customer(platform, one) for one in platform.customers()]})


async def add_customer(request: web.Request) -> web.Response:
    """A new customer: `{"external_userid", "nickname", "sketch"?}`."""
    body = await _body(request)
    platform = request.app[PLATFORM]
    added = platform.add_customer(
        str(body["external_userid"]), str(body["nickname"]), sketch=str(body.get("sketch", ""))
    )
    return _json(shown_customer(platform, added), status=201)


async def thread(request: web.Request) -> web.Response:
    """One customer's phone; reading it clears the unread badge unless `?peek=1`."""
    platform, external_userid = request.app[PLATFORM], request.match_info["customer"]
    customer = platform.customer(external_userid)
    if request.query.get("peek") != "1" and platform.unread(external_userid):
        platform.mark_read(external_userid)
    messages = platform.timeline.of_customer(external_userid)
    return _json(
        {
            "customer": shown_customer(platform, customer),
            "messages": [shown_message(message) for message in messages],
        }
    )


async def write(request: web.Request) -> web.Response:
    """The customer writes `{"text"}`, or sends `{"msgtype", "content"}`."""
    body = await _body(request)
    platform, external_userid = request.app[PLATFORM], request.match_info["customer"]
    if "msgtype" in body:
        content = dict(body["content"])
        message = platform.customer_sends(external_userid, str(body["msgtype"]), content)
    else:
        text = str(body["text"]).strip()
        if not text:
            raise ValueError("消息是空的")
        message = platform.customer_writes(external_userid, text)
    return _json(shown_message(message), status=201)


async def send_picture(request: web.Request) -> web.Response:
    """The customer sends a picture: the request's body is the file."""
    platform, external_userid = request.app[PLATFORM], request.match_info["customer"]
    data = await request.read()
    if len(data) > LARGEST_PICTURE:
        raise ValueError("图片超过 2 MB")
    suffix = {"image/png": "png", "image/jpeg": "jpg"}.get(request.content_type)
    if suffix is None:
        raise ValueError("只支持 png 和 jpg 图片")
    stored = platform.media.add(
        "image",
        data,
        filename=f"picture.{suffix}",
        content_type=request.content_type,
        now=platform.now(),
    )
    message = platform.customer_sends(external_userid, "image", {"media_id": stored.media_id})
    return _json(shown_message(message), status=201)


async def media(request: web.Request) -> web.Response:
    """A picture for the phone; anything else is only offered as a download."""
    stored = request.app[PLATFORM].media.shown(request.match_info["media"])
    kind = stored.content_type if stored.kind == "image" else "application/octet-stream"
    headers = {
        "Content-Type": kind,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=86400",
    }
    return web.Response(body=stored.data, headers=headers)


async def act(request: web.Request) -> web.Response:
    """Something else a customer or a guide does: `{"act": …}` with its fields."""
    body = await _body(request)
    platform, external_userid = request.app[PLATFORM], request.match_info["customer"]
    done = ACTS[str(body["act"])](platform, external_userid, body)
    return _json(shown_message(done) if done else {}, status=201)


async def codes(request: web.Request) -> web.Response:
    """The channel codes that can be scanned, and the links that can be opened."""
    platform = request.app[PLATFORM]
    found = meetings.codes(platform)
    items = [
        {
            "config_id": code.config_id,
            "state": code.state,
            "users": code.users,
            "remark": code.remark,
        }
        for code in found
    ]
    opened = [
        {
            "link_id": one.link_id,
            "name": one.name,
            "url": one.url,
            "users": one.users,
            "channel": latest_channel(platform, one.link_id),
        }
        for one in links(platform)
    ]
    return _json({"items": items, "links": opened})


async def scan(request: web.Request) -> web.Response:
    """Somebody scans a code: `{"config_id"?, "external_userid"?, "nickname"?, "half"?, …}`.

    Without `external_userid` it is somebody new; `config_id` may also be the code's state.
    With `link_id` and `customer_channel` somebody opens an acquisition link instead.
    """
    body = await _body(request)
    platform = request.app[PLATFORM]
    who = str(body.get("external_userid") or "")
    if not who:
        who = meetings.newcomer(platform, str(body.get("nickname", "")))
    if link_id := str(body.get("link_id") or ""):
        channel = str(body.get("customer_channel") or "")
        guide = meetings.open_link(
            platform, who, link_id, channel=channel, half=bool(body.get("half", False))
        )
        return _json({"external_userid": who, "userid": guide}, status=201)
    guide = meetings.scan(
        platform,
        who,
        config_id=str(body.get("config_id", "")),
        userid=str(body.get("userid", "")),
        half=bool(body.get("half", False)),
        consent=bool(body.get("consent", True)),
    )
    return _json({"external_userid": who, "userid": guide}, status=201)


async def admin_welcome(request: web.Request) -> web.Response:
    """The admin console's own greeting for one guide: `{"userid", "on"}`."""
    body = await _body(request)
    meetings.set_admin_welcome(
        request.app[PLATFORM], str(body["userid"]), bool(body.get("on", True))
    )
    return _json({})


async def list_faults(request: web.Request) -> web.Response:
    """Every switch with its description."""
    return _json({"items": request.app[PLATFORM].faults.listing()})


async def set_fault(request: web.Request) -> web.Response:
    """`{"on", "times"?, "rate"?, "amount"?, "api"?}` for one switch."""
    body = await _body(request)
    platform, name = request.app[PLATFORM], request.match_info["fault"]
    if body.get("on", True):
        options = {key: body[key] for key in ("times", "rate", "amount", "api") if key in body}
        platform.faults.set(name, **options)
    else:
        platform.faults.clear(name)
    platform.changed("faults")
    return _json({"items": platform.faults.listing()})


async def clear_faults(request: web.Request) -> web.Response:
    """All switches off."""
    platform = request.app[PLATFORM]
    platform.faults.clear()
    platform.changed("faults")
    return _json({"items": platform.faults.listing()})


async def journal(request: web.Request) -> web.Response:
    """The record after `?after=number`."""
    after = int(request.query.get("after", "0"))
    entries = request.app[PLATFORM].journal.entries
    return _json({"items": [entry.shown() for entry in entries if entry.number > after]})


async def calls(request: web.Request) -> web.Response:
    """Every call to the API so far, optionally of one `?api=`."""
    wanted = request.query.get("api")
    records = request.app[PLATFORM].calls
    return _json(
        {
            "items": [
                {
                    "api": record.api,
                    "at": record.at.isoformat(),
                    "query": record.query,
                    "body": record.body,
                    "answer": record.answer,
                    "lost": record.lost,
                }
                for record in records
                if wanted in (None, record.api)
            ]
        }
    )


async def verify(request: web.Request) -> web.Response:
    """Check the callback as the admin console does when it is saved."""
    attempt = await request.app[SENDER].verify()
    return _json({"passed": attempt.status == 200, "milliseconds": attempt.milliseconds})


ACTS: dict[str, Callable[[Platform, str, dict[str, Any]], Message | None]] = {
    "enter": lambda platform, who, body: visits.enter(
        platform, who, scene=str(body.get("scene", "")), scene_param=str(body.get("param", ""))
    ),
    "tap": lambda platform, who, body: visits.tap_menu(
        platform, who, str(body["msgid"]), int(body["place"])
    ),
    "recall": lambda platform, who, body: visits.recall(platform, who, str(body["msgid"])),
    "refuse": lambda platform, who, body: visits.refuse(platform, who, bool(body["refuses"])),
    "take": lambda platform, who, body: reception.take(platform, who, str(body["userid"])),
    "reply": lambda platform, who, body: reception.reply(
        platform, who, str(body["userid"]), str(body["text"])
    ),
    "end": lambda platform, who, body: reception.end(platform, who),
    "confirm": lambda platform, who, body: meetings.confirm(platform, who, str(body["userid"])),
    "leave": lambda platform, who, body: meetings.leave(
        platform, who, str(body.get("userid", ""))
    ),
    "refuse_handover": lambda platform, who, body: handovers.refuse(platform, who),
    "drop": lambda platform, who, body: meetings.drop(platform, who, str(body.get("userid", ""))),
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


def _problem(status: int, message: str) -> web.Response:
    return _json({"error": {"message": message}}, status=status)


def routes() -> list[web.RouteDef]:
    """All of them."""
    base = "/sandbox/api"
    return [
        web.get(f"{base}/overview", overview),
        web.get(f"{base}/customers", customers),
        web.post(f"{base}/customers", add_customer),
        web.get(f"{base}/customers/{{customer}}/messages", thread),
        web.post(f"{base}/customers/{{customer}}/messages", write),
        web.post(f"{base}/customers/{{customer}}/pictures", send_picture),
        web.post(f"{base}/customers/{{customer}}/acts", act),
        web.get(f"{base}/media/{{media}}", media),
        web.get(f"{base}/codes", codes),
        web.post(f"{base}/scan", scan),
        web.post(f"{base}/admin-welcome", admin_welcome),
        web.get(f"{base}/faults", list_faults),
        web.post(f"{base}/faults/clear", clear_faults),
        web.post(f"{base}/faults/{{fault}}", set_fault),
        web.get(f"{base}/journal", journal),
        web.get(f"{base}/calls", calls),
        web.post(f"{base}/verify", verify),
        web.get(f"{base}/stream", stream),
    ]
