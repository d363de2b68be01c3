"""Codes by which people join groups: made, changed, printed and deleted."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import select

from bot.customers.channel_posters import CONTENT_TYPES
from bot.errors import Conflict
from bot.groups.code_draft import CodeDraft, CodePatch
from bot.store.group_tables import CodeStatus, CustomerGroup, GroupCode, GroupState
from bot.web.api.channels import PosterQuery
from bot.web.api.endpoint import path_id, read_query
from bot.web.console.desk import desk
from bot.web.console.plain_fields import split_words
from bot.web.console.shell import checked, choices_of, form_of, guide_names, shown, went
from bot.web.keys import GROUPS, POSTERS
from bot.wecom.group_chats import MOST_GROUPS_A_CODE, MOST_MEMBERS

CODES = "/console/group-codes"
_MOST, _GROUPS = 100, 200


async def show_codes(request: web.Request) -> web.Response:
    """All codes, with the groups behind them and how full those are."""
    codes = await request.app[GROUPS].codes.page(limit=_MOST)
    return shown(
        request, "group_codes.html", at="groups", codes=codes, groups=await _groups(request)
    )


async def show_one(request: web.Request) -> web.Response:
    """One code and its form."""
    return await _form(request, await request.app[GROUPS].codes.get(path_id(request)))


async def show_new(request: web.Request) -> web.Response:
    return await _form(request, None)


async def create(request: web.Request) -> web.Response:
    draft = checked(CodeDraft, await _fields(request), _labels(request))
    made = await request.app[GROUPS].codes.create(draft)
    return went(request, f"{CODES}/{made.id}", "created")


async def change(request: web.Request) -> web.Response:
    number = path_id(request)
    patch = checked(CodePatch, await _fields(request), _labels(request))
    await request.app[GROUPS].codes.change(number, patch)
    return went(request, f"{CODES}/{number}", "saved")


async def delete(request: web.Request) -> web.Response:
    await request.app[GROUPS].codes.delete(path_id(request))
    return went(request, CODES, "deleted")


async def poster(request: web.Request) -> web.Response:
    """The code as a picture to show or to print."""
    query = read_query(PosterQuery, request)
    code = await request.app[GROUPS].codes.get(path_id(request))
    if code.status != CodeStatus.ACTIVE or not code.qr_code:
        raise Conflict("这个入群活码还没有图片，请稍后再试")
    posters = request.app[POSTERS]
    body = await posters.print(
        await posters.content_of(code.qr_code),
        query.format,
        caption=code.name if query.caption is None else query.caption,
        copies=query.copies,
    )
    headers = {
        "Cache-Control": "private, max-age=300",
        "Content-Disposition": f'inline; filename="group-code-{code.id}.{query.format}"',
    }
    return web.Response(body=body, content_type=CONTENT_TYPES[query.format], headers=headers)


async def _form(request: web.Request, code: GroupCode | None) -> web.Response:
    kinds = request.app[GROUPS].segments
    return shown(
        request,
        "group_code.html",
        at="groups",
        code=code,
        groups=await _groups(request),
        names=await guide_names(desk(request).database),
        segments={name: kinds.label(name) for name in kinds.names},
        most=(MOST_GROUPS_A_CODE, MOST_MEMBERS),
    )


async def _groups(request: web.Request) -> dict[str, CustomerGroup]:
    async with desk(request).database.read() as session:
        rows = await session.scalars(
            select(CustomerGroup)
            .where(CustomerGroup.state == GroupState.ACTIVE)
            .order_by(CustomerGroup.name, CustomerGroup.chat_id)
            .limit(_GROUPS)
        )
        return {one.chat_id: one for one in rows}


async def _fields(request: web.Request) -> dict[str, Any]:
    form = await form_of(request)
    texts = ("name", "base_name", "remark", "segment", "purpose", "rules")
    chosen = await choices_of(request, "groups")
    return {name: form.get(name, "").strip() for name in texts} | {
        "chat_ids": chosen,
        "spares": [one for one in await choices_of(request, "spares") if one not in chosen],
        "base_id": form.get("base_id", "").strip() or 1,
        "best_size": form.get("best_size", "").strip() or 200,
        "auto_create": form.get("auto_create") == "1",
        "tags": split_words(form.get("tags", "")),
    }


def _labels(request: web.Request) -> dict[str, str]:
    words = desk(request).words
    return {
        "name": words("code.name"),
        "chat_ids": words("code.groups"),
        "spares": words("code.spares"),
        "base_name": words("code.base_name"),
        "base_id": words("code.base_id"),
        "best_size": words("code.best_size"),
        "remark": words("channel.remark"),
        "segment": words("group.segment"),
        "purpose": words("group.purpose"),
        "rules": words("group.rules"),
        "tags": words("group.tags"),
    }


ROUTES = (
    web.get(CODES, show_codes),
    web.get(CODES + "/new", show_new),
    web.post(CODES, create),
    web.get(CODES + "/{id:\\d+}", show_one),
    web.post(CODES + "/{id:\\d+}", change),
    web.post(CODES + "/{id:\\d+}/delete", delete),
    web.get(CODES + "/{id:\\d+}/poster", poster),
)
