"""`/customers/{external_userid}`: what is known about one customer."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel
from sqlalchemy import select

from bot.errors import NotFound
from bot.store.tables import Conversation, Customer, StageMove
from bot.web.api.endpoint import Endpoint, is_keepable
from bot.web.api.views import ConversationRef, conversation_ref
from bot.web.keys import DATABASE, FUNNEL, SETTINGS


class StageMoveView(BaseModel):
    from_stage: str | None
    to_stage: str
    cause: str
    detail: str
    at: datetime


class CustomerView(BaseModel):
    external_userid: str
    name: str
    avatar: str
    gender: int
    unionid: str | None
    stage: str
    stage_label: str
    stage_since: datetime
    stage_history: list[StageMoveView]
    tags: list[str]
    follows: list[dict[str, str]]
    conversations: list[ConversationRef]
    channel: str | None
    opted_out: bool
    opted_out_at: datetime | None
    first_seen_at: datetime


async def show_customer(request: web.Request, query: object, body: None) -> CustomerView:
    external_userid = request.match_info["external_userid"]
    if not is_keepable(external_userid):
        raise NotFound("没有这位客户")
    zone = request.app[SETTINGS].shop.zone
    async with request.app[DATABASE].read() as session:
        customer = await session.get(Customer, external_userid)
        if customer is None:
            raise NotFound(f"没有客户 {external_userid[:64]}")
        moves = await session.scalars(
            select(StageMove)
            .where(StageMove.external_userid == external_userid)
            .order_by(StageMove.id)
        )
        history = [
            StageMoveView(
                from_stage=move.from_stage,
                to_stage=move.to_stage,
                cause=move.cause,
                detail=move.detail,
                at=move.at.astimezone(zone),
            )
            for move in moves
        ]
        conversations = await session.scalars(
            select(Conversation).where(Conversation.external_userid == external_userid)
        )
        refs = [conversation_ref(conversation) for conversation in conversations]
    return CustomerView(
        external_userid=external_userid,
        name=customer.name,
        avatar=customer.avatar,
        gender=customer.gender,
        unionid=customer.unionid,
        stage=customer.stage,
        stage_label=request.app[FUNNEL].label(customer.stage),
        stage_since=customer.stage_since.astimezone(zone),
        stage_history=history,
        tags=[str(tag) for tag in customer.tags],
        follows=[],
        conversations=refs,
        channel=customer.channel,
        opted_out=customer.opted_out_at is not None,
        opted_out_at=customer.opted_out_at and customer.opted_out_at.astimezone(zone),
        first_seen_at=customer.first_seen_at.astimezone(zone),
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        "/customers/{external_userid}",
        show_customer,
        "一位客户：资料、漏斗阶段与经过、标签、会话、是否退订",
        CustomerView,
        errors=(NotFound,),
    ),
)
