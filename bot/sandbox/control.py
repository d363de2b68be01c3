"""`/sandbox/api/`: what the page and other programs use to drive the platform."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from .errors import ApiError, SandboxError
from .journal import Entry
from .keys import CLOSING, PLATFORM, SENDER
from .platform import Customer, Platform
from .sample import DEFAULT_ACCOUNT
from .sessions import REPLIES_PER_WINDOW, WINDOW_SECONDS, State
from .timeline import Message
from .wording import STATES

PING_SECONDS = 15.0


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


async def turn_clock(request: web.Request) -> web.Response:
    """Let `{"seconds"}` pass at once."""
    body = await _body(request)
    platform = request.app[PLATFORM]
    now = platform.turn_clock(timedelta(seconds=float(body["seconds"])))
    platform.changed("customers")
    return _json({"now": now.isoformat()})


async def verify(request: web.Request) -> web.Response:
    """Check the callback as the admin console does when it is saved."""
    attempt = await request.app[SENDER].verify()
    return _json({"passed": attempt.status == 200, "milliseconds": attempt.milliseconds})


async def stream(request: web.Request) -> web.StreamResponse:
    """Server-sent events: new lines of the record, and hints of what to read again."""
    platform, closing = request.app[PLATFORM], request.app[CLOSING]
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
    )
    await response.prepare(request)
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def on_entry(entry: Entry) -> None:
        queue.put_nowait({"entry": entry.shown()})

    def on_change(what: str) -> None:
        queue.put_nowait({"changed": what})

    platform.journal.listeners.append(on_entry)
    platform.change_listeners.append(on_change)
    try:
        await _relay(response, queue, closing)
    except ConnectionError:
        pass
    finally:
        platform.journal.listeners.remove(on_entry)
        platform.change_listeners.remove(on_change)
    return response


async def _relay(
    response: web.StreamResponse, queue: asyncio.Queue[dict[str, Any]], closing: asyncio.Event
) -> None:
    stop = asyncio.ensure_future(closing.wait())
    try:
        await response.write(b"retry: 1000\n\n")
        while not closing.is_set():
            take = asyncio.ensure_future(queue.get())
            await asyncio.wait(
                {take, stop}, timeout=PING_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if take.done():
                text = json.dumps(take.result(), ensure_ascii=False)
                await response.write(f"data: {text}\n\n".encode())
            else:
                take.cancel()
                await response.write(b": ping\n\n")
    finally:
        stop.cancel()


def shown_customer(platform: Platform, customer: Customer) -> dict[str, Any]:
    """A customer with the session, as the page shows it."""
    now = platform.now()
    session = platform.sessions.get(DEFAULT_ACCOUNT, customer.external_userid)
    state = session.state_at(now)
    left = max(0, session.asked_at + WINDOW_SECONDS - now) if session.asked_at else 0
    open_window = state in {State.NEW, State.ASSISTANT}
    return {
        "external_userid": customer.external_userid,
        "nickname": customer.nickname,
        "sketch": {"zh": customer.sketch, "en": customer.sketch_en},
        "face": customer.face,
        "refuses": customer.refuses,
        "unread": platform.unread(customer.external_userid),
        "state": int(state),
        "state_words": dict(zip(("zh", "en"), STATES[state], strict=True)),
        "replies_left": REPLIES_PER_WINDOW - session.replies if open_window else 0,
        "window_seconds": left,
        "last": _last(platform, customer.external_userid),
    }


def _last(platform: Platform, external_userid: str) -> dict[str, Any] | None:
    shown = [m for m in platform.timeline.of_customer(external_userid, last=6) if _visible(m)]
    return shown_message(shown[-1]) if shown else None


def _visible(message: Message) -> bool:
    return message.msgtype != "event" and message.fate != "failed"


def shown_message(message: Message) -> dict[str, Any]:
    """A message as the page shows it."""
    return {
        "seq": message.seq,
        "msgid": message.msgid,
        "origin": int(message.origin),
        "servicer": message.servicer,
        "msgtype": message.msgtype,
        "content": message.content,
        "at": message.at,
        "fate": message.fate.value,
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
        web.get(f"{base}/faults", list_faults),
        web.post(f"{base}/faults/clear", clear_faults),
        web.post(f"{base}/faults/{{fault}}", set_fault),
        web.get(f"{base}/journal", journal),
        web.get(f"{base}/calls", calls),
        web.post(f"{base}/clock", turn_clock),
        web.post(f"{base}/verify", verify),
        web.get(f"{base}/stream", stream),
    ]
