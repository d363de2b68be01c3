"""`/customers`: finding them, what is known of one, and leaving one alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.directory import Wanted, guides_of, page
from bot.customers.opt_outs import OptOutSource, opt_in, opt_out
from bot.customers.same_person import same_person
from bot.customers.stages import move_by_hand
from bot.errors import BadRequest, Conflict, NotFound, Unprocessable
from bot.store.contact_tables import ContactCard
from bot.store.tables import Conversation, Customer, StageMove
from bot.web.api.cursors import read_cursor, write_cursor
from bot.web.api.endpoint import Body, Endpoint
from bot.web.api.follow_views import FollowView, follow_views
from bot.web.api.views import ConversationRef, conversation_ref
from bot.web.keys import CLOCK, DATABASE, FUNNEL, SETTINGS

BY_API = "api"


class StageMoveView(BaseModel):
    from_stage: str | None
    to_stage: str
    cause: str
    detail: str
    at: datetime


class CustomerView(BaseModel):
    """`follows` names every guide, so that no two of them quote differently; `same_person` are
    the ids under which WeCom knows this person, too."""

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
    follows: list[FollowView]
    same_person: list[str]
    card: dict[str, Any]
    conversations: list[ConversationRef]
    channel: str | None
    opted_out: bool
    opted_out_at: datetime | None
    first_seen_at: datetime


class CustomerItem(BaseModel):
    external_userid: str
    name: str
    avatar: str
    stage: str
    stage_label: str
    tags: list[str]
    channel: str | None
    guides: list[str]
    opted_out: bool
    first_seen_at: datetime


class CustomerPage(BaseModel):
    items: list[CustomerItem]
    next_cursor: str | None


class CustomerQuery(Body):
    """Everything given must hold; `tag` is a name or an id, `q` part of a name or remark."""

    stage: str | None = Field(None, max_length=32)
    tag: str | None = Field(None, max_length=64)
    channel: str | None = Field(None, max_length=64)
    guide: str | None = Field(None, max_length=64)
    opted_out: bool | None = None
    q: str | None = Field(None, max_length=64)
    cursor: str = ""
    limit: int = Field(50, ge=1, le=200)


class OptOutBody(Body):
    reason: str = Field("", max_length=200)


class StageBody(Body):
    """`seen` is the stage that the caller saw; another one by now is refused with 409."""

    to: str = Field(max_length=32)
    reason: str = Field(min_length=1, max_length=150)
    seen: str | None = Field(None, max_length=32)
    by: str = Field("", max_length=64)


class StageView(BaseModel):
    external_userid: str
    stage: str
    stage_label: str
    changed: bool


class OptOutView(BaseModel):
    external_userid: str
    opted_out: bool
    changed: bool


async def list_customers(request: web.Request, query: CustomerQuery, body: None) -> CustomerPage:
    funnel = request.app[FUNNEL]
    if query.stage and query.stage not in funnel.names:
        raise Unprocessable(
            f"没有阶段 {query.stage}：可用的有 {'、'.join(funnel.names)}", stages=funnel.names
        )
    after = read_cursor(query.cursor, datetime, str)
    async with request.app[DATABASE].read() as session:
        found = await page(
            session,
            _wanted(query),
            after=cast("tuple[datetime, str] | None", tuple(after) if after else None),
            limit=query.limit + 1,
        )
        shown = found[: query.limit]
        guides = await guides_of(session, [one.external_userid for one in shown])
    items = [_item(request, one, guides.get(one.external_userid, [])) for one in shown]
    last = shown[-1] if len(found) > query.limit else None
    cursor = write_cursor(last.first_seen_at, last.external_userid) if last else None
    return CustomerPage(items=items, next_cursor=cursor)


def _wanted(query: CustomerQuery) -> Wanted:
    return Wanted(
        stage=query.stage,
        tag=_plain(query.tag),
        channel=_plain(query.channel),
        guide=_plain(query.guide),
        opted_out=query.opted_out,
        text=_plain(query.q),
    )


def _item(request: web.Request, one: Customer, guides: list[str]) -> CustomerItem:
    return CustomerItem(
        external_userid=one.external_userid,
        name=one.name,
        avatar=one.avatar,
        stage=one.stage,
        stage_label=request.app[FUNNEL].label(one.stage),
        tags=[str(tag) for tag in one.tags],
        channel=one.channel,
        guides=guides,
        opted_out=one.opted_out_at is not None,
        first_seen_at=one.first_seen_at.astimezone(request.app[SETTINGS].shop.zone),
    )


def _plain(text: str | None) -> str | None:
    """PostgreSQL cannot even compare with a NUL character."""
    return text.replace("\x00", "") if text else None


async def show_customer(request: web.Request, query: object, body: None) -> CustomerView:
    external_userid = path_customer(request)
    zone = request.app[SETTINGS].shop.zone
    async with request.app[DATABASE].read() as session:
        customer = await known_customer(session, external_userid)
        history = await _history(session, external_userid, zone)
        conversations = await session.scalars(
            select(Conversation).where(Conversation.external_userid == external_userid)
        )
        refs = [conversation_ref(conversation) for conversation in conversations]
        people = await same_person(session, external_userid)
        follows = await follow_views(session, people, zone=zone)
        card = await session.get(ContactCard, external_userid)
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
        follows=follows,
        same_person=people[1:],
        card=card.body if card else {},
        conversations=refs,
        channel=customer.channel,
        opted_out=customer.opted_out_at is not None,
        opted_out_at=customer.opted_out_at and customer.opted_out_at.astimezone(zone),
        first_seen_at=customer.first_seen_at.astimezone(zone),
    )


async def _history(
    session: AsyncSession, external_userid: str, zone: ZoneInfo
) -> list[StageMoveView]:
    moves = await session.scalars(
        select(StageMove)
        .where(StageMove.external_userid == external_userid)
        .order_by(StageMove.id)
    )
    return [
        StageMoveView(
            from_stage=move.from_stage,
            to_stage=move.to_stage,
            cause=move.cause,
            detail=move.detail,
            at=move.at.astimezone(zone),
        )
        for move in moves
    ]


async def move_customer(request: web.Request, query: object, body: StageBody) -> StageView:
    external_userid, now = path_customer(request), request.app[CLOCK].now()
    async with request.app[DATABASE].write() as session:
        changed = await move_by_hand(
            session,
            external_userid,
            to=body.to,
            by=body.by or BY_API,
            reason=body.reason,
            funnel=request.app[FUNNEL],
            now=now,
            seen=body.seen,
        )
    return StageView(
        external_userid=external_userid,
        stage=body.to,
        stage_label=request.app[FUNNEL].label(body.to),
        changed=changed,
    )


async def opt_customer_out(request: web.Request, query: object, body: OptOutBody) -> OptOutView:
    external_userid = path_customer(request)
    async with request.app[DATABASE].write() as session:
        await known_customer(session, external_userid)
        changed = await opt_out(
            session,
            external_userid,
            source=OptOutSource.API,
            by=BY_API,
            reason=body.reason.replace("\x00", ""),
            now=request.app[CLOCK].now(),
        )
    return OptOutView(external_userid=external_userid, opted_out=True, changed=changed)


async def opt_customer_in(request: web.Request, query: object, body: None) -> OptOutView:
    external_userid = path_customer(request)
    async with request.app[DATABASE].write() as session:
        await known_customer(session, external_userid)
        changed = await opt_in(
            session,
            external_userid,
            source=OptOutSource.API,
            by=BY_API,
            now=request.app[CLOCK].now(),
        )
    return OptOutView(external_userid=external_userid, opted_out=False, changed=changed)


def path_customer(request: web.Request) -> str:
    """The `{external_userid}` of the path; raises `NotFound` for what cannot be one."""
    external_userid = request.match_info["external_userid"]
    if "\x00" in external_userid or len(external_userid) > 64:
        raise _unknown(external_userid)
    return external_userid


async def known_customer(session: Any, external_userid: str) -> Customer:
    """The customer; raises `NotFound`."""
    customer: Customer | None = await session.get(Customer, external_userid)
    if customer is None:
        raise _unknown(external_userid)
    return customer


def _unknown(external_userid: str) -> NotFound:
    return NotFound(f"没有客户 {external_userid[:64]!r}".replace("'", ""))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/customers",
        list_customers,
        "客户列表，新客户在前；可按阶段、标签、渠道、导购、是否退订、姓名筛选",
        CustomerPage,
        query=CustomerQuery,
        errors=(BadRequest, Unprocessable),
    ),
    Endpoint(
        "GET",
        "/customers/{external_userid}",
        show_customer,
        "一位客户：资料、漏斗阶段与经过、标签、跟进的导购、会话、是否退订",
        CustomerView,
        errors=(NotFound,),
    ),
    Endpoint(
        "POST",
        "/customers/{external_userid}/stage",
        move_customer,
        "手动调整漏斗阶段，写明原因；已成交的客户不会退回，手动调错的可以手动改回",
        StageView,
        body=StageBody,
        errors=(NotFound, Conflict, Unprocessable),
    ),
    Endpoint(
        "POST",
        "/customers/{external_userid}/opt-out",
        opt_customer_out,
        "退订：不再自动发送，没发出的自动回复撤下",
        OptOutView,
        body=OptOutBody,
        errors=(NotFound, Unprocessable),
    ),
    Endpoint(
        "DELETE",
        "/customers/{external_userid}/opt-out",
        opt_customer_in,
        "取消退订",
        OptOutView,
        errors=(NotFound,),
    ),
)
