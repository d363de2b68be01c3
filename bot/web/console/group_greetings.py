"""Greetings of groups: written here, kept at WeCom, chosen by each owner on the phone."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bot.errors import Unprocessable
from bot.groups.templates import TemplateDraft, TemplatePatch
from bot.web.api.endpoint import path_id
from bot.web.console.desk import desk
from bot.web.console.greeting_form import read_greeting
from bot.web.console.shell import checked, form_of, went
from bot.web.keys import GROUPS

_PATH = "/console/group-greetings"


async def create(request: web.Request) -> web.Response:
    """A greeting for a kind of groups that has none; owners are told to choose it."""
    form = await form_of(request)
    data = _fields(form) | {"segment": form.get("segment", ""), "notify": True}
    draft = checked(TemplateDraft, data, _labels(request))
    made = await request.app[GROUPS].templates.create(draft)
    return went(request, _place(made.segment), "created")


async def change(request: web.Request) -> web.Response:
    """Other words: groups whose owners chose the greeting say them from now on."""
    patch = checked(TemplatePatch, _fields(await form_of(request)), _labels(request))
    changed = await request.app[GROUPS].templates.change(path_id(request), patch)
    return went(request, _place(changed.segment), "saved")


async def retry(request: web.Request) -> web.Response:
    """Ask WeCom once more for a greeting that failed or whose answer was lost."""
    made = await request.app[GROUPS].templates.retry(path_id(request))
    return went(request, _place(made.segment), "saved")


async def delete(request: web.Request) -> web.Response:
    room = request.app[GROUPS].templates
    segment = (await room.get(path_id(request))).segment
    await room.delete(path_id(request))
    return went(request, _place(segment), "deleted")


def _fields(form: dict[str, str]) -> dict[str, Any]:
    greeting = read_greeting(form)
    if len(greeting["attachments"]) > 1:
        raise Unprocessable("入群欢迎语最多带一个附件，请删掉多的")
    attachment = greeting["attachments"][0] if greeting["attachments"] else {}
    name = form.get("name", "").strip()
    return {"text": greeting["text"], "attachment": attachment} | ({"name": name} if name else {})


def _labels(request: web.Request) -> dict[str, str]:
    words = desk(request).words
    return {
        "name": words("template.name"),
        "text": words("group.greeting"),
        "attachment": words("words.attachments"),
        "segment": words("group.segment"),
    }


def _place(segment: str) -> str:
    return f"/console/greetings?group={segment}"


ROUTES = (
    web.post(_PATH, create),
    web.post(_PATH + "/{id:\\d+}", change),
    web.post(_PATH + "/{id:\\d+}/retry", retry),
    web.post(_PATH + "/{id:\\d+}/delete", delete),
)
