"""Greetings: the shop's own, those of segments and channels, each seen as the friend sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.channel_draft import ChannelPatch
from bot.customers.greeting_content import GreetingContent
from bot.customers.segments import saved_segments
from bot.customers.shop_greetings import GreetingEdit
from bot.errors import NotFound
from bot.groups.drift import Drift
from bot.groups.listing import GroupFilter, ListedGroup, list_groups
from bot.store.channel_tables import Channel, ChannelStatus, Greeting
from bot.store.group_tables import GroupTemplate
from bot.store.segment_tables import CustomerSegment
from bot.web.api.endpoint import path_id
from bot.web.console.attachment_form import changed, rows_of_form
from bot.web.console.desk import desk
from bot.web.console.greeting_form import (
    Preview,
    check_whole,
    fields_of,
    group_preview,
    preview_of,
    read_greeting,
)
from bot.web.console.keys import SIGNED
from bot.web.console.shell import checked, form_of, guide_names, shown, trigger, went
from bot.web.keys import CHANNELS as ROOM
from bot.web.keys import GROUPS, SETTINGS, SHOP_GREETINGS
from bot.wecom.contact_ways import MOST_ATTACHMENTS
from bot.wecom.group_chats import NICKNAME

GREETINGS = "/console/greetings"
_LIMIT, _SHOWN, _GROUPS = 20, 8, 100


async def show_greetings(request: web.Request) -> web.Response:
    """Everything that is said to newcomers; `?channel=`, `?segment=` or `?group=` opens one."""
    here, kinds = desk(request), request.app[GROUPS].segments
    async with here.database.read() as session:
        channels = (
            await session.scalars(
                select(Channel).where(Channel.status != ChannelStatus.DELETED).order_by(Channel.id)
            )
        ).all()
        segments = await saved_segments(session)
        outcomes = await _outcomes(request, session)
    templates = {one.segment: one for one in await request.app[GROUPS].templates.all()}
    channel = _chosen(request, "channel", {str(one.id): one for one in channels})
    segment = _chosen(request, "segment", {str(one.id): one for one in segments})
    group = _chosen(request, "group", dict(zip(kinds.names, kinds.names, strict=True)))
    greeting, template = await _greeting(request, channel, segment), templates.get(group or "")
    return shown(
        request,
        "greetings.html",
        at="greetings",
        channels=channels,
        segments=segments,
        configured=request.app[SETTINGS].greetings.segments,
        kinds={name: kinds.label(name) for name in kinds.names},
        templates=templates,
        channel=channel,
        segment=segment,
        group=group,
        written=template,
        sample=kinds.get(group).greeting if group else "",
        drifting=await _drifting(request, group) if group else [],
        names=await guide_names(here.database),
        own=await request.app[SHOP_GREETINGS].words(),
        words=await fields_of(request, _group_words(template, group) if group else greeting),
        preview=_group_preview(request, template, kinds.get(group).greeting)
        if group
        else await preview_of(request, greeting),
        nickname=NICKNAME,
        **outcomes,
    )


async def _outcomes(request: web.Request, session: AsyncSession) -> dict[str, Any]:
    """How greetings ended, and the latest that friends did not get."""
    counted = await session.execute(
        select(Greeting.outcome, func.count()).group_by(Greeting.outcome)
    )
    latest = await session.scalars(select(Greeting).order_by(Greeting.id.desc()).limit(_LIMIT))
    return {
        "counted": {str(outcome): number for outcome, number in counted if outcome},
        "latest": [_row(request, row) for row in latest if row.outcome != "sent"][:_SHOWN],
    }


async def preview(request: web.Request) -> web.Response:
    """What the newcomer would read; asked while somebody types."""
    form = await form_of(request)
    greeting = read_greeting(form)
    seen = (
        group_preview(request, greeting["text"], greeting["attachments"])
        if form.get("to") == "group"
        else await preview_of(request, greeting, form.get("relation", ""))
    )
    return shown(request, "_phone.html", at="greetings", preview=seen)


async def attachments(request: web.Request) -> web.Response:
    """The attachments of a form after a press on one of their buttons."""
    form = await form_of(request)
    rows = changed(rows_of_form(form), form.get("do", ""))
    most = 1 if form.get("to") == "group" else MOST_ATTACHMENTS
    words = (await fields_of(request, {})).with_rows(rows, most)
    response = shown(request, "_attachments.html", at="greetings", words=words)
    return trigger(response, **{"greeting:changed": True})


async def save_default(request: web.Request) -> web.Response:
    """Change what is said where nobody else says anything."""
    form = await form_of(request)
    greeting = read_greeting(form)
    leads = {name: form.get(name, "").strip() for name in ("returning_lead", "shared_lead")}
    checked(GreetingContent, greeting, _labels(request))
    edit = checked(GreetingEdit, greeting | leads, _labels(request))
    await request.app[SHOP_GREETINGS].edit(edit, by=request[SIGNED].user)
    return went(request, GREETINGS, "saved")


async def restore(request: web.Request) -> web.Response:
    """Back to the words of the settings."""
    nothing = GreetingEdit.model_validate(dict.fromkeys(GreetingEdit.model_fields))
    await request.app[SHOP_GREETINGS].edit(nothing, by=request[SIGNED].user)
    return went(request, GREETINGS, "restored")


async def save_channel(request: web.Request) -> web.Response:
    """Change the words of one channel; without words it greets with the default."""
    channel_id = path_id(request)
    await request.app[ROOM].get(channel_id)
    greeting = read_greeting(await form_of(request))
    check_whole(greeting)
    patch = checked(ChannelPatch, {"greeting": greeting}, _labels(request))
    await request.app[ROOM].change(channel_id, patch)
    return went(request, f"{GREETINGS}?channel={channel_id}", "saved")


async def save_segment(request: web.Request) -> web.Response:
    """Greet a segment in words of its own; without any it is greeted as all others."""
    segment_id, form = path_id(request), await form_of(request)
    greeting = read_greeting(form)
    check_whole(greeting)
    content = checked(GreetingContent, greeting, _labels(request))
    place = form.get("place", "").strip()
    await request.app[SHOP_GREETINGS].edit_segment(
        segment_id,
        content if content.text or content.attachments else None,
        place=int(place) if place.isascii() and place.isdigit() and len(place) < 6 else None,
        by=request[SIGNED].user,
    )
    return went(request, f"{GREETINGS}?segment={segment_id}", "saved")


async def _greeting(
    request: web.Request, channel: Channel | None, segment: CustomerSegment | None
) -> Mapping[str, Any]:
    """What the opened entry says; the shop's own where neither is open."""
    if channel:
        return channel.greeting
    if segment:
        return segment.greeting or {}
    try:
        return (await request.app[SHOP_GREETINGS].words()).content.model_dump()
    except ValidationError:
        return {}


def _group_words(template: GroupTemplate | None, group: str) -> dict[str, Any]:
    if template is None:
        return {}
    return {
        "text": template.text,
        "attachments": [template.attachment] if template.attachment else [],
    }


def _group_preview(request: web.Request, template: GroupTemplate | None, sample: str) -> Preview:
    if template is None:
        return group_preview(request, sample)
    attachments = [template.attachment] if template.attachment else []
    return group_preview(request, template.text, attachments)


async def _drifting(request: web.Request, group: str) -> list[ListedGroup]:
    """The groups of a kind, those that do not greet as they should first."""
    async with desk(request).database.read() as session:
        found = await list_groups(session, GroupFilter(segment=group), after="", limit=_GROUPS)
    return sorted(found, key=lambda one: one.drift is Drift.PICKED)


def _chosen(request: web.Request, name: str, known: Mapping[str, Any]) -> Any:
    which = request.query.get(name, "")
    if which and which not in known:
        raise NotFound("没有这一项，可能已被删除，请从列表里另选一个")
    return known.get(which)


def _labels(request: web.Request) -> dict[str, str]:
    words = desk(request).words
    return {
        "greeting": words("channel.greeting"),
        "text": words("channel.greeting"),
        "returning_text": words("words.returning"),
        "shared_text": words("words.shared"),
        "attachments": words("words.attachments"),
        "returning_lead": words("greetings.returning"),
        "shared_lead": words("greetings.shared"),
    }


def _row(request: web.Request, row: Greeting) -> dict[str, str]:
    here = desk(request)
    outcome = row.outcome or "waiting"
    return {
        "who": row.external_userid,
        "at": here.time(row.added_at),
        "outcome": outcome,
        "label": here.words(f"greeting.{outcome}"),
        "reason": row.reason,
    }


ROUTES = (
    web.get(GREETINGS, show_greetings),
    web.post(GREETINGS, save_default),
    web.post(GREETINGS + "/restore", restore),
    web.post(GREETINGS + "/preview", preview),
    web.post(GREETINGS + "/attachments", attachments),
    web.post(GREETINGS + "/{id:\\d+}", save_channel),
    web.post(GREETINGS + "/segments/{id:\\d+}", save_segment),
)
