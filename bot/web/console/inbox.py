"""The inbox page and the fragments that keep it fresh."""

from __future__ import annotations

import json
from dataclasses import asdict

from aiohttp import web

from bot.web.console.answers import is_htmx, page
from bot.web.console.desk import LANGUAGE_COOKIE, Desk, desk
from bot.web.console.detail import Detail, SuggestionDetail, read_detail
from bot.web.console.sessions import PATH, is_secure
from bot.web.console.worklist import LIMIT, Tab, counts, items, next_pending
from bot.web.keys import CONVERSATIONS

INBOX = "/console/inbox"
_MAX_ID = 2**63 - 1
_YEAR = 365 * 24 * 3600


async def home(request: web.Request) -> web.Response:
    raise web.HTTPSeeOther(INBOX)


async def show_inbox(request: web.Request) -> web.Response:
    """The whole page; works without scripts, too."""
    here, tab, item_id = desk(request), _tab(request), _id(request)
    detail = await _detail(request, here, tab, item_id) if item_id else None
    response = page(
        request,
        "inbox.html",
        tab=tab,
        items=await items(here, tab),
        counts=await counts(here.database),
        limit=LIMIT,
        chosen=item_id,
        detail=detail,
        done=request.query.get("done", ""),
    )
    if request.query.get("lang") == here.words.language:
        response.set_cookie(
            LANGUAGE_COOKIE,
            here.words.language,
            path=PATH,
            max_age=_YEAR,
            httponly=True,
            samesite="Lax",
            secure=is_secure(request),
        )
    return response


async def show_list(request: web.Request) -> web.Response:
    """The left column; the header carries the counts of the tabs."""
    here, tab, item_id = desk(request), _tab(request), _id(request)
    if not is_htmx(request):
        raise web.HTTPSeeOther(inbox_url(tab, item_id))
    found, now = await items(here, tab), await counts(here.database)
    response = page(request, "_list.html", tab=tab, items=found, limit=LIMIT, chosen=item_id)
    response.headers["HX-Trigger"] = json.dumps({"console:counts": asdict(now)})
    return response


async def show_detail(request: web.Request) -> web.Response:
    """The middle and right columns for one item."""
    tab, item_id = _tab(request), _id(request)
    if not is_htmx(request):
        raise web.HTTPSeeOther(inbox_url(tab, item_id))
    return await detail_fragment(request, tab, item_id)


async def show_thread(request: web.Request) -> web.Response:
    """Only the conversation; the header says whether the suggestion still waits."""
    here, tab, item_id = desk(request), _tab(request), _id(request)
    if not is_htmx(request):
        raise web.HTTPSeeOther(inbox_url(tab, item_id))
    detail = await _detail(request, here, tab, item_id) if item_id else None
    if detail is None:
        raise web.HTTPNotFound
    response = page(request, "_thread.html", tab=tab, thread=detail.thread, item_id=item_id)
    response.headers["HX-Trigger"] = json.dumps({"console:status": _status(here, detail)})
    return response


async def detail_fragment(
    request: web.Request, tab: Tab, item_id: int | None, *, status: int = 200
) -> web.Response:
    """The detail of an item, or the empty state when nothing is left."""
    here = desk(request)
    detail = await _detail(request, here, tab, item_id) if item_id else None
    response = page(request, "_detail.html", status=status, tab=tab, detail=detail, chosen=item_id)
    if status >= 400 or request.method == "POST":
        response.headers["HX-Push-Url"] = inbox_url(tab, item_id)
    return response


async def next_fragment(request: web.Request, after: int, *, status: int = 200) -> web.Response:
    """The pending suggestion that follows a decided one."""
    following = await next_pending(desk(request).database, after)
    return await detail_fragment(request, Tab.PENDING, following, status=status)


def inbox_url(tab: Tab, item_id: int | None = None, **more: str) -> str:
    query = {"tab": tab.value} | ({"id": str(item_id)} if item_id else {}) | more
    return INBOX + "?" + "&".join(f"{key}={value}" for key, value in query.items())


async def _detail(request: web.Request, here: Desk, tab: Tab, item_id: int) -> Detail | None:
    return await read_detail(here, request.app[CONVERSATIONS], tab, item_id)


def _status(here: Desk, detail: Detail) -> dict[str, object]:
    if not isinstance(detail, SuggestionDetail):
        return {"id": detail.id, "status": detail.state, "text": ""}
    text = ""
    if detail.outcome:
        text = here.words(f"seen.{detail.status}", by=detail.outcome.by)
    return {"id": detail.id, "status": detail.status, "text": text}


def _tab(request: web.Request) -> Tab:
    try:
        return Tab(request.query.get("tab", Tab.PENDING))
    except ValueError:
        return Tab.PENDING


def _id(request: web.Request) -> int | None:
    raw = request.query.get("id", "")[:20]
    number = int(raw) if raw.isascii() and raw.isdigit() else 0
    return number if 0 < number <= _MAX_ID else None
