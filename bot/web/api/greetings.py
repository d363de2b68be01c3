"""`/greetings/words`: what new friends hear where their channel says nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from bot.customers.shop_greetings import GreetingEdit, ShopWords
from bot.errors import Unprocessable
from bot.web.api.endpoint import Endpoint
from bot.web.keys import SETTINGS, SHOP_GREETINGS

BY_API = "api"


class SegmentGreetingItem(BaseModel):
    name: str
    saved: bool
    text: str


class WordsView(BaseModel):
    """`edited` names what operators changed; the rest is from the settings.

    `segments` are in the order in which they are tried, after the channel's own words.
    """

    text: str
    returning_text: str
    shared_text: str
    returning_lead: str
    shared_lead: str
    attachments: list[dict[str, Any]]
    edited: list[str]
    edited_by: str
    edited_at: datetime | None
    segments: list[SegmentGreetingItem]


async def show(request: web.Request, query: object, body: None) -> WordsView:
    return _view(request, await request.app[SHOP_GREETINGS].words())


async def edit(request: web.Request, query: object, body: GreetingEdit) -> WordsView:
    return _view(request, await request.app[SHOP_GREETINGS].edit(body, by=BY_API))


def _view(request: web.Request, words: ShopWords) -> WordsView:
    settings = request.app[SETTINGS]
    saved = [
        SegmentGreetingItem(name=one.name, saved=True, text=one.content.text)
        for one in words.segments
    ]
    configured = [
        SegmentGreetingItem(name=one.name, saved=False, text=one.text)
        for one in settings.greetings.segments
    ]
    return WordsView(
        text=words.text,
        returning_text=words.returning_text,
        shared_text=words.shared_text,
        returning_lead=words.returning_lead,
        shared_lead=words.shared_lead,
        attachments=list(words.attachments),
        edited=sorted(words.edited),
        edited_by=words.edited_by,
        edited_at=words.edited_at and words.edited_at.astimezone(settings.shop.zone),
        segments=[*saved, *configured],
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        "/greetings/words",
        show,
        "默认欢迎语：新好友、老朋友回来、同事的好友各说什么，哪些被改过，按人群的有哪些",
        WordsView,
    ),
    Endpoint(
        "PUT",
        "/greetings/words",
        edit,
        "修改默认欢迎语：只改给出的项，给 null 就恢复配置文件里的话",
        WordsView,
        body=GreetingEdit,
        errors=(Unprocessable,),
    ),
)
