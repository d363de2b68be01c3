"""The web application: routes, guards and headers in one place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.web import callback, health
from bot.web.api.routes import add_api, bearer
from bot.web.console.routes import add_console
from bot.web.refusals import refusals

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_MAX_BODY = 1024 * 1024
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "wecom-bot"


async def _home(request: web.Request) -> web.Response:
    raise web.HTTPFound("/console/inbox")


def web_application() -> web.Application:
    """An application without its resources; `bot.app` puts them in."""
    app = web.Application(middlewares=[refusals, bearer], client_max_size=_MAX_BODY)
    app.on_response_prepare.append(_add_headers)
    app.router.add_get("/", _home)
    app.add_routes(callback.ROUTES)
    app.add_routes(health.ROUTES)
    add_api(app)
    add_console(app)
    return app
