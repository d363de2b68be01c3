"""Noting that something changed about a customer for which a tag rule may care."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.contact_tables import TagCheck
from bot.store.upsert import put


async def want_check(session: AsyncSession, ids: Collection[str], *, now: datetime) -> None:
    """Have the tag rules look at these customers soon.

    A wish that is there already is written anew: a look under way, which cannot see yet what this
    transaction knows, must not take it along.
    """
    rows = [{"external_userid": who, "due_at": now} for who in sorted(ids)]
    await put(session, TagCheck, rows, unique=["external_userid"], change=["due_at"])
