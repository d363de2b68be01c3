"""The sandbox as a web application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from . import clock_control, control, group_control, handovers, pictures
from .clock_walk import PassingTime
from .endpoint import serve_call
from .keys import CLOSING, PLATFORM, SENDER
from .platform import Platform
from .sender import CallbackSender
from .settings import SandboxSettings

STATIC = Path(__file__).with_name("static")
TICK_SECONDS = 0.5
LARGEST_UPLOAD = 24 * 1024 * 1024
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def create_app(settings: SandboxSettings, platform: Platform | None = None) -> web.Application:
    """A WeCom platform on localhost: `/cgi-bin/…` for the bot, `/` for people.

    Give `platform` to keep a handle on the inside, as tests do.
    """
    app = web.Application(client_max_size=LARGEST_UPLOAD, middlewares=[control.guard])
    app[PLATFORM] = platform or Platform(settings)
    app[SENDER] = CallbackSender(app[PLATFORM])
    app[CLOSING] = asyncio.Event()
    app[clock_control.TIME] = PassingTime(app[PLATFORM])
    app.add_routes(control.routes())
    app.add_routes(group_control.routes())
    app.add_routes(clock_control.routes())
    app.router.add_route("*", "/cgi-bin/{api:.+}", serve_call)
    app.add_routes(pictures.routes())
    app.router.add_get("/", page)
    app.router.add_static("/static/", STATIC)
    app.cleanup_ctx.append(_sending)
    app.on_shutdown.append(_hang_up)
    return app


async def page(request: web.Request) -> web.Response:
    """The phone, the record and the switches."""
    text = (STATIC / "index.html").read_text(encoding="utf-8")
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
    return web.Response(text=text, content_type="text/html", headers=headers)


async def _sending(app: web.Application) -> AsyncIterator[None]:
    await app[SENDER].start()
    ticking = asyncio.get_running_loop().create_task(_tick(app))
    yield
    ticking.cancel()
    app[PLATFORM].close()


async def _tick(app: web.Application) -> None:
    while not app[CLOSING].is_set():
        app[PLATFORM].settle()
        handovers.settle(app[PLATFORM])
        await asyncio.sleep(TICK_SECONDS)


async def _hang_up(app: web.Application) -> None:
    """Let go of everything that waits, so that a stop is quick."""
    app[CLOSING].set()
    await app[SENDER].stop()
