"""The poster of a channel: what its code says, and the words below it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

import aiohttp

from bot.customers import qr_poster
from bot.customers.qr_poster import Poster
from bot.errors import Conflict
from bot.settings import GreetingSettings
from bot.store.channel_tables import Channel, ChannelStatus

Format = Literal["png", "svg", "pdf"]
CONTENT_TYPES = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}
_LARGEST = 2 * 1024 * 1024
_PATIENCE = aiohttp.ClientTimeout(total=5)


@dataclass(frozen=True, slots=True)
class ChannelPosters:
    """Draws posters.

    WeCom: `qr_code` of a contact way is the address of a picture. The code in that picture is
    read and drawn anew, larger and with the shop's logo; when the picture cannot be read its
    address is drawn, which WeChat opens to show the picture.
    """

    http: aiohttp.ClientSession
    settings: GreetingSettings

    async def draw(
        self, channel: Channel, form: Format, *, caption: str | None = None, copies: int = 6
    ) -> bytes:
        """The poster of an active channel; raises `Conflict` while it has no code."""
        if channel.status != ChannelStatus.ACTIVE or not channel.qr_code:
            raise Conflict("这个渠道还没有可用的活码，请稍后再试")
        words = channel.name if caption is None else caption
        link = channel.kind == "link"
        content = channel.qr_code if link else await self.content_of(channel.qr_code)
        return await self.print(content, form, caption=words, copies=copies)

    async def content_of(self, address: str) -> str:
        """What the code in a picture of WeCom says, else the picture's address."""
        picture = await self._picture(address)
        inside = await asyncio.to_thread(qr_poster.read_code, picture) if picture else None
        return inside or address

    async def print(
        self, content: str, form: Format, *, caption: str = "", copies: int = 6
    ) -> bytes:
        """A code of any content with the shop's logo and up to three lines below it."""
        poster = Poster(
            content=content,
            lines=tuple(line for line in caption.splitlines() if line.strip())[:3],
            logo=self.settings.poster_logo,
            font=self.settings.poster_font,
        )
        return await asyncio.to_thread(_drawn, poster, form, copies)

    async def _picture(self, address: str) -> bytes | None:
        try:
            async with self.http.get(address, timeout=_PATIENCE) as response:
                if response.status != 200 or not response.content_type.startswith("image/"):
                    return None
                return await response.content.read(_LARGEST)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None


def _drawn(poster: Poster, form: Format, copies: int) -> bytes:
    if form == "pdf":
        return qr_poster.pdf([poster], copies=copies)
    return qr_poster.svg(poster) if form == "svg" else qr_poster.png(poster)
