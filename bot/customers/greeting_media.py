"""Attachments as bodies of `send_welcome_msg`, their files uploaded before anybody comes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot import loggers
from bot.clock import Clock
from bot.delivery.media import MediaLibrary
from bot.errors import BotError, GiveUp

_FRESH = timedelta(hours=1)  # the library itself renews what has less than two hours left
_PATIENCE = 4.0


class GreetingMedia:
    """Remembers `media_id`s, so that a greeting never waits for an upload.

    `prepare` runs by the clock; it looks again at every file within the hour, and the library
    below uploads those again whose three days at WeCom near their end.
    """

    def __init__(self, media: MediaLibrary, clock: Clock) -> None:
        self._media = media
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[str, datetime]] = {}

    async def prepare(self, attachments: Iterable[Mapping[str, Any]]) -> list[str]:
        """Have all their files at WeCom; returns what is wrong with those that are not."""
        problems = []
        for kind, source in dict.fromkeys(_files(attachments)):
            try:
                await self._upload(kind, source)
            except BotError as error:
                problems.append(error.message)
                loggers.customers.warning("a greeting's file is not ready", why=error.message)
        return problems

    async def bodies(
        self, attachments: Sequence[Mapping[str, Any]]
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """The attachments in WeCom's form, and why some had to be left out."""
        ready, problems = [], []
        for attachment in attachments:
            try:
                async with asyncio.timeout(_PATIENCE):
                    ready.append(await self._body(attachment))
            except BotError as error:
                problems.append(error.message)
            except TimeoutError:
                problems.append("附件上传太慢，先发了文字")
        return ready, problems

    async def _body(self, attachment: Mapping[str, Any]) -> dict[str, Any]:
        if "msgtype" in attachment:
            return dict(attachment)
        kind, content = next(iter(attachment.items()))
        if kind == "link":
            names = ("title", "picurl", "desc", "url")
            body = {name: content[name] for name in names if content.get(name)}
        elif kind == "miniprogram":
            if not content.get("image"):
                raise GiveUp(f"小程序「{content['title']}」缺少封面图 image，企业微信不接受")
            body = {name: content[name] for name in ("title", "appid", "page")}
            body["pic_media_id"] = await self._media_id("image", content["image"])
        else:
            body = {"media_id": await self._media_id(kind, content)}
        return {"msgtype": kind, kind: body}

    async def _media_id(self, kind: str, source: str) -> str:
        known = self._known.get((kind, source))
        if known and known[1] > self._clock.now():
            return known[0]
        return await self._upload(kind, source)

    async def _upload(self, kind: str, source: str) -> str:
        media_id = await self._media.media_id(kind, source)
        self._known[kind, source] = media_id, self._clock.now() + _FRESH
        return media_id


def _files(attachments: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    for attachment in attachments:
        kind, content = next(iter(attachment.items()))
        if kind in ("image", "video", "file") and isinstance(content, str):
            yield kind, content
        elif kind == "miniprogram" and isinstance(content, Mapping) and content.get("image"):
            yield "image", content["image"]
