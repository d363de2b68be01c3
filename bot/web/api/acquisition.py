"""`/acquisition-quota`: how many friends the acquisition assistant's links may still bring."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel

from bot.errors import WeComError
from bot.web.api.endpoint import Endpoint
from bot.web.keys import LINK_QUOTA, SETTINGS


class PortionView(BaseModel):
    """`balance` of the whole is lost at `expires_at`."""

    balance: int
    expires_at: datetime | None


class QuotaView(BaseModel):
    """`low`: fewer than WeCom warns of; `asked_at`: when WeCom told it, minutes ago at most."""

    total: int
    balance: int
    low: bool
    portions: list[PortionView]
    asked_at: datetime


async def show_quota(request: web.Request, query: object, body: None) -> QuotaView:
    quota = await request.app[LINK_QUOTA].read()
    zone = request.app[SETTINGS].shop.zone
    return QuotaView(
        total=quota.total,
        balance=quota.balance,
        low=quota.low,
        portions=[
            PortionView(
                balance=one.balance, expires_at=one.expires_at and one.expires_at.astimezone(zone)
            )
            for one in quota.portions
        ],
        asked_at=quota.asked_at.astimezone(zone),
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        "/acquisition-quota",
        show_quota,
        "获客助手的额度：共多少、还剩多少、各在什么时候到期",
        QuotaView,
        errors=(WeComError,),
    ),
)
