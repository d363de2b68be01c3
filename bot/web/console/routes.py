"""The console's routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web

from bot.web.console import deciding, events, inbox, login
from bot.web.console.accounts import Accounts
from bot.web.console.assets import PREFIX, Assets
from bot.web.console.guard import guard
from bot.web.console.keys import ACCOUNTS, ASSETS, THROTTLE
from bot.web.console.pages import PAGES
from bot.web.console.plain_fields import words_in
from bot.web.console.throttle import Throttle
from bot.web.console.uploads import SHELF, Uploads
from bot.web.keys import CLOCK, DATABASE, SETTINGS

TEMPLATES = Path(__file__).parent.parent / "templates"


def add_console(app: web.Application) -> None:
    """Mount the console under `/console`."""
    app[ASSETS] = Assets()
    app[ACCOUNTS] = Accounts()
    app.middlewares.append(guard)
    app.cleanup_ctx.append(_running)
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        filters={"in_words": words_in},
    )
    app.add_routes(
        [
            web.get("/console", inbox.home),
            web.get("/console/", inbox.home),
            web.get("/console/login", login.show_login),
            web.post("/console/login", login.log_in),
            web.post("/console/logout", login.log_out),
            web.get("/console/inbox", inbox.show_inbox),
            web.get("/console/inbox/list", inbox.show_list),
            web.get("/console/inbox/detail", inbox.show_detail),
            web.get("/console/inbox/thread", inbox.show_thread),
            web.post("/console/suggestions/{id}/approve", deciding.approve),
            web.post("/console/suggestions/{id}/reject", deciding.reject),
            web.post("/console/conversations/{id}/release", deciding.release),
            web.post("/console/conversations/{id}/hold", deciding.hold),
            web.post("/console/sends/{id}/retry", deciding.retry),
            web.get("/console/events", events.stream),
            *PAGES,
            web.get(PREFIX + "{name:.+}", _static),
        ]
    )


async def _running(app: web.Application) -> AsyncIterator[None]:
    app[THROTTLE] = Throttle(app[DATABASE], app[CLOCK])
    app[SHELF] = Uploads(app[SETTINGS].console.uploads)
    yield


async def _static(request: web.Request) -> web.Response:
    return request.app[ASSETS].serve(request)
