"""`/dead-letters`: work of any kind that failed or was given up on."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field

from bot.errors import NotFound, Unprocessable
from bot.web.api.endpoint import Body, Endpoint, path_id
from bot.web.keys import DEAD_LETTERS, SETTINGS


class DeadLetterQuery(Body):
    limit: int = Field(50, ge=1, le=200)


class DeadLetterView(BaseModel):
    kind: str
    id: int
    state: str
    about: str
    attempts: int
    error: str
    due_at: datetime


class DeadLetterList(BaseModel):
    items: list[DeadLetterView]


class Revived(BaseModel):
    kind: str
    id: int
    status: str


async def list_dead_letters(
    request: web.Request, query: DeadLetterQuery, body: None
) -> DeadLetterList:
    zone = request.app[SETTINGS].shop.zone
    letters = await request.app[DEAD_LETTERS].list(limit=query.limit)
    return DeadLetterList(
        items=[
            DeadLetterView(
                kind=one.kind,
                id=one.id,
                state=one.state,
                about=one.about,
                attempts=one.attempts,
                error=one.error,
                due_at=one.due_at.astimezone(zone),
            )
            for one in letters
        ]
    )


async def retry(request: web.Request, query: object, body: Body) -> Revived:
    kind = request.match_info["kind"]
    await request.app[DEAD_LETTERS].retry(kind, path_id(request))
    return Revived(kind=kind, id=path_id(request), status="ready")


ENDPOINTS = (
    Endpoint(
        "GET",
        "/dead-letters",
        list_dead_letters,
        "没有办成的工作：回复、连发、平台通知……",
        DeadLetterList,
        query=DeadLetterQuery,
        errors=(Unprocessable,),
    ),
    Endpoint(
        "POST",
        "/dead-letters/{kind}/{id}/retry",
        retry,
        "重试一项没有办成的工作",
        Revived,
        body=Body,
        errors=(NotFound,),
    ),
)
