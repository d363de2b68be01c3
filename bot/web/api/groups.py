"""`/groups`: customer groups, their members, who came and went, and what can be counted."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field

from bot.errors import NotFound, Unprocessable
from bot.groups import figures
from bot.groups.listing import (
    GroupFilter,
    ListedGroup,
    list_groups,
    list_members,
    list_moves,
    show_group,
)
from bot.groups.profiles import ProfilePatch
from bot.store.group_tables import GroupMember, GroupMove, GroupState
from bot.web.api.endpoint import Body, Endpoint, is_keepable
from bot.web.keys import CLOCK, DATABASE, GROUPS, SETTINGS


class GroupQuery(Body):
    """`after` is the id of the last row of the page before; `silent` needs nobody to have joined
    or, where it is known, said anything for `groups.silent_days`."""

    state: Literal["active", "missing", "dismissed", "all"] = "active"
    segment: str | None = Field(None, max_length=32)
    tag: str | None = Field(None, max_length=30)
    owner: str | None = Field(None, max_length=64)
    name: str | None = Field(None, max_length=64)
    silent: bool = False
    after: str = Field("", max_length=64)
    limit: int = Field(50, ge=1, le=200)


class GroupView(BaseModel):
    chat_id: str
    name: str
    owner: str
    notice: str
    admins: list[str]
    state: str
    status: int
    members: int
    customers: int
    purpose: str
    segment: str
    segment_label: str
    rules: str
    tags: list[str]
    greeting: str
    picked_at: datetime | None
    picked_by: str
    last_join_at: datetime | None
    last_message_at: datetime | None
    created_at: datetime | None
    ended_at: datetime | None
    read_at: datetime | None


class GroupList(BaseModel):
    items: list[GroupView]
    next_after: str | None


class MemberQuery(Body):
    """`after` is the id of the last row of the page before; `left` lists those who have gone."""

    left: bool = False
    after: str = Field("", max_length=64)
    limit: int = Field(100, ge=1, le=500)


class MemberView(BaseModel):
    userid: str
    kind: str
    name: str
    nickname: str
    unionid: str | None
    joined_at: datetime
    scene: int
    invitor: str
    channel_state: str
    left_at: datetime | None


class MemberList(BaseModel):
    items: list[MemberView]
    next_after: str | None


class MoveQuery(Body):
    before: datetime | None = None
    limit: int = Field(100, ge=1, le=500)


class MoveView(BaseModel):
    userid: str
    kind: str
    at: datetime
    scene: int | None
    invitor: str
    customer: bool
    source: str


class MoveList(BaseModel):
    items: list[MoveView]


class Picked(Body):
    by: str = Field("群主", min_length=1, max_length=64)


class DuplicateQuery(Body):
    at_least: int = Field(3, ge=2, le=100)
    segment: str | None = Field(None, max_length=32)
    offset: int = Field(0, ge=0, le=1_000_000)
    limit: int = Field(50, ge=1, le=200)


class GroupRef(BaseModel):
    chat_id: str
    name: str


class DuplicateView(BaseModel):
    external_userid: str
    name: str
    groups: list[GroupRef]


class DuplicateList(BaseModel):
    items: list[DuplicateView]
    next_offset: int | None


class GrowthQuery(Body):
    days: int = Field(30, ge=1, le=366)
    chat_id: str | None = Field(None, max_length=64)
    segment: str | None = Field(None, max_length=32)


class DayView(BaseModel):
    day: date
    joined: int
    left: int
    net: int


class Growth(BaseModel):
    items: list[DayView]
    joined: int
    left: int
    net: int


async def list_all(request: web.Request, query: GroupQuery, body: None) -> GroupList:
    own = request.app[SETTINGS].groups
    silent_since = request.app[CLOCK].now() - timedelta(days=own.silent_days)
    wanted = GroupFilter(
        state=None if query.state == "all" else GroupState(query.state),
        segment=query.segment,
        tag=query.tag,
        owner=query.owner,
        name=query.name,
        silent_since=silent_since if query.silent else None,
    )
    async with request.app[DATABASE].read() as session:
        rows = await list_groups(session, wanted, after=query.after, limit=query.limit + 1)
    page = rows[: query.limit]
    return GroupList(
        items=[_group(request, row) for row in page],
        next_after=page[-1].group.chat_id if len(rows) > query.limit else None,
    )


async def show(request: web.Request, query: object, body: None) -> GroupView:
    async with request.app[DATABASE].read() as session:
        return _group(request, await show_group(session, _chat_id(request)))


async def change(request: web.Request, query: object, body: ProfilePatch) -> GroupView:
    await request.app[GROUPS].profiles.change(_chat_id(request), body)
    return await show(request, query, None)


async def picked(request: web.Request, query: object, body: Picked) -> GroupView:
    await request.app[GROUPS].tasks.picked(_chat_id(request), by=body.by)
    return await show(request, query, None)


async def members(request: web.Request, query: MemberQuery, body: None) -> MemberList:
    chat_id = _chat_id(request)
    async with request.app[DATABASE].read() as session:
        await show_group(session, chat_id)
        rows = await list_members(
            session, chat_id, gone=query.left, after=query.after, limit=query.limit + 1
        )
    page = rows[: query.limit]
    return MemberList(
        items=[_member(request, row) for row in page],
        next_after=page[-1].userid if len(rows) > query.limit else None,
    )


async def history(request: web.Request, query: MoveQuery, body: None) -> MoveList:
    chat_id = _chat_id(request)
    if query.before is not None and query.before.tzinfo is None:
        raise Unprocessable("参数 before 要带时区，例如 2026-11-20T10:00:00+08:00")
    async with request.app[DATABASE].read() as session:
        await show_group(session, chat_id)
        rows = await list_moves(session, chat_id, before=query.before, limit=query.limit)
    return MoveList(items=[_move(request, row) for row in rows])


async def list_duplicates(
    request: web.Request, query: DuplicateQuery, body: None
) -> DuplicateList:
    async with request.app[DATABASE].read() as session:
        rows = await figures.duplicates(
            session,
            at_least=query.at_least,
            segment=query.segment,
            offset=query.offset,
            limit=query.limit + 1,
        )
    return DuplicateList(
        items=[
            DuplicateView(
                external_userid=row.external_userid,
                name=row.name,
                groups=[GroupRef(chat_id=chat_id, name=name) for chat_id, name in row.groups],
            )
            for row in rows[: query.limit]
        ],
        next_offset=query.offset + query.limit if len(rows) > query.limit else None,
    )


async def show_growth(request: web.Request, query: GrowthQuery, body: None) -> Growth:
    async with request.app[DATABASE].read() as session:
        days = await figures.growth(
            session,
            now=request.app[CLOCK].now(),
            zone=request.app[SETTINGS].shop.zone,
            days=query.days,
            chat_id=query.chat_id,
            segment=query.segment,
        )
    return Growth(
        items=[
            DayView(day=one.day, joined=one.joined, left=one.left, net=one.net) for one in days
        ],
        joined=sum(one.joined for one in days),
        left=sum(one.left for one in days),
        net=sum(one.net for one in days),
    )


def _chat_id(request: web.Request) -> str:
    chat_id = request.match_info["chat_id"]
    if not is_keepable(chat_id) or len(chat_id) > 64:
        raise NotFound("没有这个客户群")
    return chat_id


def _group(request: web.Request, row: ListedGroup) -> GroupView:
    zone, group = request.app[SETTINGS].shop.zone, row.group
    return GroupView(
        chat_id=group.chat_id,
        name=group.name,
        owner=group.owner,
        notice=group.notice,
        admins=group.admins,
        state=group.state,
        status=group.status,
        members=group.members,
        customers=group.customers,
        purpose=group.purpose,
        segment=group.segment,
        segment_label=request.app[GROUPS].segments.label(group.segment),
        rules=group.rules,
        tags=list(row.tags),
        greeting=row.drift,
        picked_at=group.picked_at and group.picked_at.astimezone(zone),
        picked_by=group.picked_by,
        last_join_at=group.last_join_at and group.last_join_at.astimezone(zone),
        last_message_at=group.last_message_at and group.last_message_at.astimezone(zone),
        created_at=group.made_at and group.made_at.astimezone(zone),
        ended_at=group.ended_at and group.ended_at.astimezone(zone),
        read_at=group.read_at and group.read_at.astimezone(zone),
    )


def _member(request: web.Request, row: GroupMember) -> MemberView:
    zone = request.app[SETTINGS].shop.zone
    return MemberView(
        userid=row.userid,
        kind={1: "colleague", 2: "customer"}.get(row.kind, "unknown"),
        name=row.name,
        nickname=row.nickname,
        unionid=row.unionid,
        joined_at=row.joined_at.astimezone(zone),
        scene=row.scene,
        invitor=row.invitor,
        channel_state=row.channel_state,
        left_at=row.left_at and row.left_at.astimezone(zone),
    )


def _move(request: web.Request, row: GroupMove) -> MoveView:
    return MoveView(
        userid=row.userid,
        kind=row.kind,
        at=row.at.astimezone(request.app[SETTINGS].shop.zone),
        scene=row.scene,
        invitor=row.invitor,
        customer=row.of_customer,
        source=row.source,
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        "/groups",
        list_all,
        "客户群：可按分类、标签、群主、名称和是否沉寂筛选",
        GroupList,
        query=GroupQuery,
        errors=(Unprocessable,),
    ),
    Endpoint(
        "GET",
        "/groups/duplicates",
        list_duplicates,
        "同时在几个群里的客户",
        DuplicateList,
        query=DuplicateQuery,
        errors=(Unprocessable,),
    ),
    Endpoint(
        "GET",
        "/groups/growth",
        show_growth,
        "按天的进群和退群（只数客户）",
        Growth,
        query=GrowthQuery,
        errors=(Unprocessable,),
    ),
    Endpoint("GET", "/groups/{chat_id}", show, "一个客户群", GroupView, errors=(NotFound,)),
    Endpoint(
        "PATCH",
        "/groups/{chat_id}",
        change,
        "修改群的用途、分类、群规和标签：只改给出的项",
        GroupView,
        body=ProfilePatch,
        errors=(NotFound, Unprocessable),
    ),
    Endpoint(
        "GET",
        "/groups/{chat_id}/members",
        members,
        "群成员：谁邀请的、怎么进来的；left=true 看退群的",
        MemberList,
        query=MemberQuery,
        errors=(NotFound, Unprocessable),
    ),
    Endpoint(
        "GET",
        "/groups/{chat_id}/history",
        history,
        "进群退群的经过，最近的在前",
        MoveList,
        query=MoveQuery,
        errors=(NotFound, Unprocessable),
    ),
    Endpoint(
        "POST",
        "/groups/{chat_id}/greeting-picked",
        picked,
        "群主已在手机上选用本分类的入群欢迎语",
        GroupView,
        body=Picked,
        errors=(NotFound, Unprocessable),
    ),
)
