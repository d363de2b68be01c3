"""`/segments`: customers described by nested conditions, saved by name, greeted in own words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import func, select

from bot.customers.greeting_content import GreetingContent
from bot.customers.segments import (
    LONGEST_NAME,
    Rule,
    delete_segment,
    holds,
    save_segment,
    saved_rule,
    saved_segments,
)
from bot.errors import NotFound, Unprocessable
from bot.store.segment_tables import CustomerSegment
from bot.store.tables import Customer
from bot.web.api.endpoint import Body, Endpoint, path_id
from bot.web.keys import CLOCK, DATABASE, SETTINGS, SHOP_GREETINGS

BY_API = "api"


class SegmentBody(Body):
    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    rule: Rule


class SegmentGreetingBody(Body):
    """Of several segments that a new friend belongs to, the lowest `place` greets."""

    greeting: GreetingContent
    place: int | None = Field(None, ge=0, le=100_000)


class SegmentView(BaseModel):
    id: int
    name: str
    rule: dict[str, Any]
    customers: int
    greeting: dict[str, Any] | None
    greeting_place: int | None
    made_by: str
    updated_at: datetime


class SegmentList(BaseModel):
    items: list[SegmentView]


class SegmentDeleted(BaseModel):
    id: int
    status: str = "deleted"


async def list_segments(request: web.Request, query: object, body: None) -> SegmentList:
    async with request.app[DATABASE].read() as session:
        rows = await saved_segments(session)
    return SegmentList(items=[await _view(request, row) for row in rows])


async def save(request: web.Request, query: object, body: SegmentBody) -> SegmentView:
    async with request.app[DATABASE].write() as session:
        number = await save_segment(
            session, body.name, body.rule, by=BY_API, now=request.app[CLOCK].now()
        )
    return await _read(request, number)


async def show(request: web.Request, query: object, body: None) -> SegmentView:
    return await _read(request, path_id(request))


async def delete(request: web.Request, query: object, body: None) -> SegmentDeleted:
    number = path_id(request)
    async with request.app[DATABASE].write() as session:
        await saved_rule(session, number)
        await delete_segment(session, number)
    return SegmentDeleted(id=number)


async def greet(request: web.Request, query: object, body: SegmentGreetingBody) -> SegmentView:
    row = await request.app[SHOP_GREETINGS].edit_segment(
        path_id(request), body.greeting, place=body.place, by=BY_API
    )
    return await _view(request, row)


async def greet_no_more(request: web.Request, query: object, body: None) -> SegmentView:
    row = await request.app[SHOP_GREETINGS].edit_segment(path_id(request), None, by=BY_API)
    return await _view(request, row)


async def _read(request: web.Request, number: int) -> SegmentView:
    async with request.app[DATABASE].read() as session:
        row = await session.get(CustomerSegment, number)
    if row is None:
        raise NotFound(f"没有编号为 {number} 的分群")
    return await _view(request, row)


async def _view(request: web.Request, row: CustomerSegment) -> SegmentView:
    rule = Rule.model_validate(row.rule)
    async with request.app[DATABASE].read() as session:
        count = await session.scalar(
            select(func.count())
            .select_from(Customer)
            .where(holds(rule, now=request.app[CLOCK].now()))
        )
    return SegmentView(
        id=row.id,
        name=row.name,
        rule=rule.model_dump(mode="json"),
        customers=count or 0,
        greeting=row.greeting if row.greeting_place is not None else None,
        greeting_place=row.greeting_place,
        made_by=row.made_by,
        updated_at=row.updated_at.astimezone(request.app[SETTINGS].shop.zone),
    )


ENDPOINTS = (
    Endpoint("GET", "/segments", list_segments, "已存的分群，各有多少客户", SegmentList),
    Endpoint(
        "PUT",
        "/segments",
        save,
        "按名字保存分群：条件可以用“并且、或者、不是”一层层嵌套；同名的被替换",
        SegmentView,
        body=SegmentBody,
        errors=(Unprocessable,),
    ),
    Endpoint("GET", "/segments/{id}", show, "一个分群", SegmentView, errors=(NotFound,)),
    Endpoint("DELETE", "/segments/{id}", delete, "删除分群", SegmentDeleted, errors=(NotFound,)),
    Endpoint(
        "PUT",
        "/segments/{id}/greeting",
        greet,
        "这个分群的新好友听到的欢迎语（渠道自己的话优先）",
        SegmentView,
        body=SegmentGreetingBody,
        errors=(NotFound, Unprocessable),
    ),
    Endpoint(
        "DELETE",
        "/segments/{id}/greeting",
        greet_no_more,
        "不再单独问候这个分群",
        SegmentView,
        errors=(NotFound,),
    ),
)
