"""`/conversations` and `/deliveries`: hold, release, and what could not be sent."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import select

from bot.errors import NotFound, Unprocessable
from bot.store.tables import Conversation, Outbound, WorkState
from bot.web.api.endpoint import Body, Endpoint, path_id
from bot.web.keys import CONVERSATIONS, DATABASE, SETTINGS


class LineView(BaseModel):
    at: datetime
    from_customer: bool
    text: str
    msgtype: str
    state: str
    problem: str | None
    outbound_id: int | None


class ConversationView(BaseModel):
    id: int
    lines: list[LineView]


class Hold(Body):
    reason: str = Field("导购要求人工处理", min_length=1, max_length=200)


class Done(BaseModel):
    id: int
    status: str


class DeliveryQuery(Body):
    state: Literal["ready", "done", "failed", "dead"] = "failed"
    limit: int = Field(50, ge=1, le=200)


class DeliveryView(BaseModel):
    id: int
    state: str
    external_userid: str
    text: str
    attempts: int
    error: str | None
    errcode: int | None
    created_at: datetime
    sent_at: datetime | None


class DeliveryList(BaseModel):
    items: list[DeliveryView]


async def show(request: web.Request, query: object, body: None) -> ConversationView:
    conversation_id = path_id(request)
    zone = request.app[SETTINGS].shop.zone
    async with request.app[DATABASE].read() as session:
        if await session.get(Conversation, conversation_id) is None:
            raise NotFound(f"没有编号为 {conversation_id} 的会话")
    lines = await request.app[CONVERSATIONS].lines(conversation_id)
    views = [
        LineView(
            at=line.at.astimezone(zone),
            from_customer=line.from_customer,
            text=line.text,
            msgtype=line.msgtype,
            state=line.state,
            problem=line.problem,
            outbound_id=line.outbound_id,
        )
        for line in lines
    ]
    return ConversationView(id=conversation_id, lines=views)


async def hold(request: web.Request, query: object, body: Hold) -> Done:
    await request.app[CONVERSATIONS].hold(path_id(request), because=body.reason)
    return Done(id=path_id(request), status="held")


async def release(request: web.Request, query: object, body: Body) -> Done:
    await request.app[CONVERSATIONS].release(path_id(request))
    return Done(id=path_id(request), status="released")


async def list_deliveries(request: web.Request, query: DeliveryQuery, body: None) -> DeliveryList:
    zone = request.app[SETTINGS].shop.zone
    async with request.app[DATABASE].read() as session:
        rows = await session.execute(
            select(Outbound, Conversation.external_userid)
            .join(Conversation, Conversation.id == Outbound.conversation_id)
            .where(Outbound.state == WorkState(query.state))
            .order_by(Outbound.id.desc())
            .limit(query.limit)
        )
        items = [
            DeliveryView(
                id=row.id,
                state=row.state,
                external_userid=who,
                text=row.text,
                attempts=row.attempts,
                error=row.error,
                errcode=row.errcode,
                created_at=row.created_at.astimezone(zone),
                sent_at=row.sent_at and row.sent_at.astimezone(zone),
            )
            for row, who in rows
        ]
    return DeliveryList(items=items)


async def retry(request: web.Request, query: object, body: Body) -> Done:
    await request.app[CONVERSATIONS].resend(path_id(request))
    return Done(id=path_id(request), status="ready")


ENDPOINTS = (
    Endpoint("GET", "/conversations/{id}", show, "会话内容", ConversationView, errors=(NotFound,)),
    Endpoint(
        "POST",
        "/conversations/{id}/hold",
        hold,
        "转人工：停止该会话的自动回复",
        Done,
        body=Hold,
        errors=(NotFound, Unprocessable),
    ),
    Endpoint(
        "POST",
        "/conversations/{id}/release",
        release,
        "恢复该会话的自动回复",
        Done,
        body=Body,
        errors=(NotFound,),
    ),
    Endpoint(
        "GET",
        "/deliveries",
        list_deliveries,
        "发送记录：失败（failed）、放弃（dead）、待发（ready）或已发（done）",
        DeliveryList,
        query=DeliveryQuery,
        errors=(Unprocessable,),
    ),
    Endpoint(
        "POST",
        "/deliveries/{id}/retry",
        retry,
        "重试失败或放弃的发送，不会重复发出",
        Done,
        body=Body,
        errors=(NotFound,),
    ),
)
