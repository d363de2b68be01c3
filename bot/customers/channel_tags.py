"""The tags of a channel on those whom it brings."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.greeting_case import Case
from bot.store.channel_tables import Channel


async def want_channel_tags(
    session: AsyncSession, case: Case, channel: Channel, *, now: datetime
) -> None:
    """Promise the channel's tags for this pair."""
