"""Signing in and out."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from aiohttp import web

from bot import loggers
from bot.errors import TooManyRequests
from bot.web.console.accounts import FIRST_USER, MAX_PASSWORD, note_sign_in
from bot.web.console.answers import hx_redirect, is_htmx, page
from bot.web.console.desk import wording
from bot.web.console.guard import CSRF_FIELD, LOGIN, same_token
from bot.web.console.inbox import INBOX
from bot.web.console.keys import ACCOUNTS, SIGNED, THROTTLE
from bot.web.console.sessions import (
    COOKIE,
    close_session,
    drop_cookie,
    find_session,
    is_secure,
    open_session,
    set_cookie,
)
from bot.web.keys import CLOCK, DATABASE, SETTINGS

_PRE_COOKIE = "wecom_console_login"
_PRE_MINUTES = 60


async def show_login(request: web.Request) -> web.Response:
    """The login form; those signed in go on to where they wanted."""
    token = request.cookies.get(COOKIE)
    if await find_session(request.app[DATABASE], request.app[CLOCK], token):
        raise web.HTTPSeeOther(_next(request.query.get("next")))
    return _form(request, goal=_next(request.query.get("next")))


async def log_in(request: web.Request) -> web.Response:
    """Check the password, slowing down those who guess, and open a session."""
    form = await request.post()
    name = str(form.get("name") or "").strip()[:64]
    password = str(form.get("password") or "")[:MAX_PASSWORD]
    goal = _next(str(form.get("next") or ""))
    pre = request.cookies.get(_PRE_COOKIE)
    if not pre or not same_token(form.get(CSRF_FIELD), pre):
        return _form(request, goal=goal, name=name, status=403, problem="login.stale")
    if not name or not password:
        return _form(request, goal=goal, name=name, status=422, problem="login.empty")
    keys = (f"user {name}", f"address {request.remote}")
    try:
        await request.app[THROTTLE].attempt(keys)
    except TooManyRequests as error:
        wait = int(str(error.details["wait_seconds"]))
        return _form(request, goal=goal, name=name, status=429, wait=wait)
    proof = await request.app[ACCOUNTS].proof(request.app[DATABASE], name, password)
    token = proof and await _opened(request, name, proof)
    if not token:
        loggers.web.warning("a sign-in was refused", address=request.remote)
        return _form(request, goal=goal, name=name, status=401, problem="login.wrong")
    await request.app[THROTTLE].forgive(keys)
    await note_sign_in(request.app[DATABASE], request.app[CLOCK], name)
    return _welcome(request, token, goal)


async def log_out(request: web.Request) -> web.Response:
    """End this session here and on the server."""
    await close_session(request.app[DATABASE], request[SIGNED].digest)
    response = (
        hx_redirect(LOGIN)
        if is_htmx(request)
        else web.Response(status=303, headers={"Location": LOGIN})
    )
    drop_cookie(response)
    return response


async def _opened(request: web.Request, name: str, proof: str) -> str | None:
    hours = request.app[SETTINGS].console.session_hours
    database, clock = request.app[DATABASE], request.app[CLOCK]
    return await open_session(database, clock, user=name, proof=proof, hours=hours)


def _welcome(request: web.Request, token: str, goal: str) -> web.Response:
    response = web.Response(status=303, headers={"Location": goal})
    set_cookie(response, request, token, hours=request.app[SETTINGS].console.session_hours)
    response.del_cookie(_PRE_COOKIE, path=LOGIN)
    return response


def _form(
    request: web.Request,
    *,
    goal: str,
    name: str = FIRST_USER,
    status: int = 200,
    problem: str = "",
    wait: int = 0,
) -> web.Response:
    words = wording(request)
    text = words(problem) if problem else _patience(request, wait) if wait else ""
    pre = secrets.token_urlsafe(32)
    response = page(
        request, "login.html", status=status, goal=goal, name=name, problem=text, pre=pre
    )
    if wait:
        response.headers["Retry-After"] = str(wait)
    response.set_cookie(
        _PRE_COOKIE,
        pre,
        path=LOGIN,
        max_age=_PRE_MINUTES * 60,
        httponly=True,
        samesite="Strict",
        secure=is_secure(request),
    )
    return response


def _patience(request: web.Request, seconds: int) -> str:
    words = wording(request)
    if seconds <= 90:
        return words("login.wait", n=seconds)
    return words("login.wait_minutes", n=-(-seconds // 60))


def _next(url: str | None) -> str:
    """Where to go afterwards: only pages of the console, never another site."""
    if not url or "\\" in url or not url.isprintable():
        return INBOX
    parts = urlsplit(url)
    inside = not parts.scheme and not parts.netloc and parts.path.startswith("/console/")
    if not inside or parts.path.startswith((LOGIN, "/console/events")) or url.startswith("//"):
        return INBOX
    return url
