"""`/customers/{external_userid}/transfers`: handing a customer from one guide to another."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field

from bot.customers.transfers import LONGEST_MESSAGE
from bot.errors import Conflict, NotFound, Unprocessable, WeComError
from bot.store.contact_tables import Transfer
from bot.web.api.customers import known_customer, path_customer
from bot.web.api.endpoint import Body, Endpoint
from bot.web.keys import CONTACTS, DATABASE, SETTINGS

BY_API = "api"


class TransferBody(Body):
    """`handover` may be left out when one guide alone follows the customer."""

    takeover: str = Field(min_length=1, max_length=64)
    handover: str | None = Field(None, min_length=1, max_length=64)
    message: str = Field("", max_length=LONGEST_MESSAGE)


class TransferView(BaseModel):
    """`state`: asking, waiting (done after 24 h unless refused), done, refused or failed."""

    id: int
    external_userid: str
    handover: str
    takeover: str
    resigned: bool
    state: str
    reason: str
    errcode: int | None
    message: str
    asked_by: str
    asked_at: datetime
    ended_at: datetime | None


class TransferList(BaseModel):
    items: list[TransferView]


async def begin(request: web.Request, query: object, body: TransferBody) -> TransferView:
    row = await request.app[CONTACTS].transfers.begin(
        path_customer(request),
        takeover=body.takeover,
        handover=body.handover,
        message=body.message,
        by=BY_API,
    )
    return _view(request, row)


async def list_transfers(request: web.Request, query: object, body: None) -> TransferList:
    who = path_customer(request)
    async with request.app[DATABASE].read() as session:
        await known_customer(session, who)
    rows = await request.app[CONTACTS].transfers.of(who)
    return TransferList(items=[_view(request, row) for row in rows])


def _view(request: web.Request, row: Transfer) -> TransferView:
    zone = request.app[SETTINGS].shop.zone
    return TransferView(
        id=row.id,
        external_userid=row.external_userid,
        handover=row.handover,
        takeover=row.takeover,
        resigned=row.resigned,
        state=row.state,
        reason=row.reason,
        errcode=row.errcode,
        message=row.message,
        asked_by=row.asked_by,
        asked_at=row.asked_at.astimezone(zone),
        ended_at=row.ended_at and row.ended_at.astimezone(zone),
    )


ENDPOINTS = (
    Endpoint(
        "POST",
        "/customers/{external_userid}/transfers",
        begin,
        "把客户转给另一位导购：24 小时后生效，客户可以拒绝；导购已离职的走离职继承",
        TransferView,
        body=TransferBody,
        status=201,
        errors=(NotFound, Conflict, Unprocessable, WeComError),
    ),
    Endpoint(
        "GET",
        "/customers/{external_userid}/transfers",
        list_transfers,
        "一位客户的转接记录，新的在前",
        TransferList,
        errors=(NotFound,),
    ),
)
