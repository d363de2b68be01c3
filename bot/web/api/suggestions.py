"""`/suggestions`: what waits for a guide, and the guide's decision."""

from __future__ import annotations

import base64
import binascii
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import Select, select

from bot.dialogue.decisions import Decisions
from bot.errors import AlreadyDecided, BadRequest, NotFound, Unprocessable
from bot.store.tables import Conversation, Customer, Suggestion, SuggestionStatus
from bot.web.api.endpoint import MAX_ID, Body, Endpoint, path_id
from bot.web.api.views import SuggestionView, suggestion_view
from bot.web.keys import DATABASE, DECISIONS, SETTINGS, TAXONOMY
from intents import OUT_OF_SCOPE

BY_API = "api"


class SuggestionQuery(Body):
    """`status=all` lists every status; newest decided ones are found by paging on."""

    status: Literal["pending", "approved", "rejected", "superseded", "all"] = "pending"
    external_userid: str | None = None
    cursor: str = ""
    limit: int = Field(50, ge=1, le=200)


class SuggestionPage(BaseModel):
    items: list[SuggestionView]
    next_cursor: str | None


class Approval(Body):
    """Nothing at all approves the first choice."""

    script_id: str | None = Field(None, min_length=1, max_length=120)
    text: str | None = None


class Approved(BaseModel):
    id: int
    status: Literal["approved"] = "approved"
    outbound_id: int


class Rejection(Body):
    """`intent`: what the customer really wanted, so that the NLU layer can learn it."""

    reason: str = Field("", max_length=500)
    intent: str | None = Field(None, min_length=1, max_length=64)


class Rejected(BaseModel):
    id: int
    status: Literal["rejected"] = "rejected"


def joined() -> Select[Suggestion, Conversation, Customer]:
    return (
        select(Suggestion, Conversation, Customer)
        .join(Conversation, Conversation.id == Suggestion.conversation_id)
        .join(Customer, Customer.external_userid == Suggestion.external_userid)
    )


async def list_suggestions(
    request: web.Request, query: SuggestionQuery, body: None
) -> SuggestionPage:
    rows_wanted = joined().where(Suggestion.id > _after(query.cursor)).order_by(Suggestion.id)
    if query.status != "all":
        rows_wanted = rows_wanted.where(Suggestion.status == SuggestionStatus(query.status))
    if query.external_userid:
        rows_wanted = rows_wanted.where(Suggestion.external_userid == query.external_userid)
    async with request.app[DATABASE].read() as session:
        rows = (await session.execute(rows_wanted.limit(query.limit + 1))).all()
    zone = request.app[SETTINGS].shop.zone
    items = [suggestion_view(*row, zone=zone) for row in rows[: query.limit]]
    more = len(rows) > query.limit
    return SuggestionPage(items=items, next_cursor=_cursor(items[-1].id) if more else None)


async def show_suggestion(request: web.Request, query: object, body: None) -> SuggestionView:
    suggestion_id = path_id(request)
    async with request.app[DATABASE].read() as session:
        row = (await session.execute(joined().where(Suggestion.id == suggestion_id))).first()
    if row is None:
        raise NotFound(f"没有编号为 {suggestion_id} 的建议")
    return suggestion_view(*row, zone=request.app[SETTINGS].shop.zone)


async def approve(request: web.Request, query: object, body: Approval) -> Approved:
    suggestion_id = path_id(request)
    outbound_id = await _decisions(request).approve(
        suggestion_id, by=BY_API, script_id=body.script_id, text=body.text
    )
    return Approved(id=suggestion_id, outbound_id=outbound_id)


async def reject(request: web.Request, query: object, body: Rejection) -> Rejected:
    suggestion_id = path_id(request)
    if body.intent and body.intent not in (*request.app[TAXONOMY].names, OUT_OF_SCOPE):
        raise Unprocessable(f"没有意图 {body.intent}：可用的名字见 intents/intents.yml")
    await _decisions(request).reject(
        suggestion_id, by=BY_API, reason=body.reason, intent=body.intent
    )
    return Rejected(id=suggestion_id)


def _decisions(request: web.Request) -> Decisions:
    return request.app[DECISIONS]


def _cursor(suggestion_id: int) -> str:
    return base64.urlsafe_b64encode(f"s{suggestion_id}".encode()).decode().rstrip("=")


def _after(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        plain = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        if plain[:1] != "s" or not plain[1:].isdigit() or len(plain) > 20:
            raise ValueError
        after = int(plain[1:])
        if after > MAX_ID:
            raise ValueError
        return after
    except (binascii.Error, ValueError):
        raise BadRequest("cursor 无效：请原样传回上一页的 next_cursor") from None


ENDPOINTS = (
    Endpoint(
        "GET",
        "/suggestions",
        list_suggestions,
        "建议列表，按先后排列",
        SuggestionPage,
        query=SuggestionQuery,
        errors=(BadRequest, Unprocessable),
    ),
    Endpoint(
        "GET", "/suggestions/{id}", show_suggestion, "一条建议", SuggestionView, errors=(NotFound,)
    ),
    Endpoint(
        "POST",
        "/suggestions/{id}/approve",
        approve,
        "通过：发送首选、指定的话术或改写后的文字",
        Approved,
        body=Approval,
        errors=(NotFound, AlreadyDecided, Unprocessable),
    ),
    Endpoint(
        "POST",
        "/suggestions/{id}/reject",
        reject,
        "驳回：不发送",
        Rejected,
        body=Rejection,
        errors=(NotFound, AlreadyDecided, Unprocessable),
    ),
)
