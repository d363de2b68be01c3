"""The loop that keeps channels right: guards by the hour and by the cap, files at WeCom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from bot.clock import Clock
from bot.customers.channels import Channels
from bot.customers.greeting_media import GreetingMedia
from bot.customers.shop_greetings import ShopGreetings
from bot.delivery.rounds import Rounds
from bot.store.channel_tables import Channel, ChannelStatus
from bot.store.database import Database

_PREPARE_EVERY = timedelta(minutes=20)


class ChannelKeeper(Rounds):
    """Tends the channels every few seconds and whenever somebody new came by one of them."""

    poll_seconds = 10.0

    def __init__(
        self,
        database: Database,
        channels: Channels,
        media: GreetingMedia,
        clock: Clock,
        shop: ShopGreetings,
    ) -> None:
        super().__init__()
        self._database = database
        self._channels = channels
        self._media = media
        self._clock = clock
        self._shop = shop
        self._prepared_at: datetime | None = None

    def changed(self) -> None:
        """A channel was made or edited: its files should be ready before anybody comes."""
        self._prepared_at = None
        self._wake.set()

    async def round(self) -> bool:
        await self._channels.tend()
        await self._prepare()
        return False

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
