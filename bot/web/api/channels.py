"""`/channels`: codes and links with their guides, greetings and tags; who came by them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import func, select

from bot.customers.channel_draft import ChannelDraft, ChannelPatch
from bot.customers.channel_posters import CONTENT_TYPES, Format
from bot.errors import Conflict, NotFound, Unprocessable, WeComError
from bot.store.channel_tables import Channel, Greeting, GreetingOutcome
from bot.web.api.endpoint import Body, Endpoint, Nothing, PageQuery, path_id, read_query
from bot.web.keys import CHANNELS, DATABASE, POSTERS, SETTINGS

BY_API = "api"


class ChannelView(BaseModel):
    id: int
    kind: str
    name: str
    state: str
    status: str
    error: str | None
    config_id: str | None
    qr_code: str
    guides: list[str]
    backups: list[str]
    shifts: list[dict[str, Any]]
    daily_cap: int | None
    caps: dict[str, int]
    on_duty: list[str]
    tags: list[str]
    remark: str
    skip_verify: bool
    greeting: dict[str, Any]
    journey: str | None
    friends: int
    paused: bool
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    created_at: datetime
    updated_at: datetime


class ChannelList(BaseModel):
    items: list[ChannelView]
    next_after: int | None


class Deleted(BaseModel):
    id: int
    status: str = "deleted"


class PauseBody(Body):
    reason: str = Field("", max_length=200)


class PosterQuery(Body):
    """`copies` counts only for `pdf`; an empty caption leaves the code alone."""

    format: Format = "png"
    caption: str | None = Field(None, max_length=60)
    copies: int = Field(6, ge=1, le=120)


class GreetingQuery(Body):
    """`after` is the id of the last row of the page before; the newest come first."""

    outcome: GreetingOutcome | None = None
    external_userid: str | None = None
    after: int | None = Field(None, ge=1)
    limit: int = Field(50, ge=1, le=200)


class GreetingView(BaseModel):
    id: int
    guide: str
    external_userid: str
    channel_id: int | None
    channel_state: str
    relation: str
    outcome: str | None
    reason: str
    errcode: int | None
    text: str
    added_at: datetime
    received_at: datetime
    sent_at: datetime | None


class GreetingList(BaseModel):
    items: list[GreetingView]
    next_after: int | None


async def create(request: web.Request, query: object, body: ChannelDraft) -> ChannelView:
    return await _view(request, await request.app[CHANNELS].create(body))


async def list_channels(request: web.Request, query: PageQuery, body: None) -> ChannelList:
    rows = await request.app[CHANNELS].page(after=query.after, limit=query.limit + 1)
    page = rows[: query.limit]
    friends = await _friends(request, [row.id for row in page])
    return ChannelList(
        items=[_shown(request, row, friends.get(row.id, 0)) for row in page],
        next_after=page[-1].id if len(rows) > query.limit else None,
    )


async def show(request: web.Request, query: object, body: None) -> ChannelView:
    return await _view(request, await request.app[CHANNELS].get(path_id(request)))


async def change(request: web.Request, query: object, body: ChannelPatch) -> ChannelView:
    return await _view(request, await request.app[CHANNELS].change(path_id(request), body))


async def delete(request: web.Request, query: object, body: None) -> Deleted:
    await request.app[CHANNELS].delete(path_id(request))
    return Deleted(id=path_id(request))


async def pause(request: web.Request, query: object, body: PauseBody) -> ChannelView:
    channel = await request.app[CHANNELS].pause(
        path_id(request), by=BY_API, reason=body.reason.strip()
    )
    return await _view(request, channel)


async def resume(request: web.Request, query: object, body: Nothing) -> ChannelView:
    return await _view(request, await request.app[CHANNELS].resume(path_id(request)))


async def draw(request: web.Request) -> web.Response:
    """The same for a page, which has no table of endpoints to read its query."""
    return await show_qr(request, read_query(PosterQuery, request), None)


async def show_qr(request: web.Request, query: PosterQuery, body: None) -> web.Response:
    """The channel's code with logo and caption, to show or to print."""
    channel = await request.app[CHANNELS].get(path_id(request))
    picture = await request.app[POSTERS].draw(
        channel, query.format, caption=query.caption, copies=query.copies
    )
    name = f"channel-{channel.id}.{query.format}"
    return web.Response(
        body=picture,
        content_type=CONTENT_TYPES[query.format],
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )


async def list_greetings(request: web.Request, query: GreetingQuery, body: None) -> GreetingList:
    wanted = select(Greeting).order_by(Greeting.id.desc()).limit(query.limit + 1)
    if query.after:
        wanted = wanted.where(Greeting.id < query.after)
    if query.outcome:
        wanted = wanted.where(Greeting.outcome == query.outcome)
    if query.external_userid:
        wanted = wanted.where(Greeting.external_userid == query.external_userid)
    async with request.app[DATABASE].read() as session:
        rows = (await session.scalars(wanted)).all()
    page = rows[: query.limit]
    return GreetingList(
        items=[_greeting(request, row) for row in page],
        next_after=page[-1].id if len(rows) > query.limit else None,
    )


async def _view(request: web.Request, channel: Channel) -> ChannelView:
    friends = await _friends(request, [channel.id])
    return _shown(request, channel, friends.get(channel.id, 0))


async def _friends(request: web.Request, ids: list[int]) -> dict[int, int]:
    async with request.app[DATABASE].read() as session:
        rows = await session.execute(
            select(Greeting.channel_id, func.count(func.distinct(Greeting.external_userid)))
            .where(Greeting.channel_id.in_(ids))
            .group_by(Greeting.channel_id)
        )
        return {channel_id: count for channel_id, count in rows if channel_id is not None}


def _shown(request: web.Request, channel: Channel, friends: int) -> ChannelView:
    zone = request.app[SETTINGS].shop.zone
    return ChannelView(
        id=channel.id,
        kind=channel.kind,
        name=channel.name,
        state=channel.state,
        status=channel.status,
        error=channel.error,
        config_id=channel.config_id,
        qr_code=channel.qr_code,
        guides=channel.guides,
        backups=channel.backups,
        shifts=channel.shifts,
        daily_cap=channel.daily_cap,
        caps=channel.caps,
        on_duty=channel.on_duty,
        tags=channel.tags,
        remark=channel.remark,
        skip_verify=channel.skip_verify,
        greeting=channel.greeting,
        journey=channel.journey,
        friends=friends,
        paused=channel.paused_at is not None,
        paused_at=channel.paused_at and channel.paused_at.astimezone(zone),
        paused_by=channel.paused_by,
        pause_reason=channel.pause_reason,
        created_at=channel.created_at.astimezone(zone),
        updated_at=channel.updated_at.astimezone(zone),
    )


def _greeting(request: web.Request, row: Greeting) -> GreetingView:
    zone = request.app[SETTINGS].shop.zone
    return GreetingView(
        id=row.id,
        guide=row.userid,
        external_userid=row.external_userid,
        channel_id=row.channel_id,
        channel_state=row.channel_state,
        relation=row.relation,
        outcome=row.outcome,
        reason=row.reason,
        errcode=row.errcode,
        text=row.text,
        added_at=row.added_at.astimezone(zone),
        received_at=row.received_at.astimezone(zone),
        sent_at=row.sent_at and row.sent_at.astimezone(zone),
    )


ENDPOINTS = (
    Endpoint(
        "POST",
        "/channels",
        create,
        "新建渠道：活码（contact_way）或获客链接（link）",
        ChannelView,
        body=ChannelDraft,
        status=201,
        errors=(Unprocessable, WeComError),
    ),
    Endpoint(
        "GET",
        "/channels",
        list_channels,
        "渠道列表",
        ChannelList,
        query=PageQuery,
        errors=(Unprocessable,),
    ),
    Endpoint("GET", "/channels/{id}", show, "一个渠道", ChannelView, errors=(NotFound,)),
    Endpoint(
        "PATCH",
        "/channels/{id}",
        change,
        "修改渠道：只改给出的项",
        ChannelView,
        body=ChannelPatch,
        errors=(NotFound, Unprocessable, WeComError),
    ),
    Endpoint(
        "DELETE",
        "/channels/{id}",
        delete,
        "删除渠道和它的活码",
        Deleted,
        errors=(NotFound, WeComError),
    ),
    Endpoint(
        "GET",
        "/channels/{id}/qr",
        show_qr,
        "渠道码的图片：带店标和文字，可以直接印（pdf 一页多张）",
        None,
        query=PosterQuery,
        errors=(NotFound, Conflict, Unprocessable),
        files=tuple(CONTENT_TYPES.values()),
    ),
    Endpoint(
        "POST",
        "/channels/{id}/pause",
        pause,
        "暂停渠道：活码由后备导购接待（没有后备则不换人），不再用它的欢迎语和旅程；标签照打",
        ChannelView,
        body=PauseBody,
        errors=(NotFound, Conflict, Unprocessable, WeComError),
    ),
    Endpoint(
        "POST",
        "/channels/{id}/resume",
        resume,
        "恢复暂停的渠道",
        ChannelView,
        body=Nothing,
        errors=(NotFound, WeComError),
    ),
    Endpoint(
        "GET",
        "/greetings",
        list_greetings,
        "欢迎语记录：已发（sent）、不必发（skipped）、没发出（failed）、不确定（unsure）",
        GreetingList,
        query=GreetingQuery,
        errors=(Unprocessable,),
    ),
)
