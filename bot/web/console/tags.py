"""Corp tags by their groups; those that this app created may be changed here."""

from __future__ import annotations

from itertools import groupby

from aiohttp import web

from bot.errors import Unprocessable
from bot.web.api.contacts import list_tags
from bot.web.console.shell import form_of, shown, went
from bot.web.keys import CONTACTS

TAGS = "/console/tags"
_MOST = 30


async def show_tags(request: web.Request) -> web.Response:
    items = (await list_tags(request, None, None)).items
    groups = [(name, list(tags)) for name, tags in groupby(items, key=lambda tag: tag.group)]
    return shown(
        request,
        "tags.html",
        at="tags",
        groups=groups,
        total=len(items),
        largest=max((tag.customers for tag in items), default=0) or 1,
    )


async def create(request: web.Request) -> web.Response:
    form = await form_of(request)
    group, name = _name(form, "group"), _name(form, "name")
    await request.app[CONTACTS].tags.ids_for([name], group=group)
    return went(request, TAGS, "created")


async def rename(request: web.Request) -> web.Response:
    name = _name(await form_of(request), "name")
    await request.app[CONTACTS].tags.rename(request.match_info["tag_id"][:64], name)
    return went(request, TAGS, "renamed")


async def delete(request: web.Request) -> web.Response:
    await request.app[CONTACTS].tags.delete(request.match_info["tag_id"][:64])
    return went(request, TAGS, "deleted")


def _name(form: dict[str, str], field: str) -> str:
    name = form.get(field, "").strip()
    if not name or len(name) > _MOST:
        raise Unprocessable(
            f"请填写{'标签组' if field == 'group' else '标签名'}，最长 {_MOST} 个字"
        )
    return name


ROUTES = (
    web.get(TAGS, show_tags),
    web.post(TAGS, create),
    web.post(TAGS + "/{tag_id}/rename", rename),
    web.post(TAGS + "/{tag_id}/delete", delete),
)
