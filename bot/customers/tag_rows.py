"""Which tags a pair bears, and the history of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.tag_names import tag_labels
from bot.store.contact_tables import FollowTag, TagChange
from bot.store.upsert import insert_new

Key = tuple[str, str]


async def write_tags(
    session: AsyncSession, key: Key, *, add: Collection[str], remove: Collection[str]
) -> None:
    """Set which tags a pair bears; the customer's names are refreshed by the caller."""
    userid, who = key
    if remove:
        await session.execute(
            delete(FollowTag).where(
                FollowTag.userid == userid,
                FollowTag.external_userid == who,
                FollowTag.tag_id.in_(remove),
            )
        )
    await add_tag_rows(
        session,
        [{"tag_id": tag_id, "external_userid": who, "userid": userid} for tag_id in sorted(add)],
    )


async def add_tag_rows(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows of `follow_tag` that are not there yet."""
    await insert_new(
        session,
        FollowTag,
        rows,
        unique=["tag_id", "external_userid", "userid"],
        returning=FollowTag.tag_id,
    )


async def note_tag_changes(
    session: AsyncSession,
    key: Key,
    *,
    add: Collection[str],
    remove: Collection[str],
    cause: str,
    because: str,
    now: datetime,
) -> None:
    """Write into the history which tags came and went, and why."""
    names = await tag_labels(session, {*add, *remove}, deleted=True)
    for tag_id in sorted({*add, *remove}):
        session.add(
            TagChange(
                external_userid=key[1],
                userid=key[0],
                tag_id=tag_id,
                name=names.get(tag_id, tag_id),
                added=tag_id in add,
                cause=cause,
                because=because[:200],
                at=now,
            )
        )
