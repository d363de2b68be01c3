"""What the pages beside the inbox share: their frame, forms, and what follows a change."""

from __future__ import annotations

import json
from typing import Any, TypeVar
from urllib.parse import urlencode

from aiohttp import web
from pydantic import BaseModel, ValidationError
from sqlalchemy import select

from bot.errors import Unprocessable
from bot.store.contact_tables import Guide
from bot.store.database import Database
from bot.web.console.answers import announce, is_htmx, page
from bot.web.console.desk import LANGUAGE_COOKIE, desk
from bot.web.console.sessions import PATH, is_secure

DONE = (
    "saved", "deleted", "created", "opted_out", "opted_in", "tagging", "confirmed", "picked",
    "renamed", "dropped", "disabled", "enabled", "role", "password", "paused", "resumed", "moved",
    "handed", "restored", "switched_on", "switched_off", "reverted", "reminded", "called_off",
    "decided", "asked_anew",
)  # fmt: skip
_YEAR = 365 * 24 * 3600

Model = TypeVar("Model", bound=BaseModel)


def shown(request: web.Request, template: str, *, at: str, **context: Any) -> web.Response:
    """A page in the frame with the navigation; `at` names the entry that it belongs to."""
    here = desk(request)
    done = request.query.get("done", "")
    response = page(
        request,
        template,
        at=at,
        here=here,
        done=done if done in DONE else "",
        other_language=_with(request, lang=here.words("other_lang_code")),
        **context,
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


def went(request: web.Request, url: str, done: str) -> web.Response:
    """After a change: load a page that says so, with scripts or without."""
    place = f"{url}{'&' if '?' in url else '?'}done={done}"
    if is_htmx(request):
        return web.Response(headers={"HX-Redirect": place})
    return web.Response(status=303, headers={"Location": place})


def noted(request: web.Request, response: web.Response, done: str) -> web.Response:
    """After a change that only swaps a part of the page."""
    return announce(response, text=desk(request).words(f"said.{done}"), tone="good")


async def form_of(request: web.Request) -> dict[str, str]:
    """The text fields of a form; what a database cannot keep is left out."""
    return {
        name: value.replace("\x00", "").encode(errors="ignore").decode()
        for name, value in (await request.post()).items()
        if isinstance(value, str)
    }


async def choices_of(request: web.Request, name: str) -> list[str]:
    """All values of one field, as ticked boxes give them."""
    return [str(value) for value in (await request.post()).getall(name, [])]


def checked(model: type[Model], data: dict[str, Any], labels: dict[str, str]) -> Model:
    """A model from a form; raises `Unprocessable` that names the field in the page's words."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        fault = _FAULTS.get(first["type"]) or str(first["msg"]).removeprefix("Value error, ")
        where = labels.get(field, "")
        raise Unprocessable(f"{where}：{fault}" if where else fault) from None


_FAULTS = {
    "missing": "请填写",
    "string_too_short": "请填写",
    "too_short": "请填写",
    "string_too_long": "太长了",
    "too_long": "太长了",
    "int_parsing": "请填整数",
    "greater_than_equal": "数字太小",
    "less_than_equal": "数字太大",
}


async def guide_names(database: Database, *, present: bool = False) -> dict[str, str]:
    """The names of all guides by id; those without a name go by their id."""
    wanted = select(Guide.userid, Guide.name).order_by(Guide.name, Guide.userid)
    if present:
        wanted = wanted.where(Guide.left_at.is_(None))
    async with database.read() as session:
        return {userid: name or userid for userid, name in await session.execute(wanted)}


def _with(request: web.Request, **more: str) -> str:
    kept = {key: value for key, value in request.query.items() if key not in ("done", *more)}
    return f"{request.path}?{urlencode(kept | more)}"


def trigger(response: web.Response, **events: object) -> web.Response:
    """Events for the page's scripts."""
    response.headers["HX-Trigger"] = json.dumps(events)
    return response
