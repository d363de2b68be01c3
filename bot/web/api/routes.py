"""All endpoints of the API and the bearer token that guards them."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.errors import Forbidden, Unauthorized
from bot.web.api import (
    acquisition,
    channels,
    contacts,
    conversations,
    customer_history,
    customers,
    dead_letters,
    events,
    greetings,
    group_greetings,
    groups,
    journey_old_words,
    journeys,
    nlu,
    outreach,
    segments,
    suggestions,
    touch_calendar,
    touches,
    transfers,
)
from bot.web.api.endpoint import PREFIX, add_endpoints
from bot.web.api.openapi import openapi
from bot.web.api.signature import check_signature
from bot.web.keys import SETTINGS

ENDPOINTS = (
    *suggestions.ENDPOINTS,
    *customers.ENDPOINTS,
    *customer_history.ENDPOINTS,
    *contacts.ENDPOINTS,
    *events.ENDPOINTS,
    *channels.ENDPOINTS,
    *acquisition.ENDPOINTS,
    *greetings.ENDPOINTS,
    *segments.ENDPOINTS,
    *transfers.ENDPOINTS,
    *groups.ENDPOINTS,
    *group_greetings.ENDPOINTS,
    *conversations.ENDPOINTS,
    *dead_letters.ENDPOINTS,
    *nlu.ENDPOINTS,
    *touches.ENDPOINTS,
    *touch_calendar.ENDPOINTS,
    *outreach.ENDPOINTS,
    *journeys.ENDPOINTS,
    *journey_old_words.ENDPOINTS,
)
_DOCUMENT = f"{PREFIX}/openapi.json"
_SIGNABLE = f"{PREFIX}/events"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def bearer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request to the API in only with the token of `api.token`, or a signed event."""
    if request.path == _SIGNABLE and await check_signature(request):
        return await handler(request)
    if request.path.startswith(f"{PREFIX}/") and request.path != _DOCUMENT:
        expected = request.app[SETTINGS].api.token.get_secret_value()
        if not expected:
            raise Forbidden("接口未开启：请设置 api.token（或环境变量 BOT_API__TOKEN）后重启")
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(
            given.strip().encode(errors="replace"), expected.encode()
        ):
            raise Unauthorized("令牌不对：请求头应为 Authorization: Bearer <api.token>")
    return await handler(request)


async def show_openapi(request: web.Request) -> web.Response:
    return web.json_response(openapi(ENDPOINTS))


def add_api(app: web.Application) -> None:
    app.router.add_get(_DOCUMENT, show_openapi)
    add_endpoints(app, ENDPOINTS)
