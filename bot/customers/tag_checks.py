"""Noting that something changed about a customer for which a tag rule may care."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.contact_tables import TagCheck
from bot.store.upsert import insert_new


async def want_check(session: AsyncSession, ids: Collection[str], *, now: datetime) -> None:
    """Have the tag rules look at these customers soon."""
    rows = [{"external_userid": who, "due_at": now} for who in sorted(ids)]
    await insert_new(
        session,
        TagCheck,
        rows,
        unique=["external_userid"],
        returning=TagCheck.external_userid,
    )
