"""`/events`: what customers did elsewhere, each event once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field, field_validator, model_validator

from bot.clock import as_told
from bot.customers.behaviour import Behaviour
from bot.errors import BadRequest, Unprocessable
from bot.web.api.endpoint import Body, Endpoint
from bot.web.keys import CLOCK, CONTACTS, SETTINGS
from bot.wecom.storable import storable

_MAX_DATA_BYTES = 16 * 1024
_AHEAD = timedelta(days=1)


class EventBody(Body):
    """`at` is ISO 8601 or Unix seconds; without a zone it is the shop's time, missing now."""

    id: str = Field(min_length=1, max_length=128)
    type: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    external_userid: str | None = Field(None, min_length=1, max_length=64)
    unionid: str | None = Field(None, min_length=1, max_length=64)
    at: datetime | None = None
    data: dict[str, Any] = Field(default_factory=dict)

    @field_validator("id", "external_userid", "unionid")
    @classmethod
    def _printable(cls, value: str | None) -> str | None:
        if value is not None and "\x00" in value:
            raise ValueError("不能含有空字符")
        return value

    @field_validator("data")
    @classmethod
    def _small(cls, data: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(data, ensure_ascii=False)
        if len(text.encode(errors="replace")) > _MAX_DATA_BYTES:
            raise ValueError("内容太大，最多 16 KB")
        return dict(storable(data))

    @model_validator(mode="after")
    def _somebody(self) -> EventBody:
        if not (self.external_userid or self.unionid):
            raise ValueError("external_userid 和 unionid 至少要有一个")
        return self


class EventTaken(BaseModel):
    """`parked`: the customer is unknown; the event takes effect once they appear."""

    id: str
    status: Literal["applied", "parked"]
    duplicate: bool
    external_userid: str | None
    stage: str | None


async def take_event(request: web.Request, query: object, body: EventBody) -> EventTaken:
    taken = await request.app[CONTACTS].behaviour.take(
        Behaviour(
            event_id=body.id,
            type=body.type,
            at=_moment(request, body.at),
            external_userid=body.external_userid,
            unionid=body.unionid,
            data=body.data,
        )
    )
    return EventTaken(
        id=body.id,
        status="parked" if taken.customer is None else "applied",
        duplicate=taken.duplicate,
        external_userid=taken.customer,
        stage=taken.stage,
    )


def _moment(request: web.Request, at: datetime | None) -> datetime:
    now = request.app[CLOCK].now()
    if at is None:
        return now
    aware = at if at.tzinfo else at.replace(tzinfo=request.app[SETTINGS].shop.zone)
    try:
        moment = aware.astimezone(UTC)
    except OverflowError:
        raise Unprocessable("请求体 at 有误：不是一个可用的时间") from None
    moment = as_told(request.app[CLOCK], moment)
    if moment > now + _AHEAD:
        raise Unprocessable("请求体 at 有误：时间在将来，请检查发送方的时钟和时区")
    return moment


ENDPOINTS = (
    Endpoint(
        "POST",
        "/events",
        take_event,
        "上报客户行为（看商品、加购、付款……）；同一个 id 只算一次",
        EventTaken,
        body=EventBody,
        status=202,
        repeat_status=200,
        errors=(BadRequest, Unprocessable),
    ),
)
