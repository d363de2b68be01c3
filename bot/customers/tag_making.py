"""Tags that WeCom was asked to create: they are ours even when its answer never came."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.contact_tables import Bookmark
from bot.store.upsert import insert_new

_PREFIX = "making tag "


async def begin_making(
    session: AsyncSession, group: str, names: Collection[str], *, now: datetime
) -> None:
    """Before WeCom is asked: whoever is stopped now finds the tags again, and that they asked."""
    rows = [{"name": _mark(group, name), "position": "", "at": now} for name in names]
    await insert_new(session, Bookmark, rows, unique=["name"], returning=Bookmark.name)


async def end_making(session: AsyncSession, group: str, names: Collection[str]) -> None:
    """They are known by now, or WeCom refused to make them."""
    marks = [_mark(group, name) for name in names]
    await session.execute(delete(Bookmark).where(Bookmark.name.in_(marks)))


async def being_made(
    session: AsyncSession, listed: Collection[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Those (group, tag) whose making was begun and never ended."""
    begun = await session.scalars(
        select(Bookmark.name).where(Bookmark.name.startswith(_PREFIX, autoescape=True))
    )
    marks = set(begun)
    return {pair for pair in listed if _mark(*pair) in marks} if marks else set()


def _mark(group: str, name: str) -> str:
    return _PREFIX + hashlib.sha256(f"{group}\x00{name}".encode()).hexdigest()[:40]
