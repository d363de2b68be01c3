"""`/wecom/callback`: the URL that WeCom verifies and pushes to."""

from __future__ import annotations

from aiohttp import web

from bot import loggers
from bot.errors import BotError, MalformedCallback, OversizedCallback
from bot.web.keys import CALLBACK, INBOX, METRICS, SETTINGS


async def verify(request: web.Request) -> web.Response:
    """WeCom: answer the bare plain text of `echostr` within a second."""
    try:
        text = request.app[CALLBACK].echo(request.query)
    except BotError as error:
        return _refuse(request, error)
    return web.Response(text=text, content_type="text/plain")


async def push(request: web.Request) -> web.Response:
    """WeCom: answer `success` within 5 s; here only after the event is on disk."""
    try:
        event = request.app[CALLBACK].receive(request.query, await _body(request))
        await request.app[INBOX].put(event)
    except BotError as error:
        return _refuse(request, error)
    request.app[METRICS].callbacks.labels("accepted").inc()
    return web.Response(text="success", content_type="text/plain")


async def _body(request: web.Request) -> bytes:
    limit = request.app[SETTINGS].http.max_callback_bytes
    if (request.content_length or 0) > limit:
        raise OversizedCallback
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > limit:
                raise OversizedCallback
    except (web.RequestPayloadError, web.PayloadAccessError, ConnectionError):
        raise MalformedCallback("the body cannot be read to its end") from None
    return bytes(body)


def _refuse(request: web.Request, error: BotError) -> web.Response:
    """A bare word: nothing of the request is echoed and no detail helps a forger."""
    request.app[METRICS].callbacks.labels(error.code).inc()
    loggers.wecom.warning("callback refused", code=error.code, why=error.message)
    return web.Response(status=error.status, text=error.code, content_type="text/plain")


ROUTES = (web.get("/wecom/callback", verify), web.post("/wecom/callback", push))
