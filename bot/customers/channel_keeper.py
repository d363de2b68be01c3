"""The loop that keeps channels right: guards by the hour and by the cap, files at WeCom."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from bot import loggers
from bot.clock import Clock
from bot.customers.channels import Channels
from bot.customers.greeting_media import GreetingMedia
from bot.customers.shop_greetings import ShopGreetings
from bot.store.channel_tables import Channel, ChannelStatus
from bot.store.database import Database

_PREPARE_EVERY = timedelta(minutes=20)


class ChannelKeeper:
    """Tends the channels every few seconds and whenever somebody new came by one of them."""

    def __init__(
        self,
        database: Database,
        channels: Channels,
        media: GreetingMedia,
        clock: Clock,
        shop: ShopGreetings,
    ) -> None:
        self._database = database
        self._channels = channels
        self._media = media
        self._clock = clock
        self._shop = shop
        self._wake = asyncio.Event()
        self._prepared_at: datetime | None = None

    def nudge(self) -> None:
        """Somebody came: a cap may be reached."""
        self._wake.set()

    def changed(self) -> None:
        """A channel was made or edited: its files should be ready before anybody comes."""
        self._prepared_at = None
        self._wake.set()

    async def run(self, *, poll_seconds: float = 10.0) -> None:
        """Tend until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self._channels.tend()
                await self._prepare()
            except (SQLAlchemyError, OSError) as error:
                loggers.customers.error("channels could not be tended", exc_info=error)
            try:
                async with asyncio.timeout(poll_seconds):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _prepare(self) -> None:
        now = self._clock.now()
        if self._prepared_at and now - self._prepared_at < _PREPARE_EVERY:
            return
        self._prepared_at = now
        await self._media.prepare(await self._attachments())

    async def _attachments(self) -> Sequence[Mapping[str, Any]]:
        async with self._database.read() as session:
            greetings = await session.scalars(
                select(Channel.greeting).where(Channel.status == ChannelStatus.ACTIVE)
            )
            own = [one for greeting in greetings for one in greeting.get("attachments") or []]
        words = await self._shop.words()
        saved = [one for segment in words.segments for one in segment.content.attachments]
        segments = [one for segment in self._shop.settings.segments for one in segment.attachments]
        return [*own, *saved, *segments, *words.attachments]
