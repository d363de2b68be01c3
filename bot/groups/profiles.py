"""What the shop means a group for: purpose, segment, rules and tags, none of which WeCom knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.written import Written
from bot.errors import NotFound
from bot.groups.group_rows import locked_group
from bot.groups.segments import Segments
from bot.store.database import Database
from bot.store.group_tables import CustomerGroup, GroupTag


def _distinct(values: list[str]) -> list[str]:
    cleaned = [value.strip() for value in values]
    if not all(cleaned):
        raise ValueError("有空白的标签，请删掉")
    return list(dict.fromkeys(cleaned))


Tags = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=30)]],
    Field(max_length=20),
    AfterValidator(_distinct),
]


class ProfilePatch(Written):
    """Only what is given changes; a new segment brings its purpose and rules where none are."""

    purpose: str | None = Field(None, max_length=200)
    segment: str | None = Field(None, max_length=32)
    rules: str | None = Field(None, max_length=2000)
    tags: Tags | None = None


class GroupProfiles:
    """Changes profiles."""

    def __init__(self, database: Database, segments: Segments) -> None:
        self._database = database
        self._segments = segments

    async def change(self, chat_id: str, patch: ProfilePatch) -> None:
        """Write what the patch names; raises `NotFound` or `Unprocessable`."""
        if patch.segment:
            self._segments.check(patch.segment)
        async with self._database.write() as session:
            group = await locked_group(session, chat_id)
            if group is None:
                raise NotFound(f"没有客户群 {chat_id[:64]}")
            for name in ("purpose", "segment", "rules"):
                value = getattr(patch, name)
                if value is not None:
                    setattr(group, name, value.strip())
            if patch.segment:
                self._complete(group)
            if patch.tags is not None:
                await set_tags(session, chat_id, patch.tags)

    def _complete(self, group: CustomerGroup) -> None:
        segment = self._segments.get(group.segment)
        group.purpose = group.purpose or segment.purpose
        group.rules = group.rules or segment.rules


async def set_tags(session: AsyncSession, chat_id: str, tags: Sequence[str]) -> None:
    """Make these the tags of a group."""
    await session.execute(delete(GroupTag).where(GroupTag.chat_id == chat_id))
    session.add_all(GroupTag(chat_id=chat_id, name=name) for name in dict.fromkeys(tags))
    await session.flush()


async def tags_of(session: AsyncSession, chat_ids: Iterable[str]) -> dict[str, list[str]]:
    """The tags of these groups."""
    found: dict[str, list[str]] = {chat_id: [] for chat_id in chat_ids}
    rows = await session.execute(
        select(GroupTag.chat_id, GroupTag.name)
        .where(GroupTag.chat_id.in_(found))
        .order_by(GroupTag.name)
    )
    for chat_id, name in rows:
        found[chat_id].append(name)
    return found
