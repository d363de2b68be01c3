"""What guides do: approve, reject, release, try again."""

from __future__ import annotations

from aiohttp import web

from bot.errors import AlreadyDecided, NotFound
from bot.store.tables import Suggestion
from bot.web.api.endpoint import path_id
from bot.web.console.answers import announce, is_htmx
from bot.web.console.desk import Desk, desk
from bot.web.console.inbox import inbox_url, next_fragment
from bot.web.console.keys import SIGNED
from bot.web.console.worklist import Tab, next_pending, with_people
from bot.web.keys import CONVERSATIONS, DECISIONS, HUB

_MAX_REASON = 500


async def approve(request: web.Request) -> web.Response:
    """Send the picked choice, or the edited text if that button was pressed."""
    suggestion_id, form = path_id(request), await request.post()
    script_id = str(form.get("script_id") or "") or None
    edited = _plain(str(form.get("text") or "")) if form.get("action") == "edit" else None
    try:
        await request.app[DECISIONS].approve(
            suggestion_id, by=request[SIGNED].user, script_id=script_id, text=edited
        )
    except AlreadyDecided as error:
        return await _taken(request, suggestion_id, error)
    here = desk(request)
    who = await _who(here, suggestion_id)
    return await _moved_on(request, suggestion_id, here.words("done.sent", who=who), "sent")


async def reject(request: web.Request) -> web.Response:
    """Turn all choices down; a quick reason comes from its button, else from the text."""
    suggestion_id, form = path_id(request), await request.post()
    reason = str(form.get("quick") or form.get("reason") or "").strip()[:_MAX_REASON]
    try:
        await request.app[DECISIONS].reject(suggestion_id, by=request[SIGNED].user, reason=reason)
    except AlreadyDecided as error:
        return await _taken(request, suggestion_id, error)
    text = desk(request).words("done.rejected")
    return await _moved_on(request, suggestion_id, text, "rejected")


async def release(request: web.Request) -> web.Response:
    await request.app[CONVERSATIONS].release(path_id(request))
    return await _stayed(request, "released")


async def hold(request: web.Request) -> web.Response:
    because = desk(request).words("hold.because")
    await request.app[CONVERSATIONS].hold(path_id(request), because=because)
    return await _stayed(request, "held")


async def retry(request: web.Request) -> web.Response:
    """Send again what failed; harmless when somebody else has just done so."""
    try:
        await request.app[CONVERSATIONS].resend(path_id(request))
    except NotFound:
        if not is_htmx(request):
            raise
    return await _stayed(request, "retried")


async def _taken(request: web.Request, suggestion_id: int, error: AlreadyDecided) -> web.Response:
    here = desk(request)
    status = str(error.details.get("status") or "approved")
    by = here.decider(str(error.details.get("decided_by") or ""))
    text = here.words(f"taken.{status}", by=by)
    if not is_htmx(request):
        raise AlreadyDecided(text)
    response = await next_fragment(request, suggestion_id, status=error.status)
    return announce(response, text=text, tone="plain", id=suggestion_id)


async def _moved_on(
    request: web.Request, suggestion_id: int, text: str, done: str
) -> web.Response:
    if is_htmx(request):
        response = await next_fragment(request, suggestion_id)
        return announce(response, text=text, tone="good", id=suggestion_id)
    following = await next_pending(desk(request).database, suggestion_id)
    raise web.HTTPSeeOther(inbox_url(Tab.PENDING, following, done=done))


async def _stayed(request: web.Request, done: str) -> web.Response:
    """Show the item that the form was on again."""
    request.app[HUB].publish()
    form = await request.post()
    tab = Tab(str(form["tab"])) if form.get("tab") in set(Tab) else Tab.PENDING
    raw = str(form.get("item") or "")[:18]
    item_id = int(raw) if raw.isascii() and raw.isdigit() else None
    if not is_htmx(request):
        raise web.HTTPSeeOther(inbox_url(tab, item_id, done=done))
    response = web.Response(status=204)
    text = desk(request).words(f"done.{done}")
    return announce(response, text=text, tone="good", refresh=item_id or "")


async def _who(here: Desk, suggestion_id: int) -> str:
    async with here.database.read() as session:
        row = (await session.execute(with_people().where(Suggestion.id == suggestion_id))).one()
    return here.person(row[2]).name


def _plain(text: str) -> str:
    """Browsers send line ends as CRLF; customers should get plain ones."""
    return text.replace("\r\n", "\n").strip()
