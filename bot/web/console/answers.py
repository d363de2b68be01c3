"""Answers in the form that the caller understands: htmx fragments or whole pages."""

from __future__ import annotations

import json
from typing import Any

import aiohttp_jinja2
from aiohttp import web

from bot.store.tables import ConsoleRole
from bot.web.console.desk import wording
from bot.web.console.keys import ASSETS, SIGNED
from bot.web.keys import SETTINGS


def is_htmx(request: web.Request) -> bool:
    return request.headers.get("HX-Request") == "true"


def hx_redirect(url: str) -> web.Response:
    """htmx follows this by loading the whole page."""
    return web.Response(status=401, headers={"HX-Redirect": url})


def page(
    request: web.Request, template: str, *, status: int = 200, **context: Any
) -> web.Response:
    """Render a template of the console."""
    signed = request.get(SIGNED)
    shown = {
        "t": wording(request),
        "shop": request.app[SETTINGS].shop.name,
        "asset": request.app[ASSETS].url,
        "auto_send": request.app[SETTINGS].dialogue.auto_send,
        "user": signed.user if signed else "",
        "operates": signed is not None and signed.role is ConsoleRole.OPERATOR,
        "csrf": signed.csrf if signed else "",
    }
    response = aiohttp_jinja2.render_template(
        f"console/{template}", request, shown | context, status=status
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "HX-Request"
    return response


def announce(response: web.Response, *, text: str, tone: str, **more: object) -> web.Response:
    """Have the page show a passing note; `tone` is `good`, `plain` or `bad`."""
    event = {"console:note": {"text": text, "tone": tone}}
    if more:
        event["console:decided"] = {key: str(value) for key, value in more.items()}
    response.headers["HX-Trigger"] = json.dumps(event)
    return response


def note(text: str, *, status: int) -> web.Response:
    """Only a passing note; the page stays as it is."""
    response = web.Response(status=status, text=text, headers={"HX-Reswap": "none"})
    return announce(response, text=text, tone="bad")
