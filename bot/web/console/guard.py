"""The console's gate: same site, signed in, and with the session's token to change things."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlsplit

from aiohttp import web

from bot.errors import BadRequest, BotError, Forbidden, WeComError
from bot.store.tables import ConsoleRole
from bot.web.console.answers import hx_redirect, is_htmx, note
from bot.web.console.keys import SIGNED
from bot.web.console.sessions import COOKIE, find_session
from bot.web.keys import CLOCK, DATABASE, SETTINGS

LOGIN = "/console/login"
CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_RAW_BODIES = "/console/uploads"
_OPEN = ("/console/login", "/console/static/")
_OF_GUIDES = (
    "/console/inbox/",
    "/console/suggestions/",
    "/console/conversations/",
    "/console/sends/",
    "/console/events/",
    "/console/customers/",
    "/console/password/",
    "/console/logout/",
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request for the console in, or send it to the login page, or refuse it."""
    if not f"{request.path}/".startswith("/console/"):
        return await handler(request)
    try:
        return await _guarded(request, handler)
    except BotError as error:
        if is_htmx(request):
            return note(_said(error), status=error.status)
        raise


def _said(error: BotError) -> str:
    """What was wrong, and what WeCom's refusals say about the mend."""
    hint = error.hint if isinstance(error, WeComError) else ""
    return "；".join(filter(None, (error.message, hint)))


async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.method not in _SAFE:
        refuse_cross_site(request)
        if request.path != _RAW_BODIES:  # a file: its token comes in a header
            await _read_form(request)
    if request.path.startswith(_OPEN):
        return await handler(request)
    signed = await find_session(
        request.app[DATABASE], request.app[CLOCK], request.cookies.get(COOKIE)
    )
    if signed is None:
        return _to_login(request)
    request[SIGNED] = signed
    if request.method not in _SAFE:
        await _check_token(request, signed.csrf)
    if not may_open(signed.role, request.path):
        raise Forbidden("这里只有管理员能用；需要的话，请管理员在“账号”里给您开通")
    response = await handler(request)
    if not response.prepared:
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def may_open(role: ConsoleRole, path: str) -> bool:
    """Guides talk to customers; what the shop says and whom it hires is for operators."""
    if role is ConsoleRole.OPERATOR or path.rstrip("/") == "/console":
        return True
    return f"{path}/".startswith(_OF_GUIDES)


def refuse_cross_site(request: web.Request) -> None:
    """Raise `Forbidden` for a request that a page of another site has caused."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise Forbidden("请求来自其他网站，已拒绝；请在工作台页面里操作")
    elif origin is not None and urlsplit(origin).netloc not in _own_hosts(request):
        raise Forbidden(
            "请求来自其他网站，已拒绝；请在工作台页面里操作。"
            "如果前面有反向代理，请把 http.public_url 设成浏览器里看到的地址"
        )


def same_token(given: object, expected: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(
        given.encode(errors="replace"), expected.encode()
    )


def _own_hosts(request: web.Request) -> set[str]:
    public = urlsplit(request.app[SETTINGS].http.public_url or "").netloc
    # No form of another site can set this header; proxies do.
    forwarded = request.headers.get("X-Forwarded-Host", "")
    return {host for host in (request.host, public, forwarded) if host}


async def _read_form(request: web.Request) -> None:
    """Read the body once, so that a broken one is refused here and not in a handler."""
    try:
        await request.post()
    except (ValueError, LookupError, AssertionError):
        raise BadRequest("表单内容有误，请刷新后重试") from None


async def _check_token(request: web.Request, expected: str) -> None:
    given: object = request.headers.get(CSRF_HEADER)
    if given is None:
        given = (await request.post()).get(CSRF_FIELD)
    if not same_token(given, expected):
        raise Forbidden("页面已过期，请刷新后重试")


def _to_login(request: web.Request) -> web.Response:
    if is_htmx(request):
        return hx_redirect(LOGIN)
    if request.path == "/console/events":
        return web.Response(status=401)
    back = quote(request.path_qs, safe="") if request.method in _SAFE else ""
    raise web.HTTPSeeOther(f"{LOGIN}?next={back}" if back else LOGIN)
