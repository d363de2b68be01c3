"""Lists of groups, of their members and of who came and went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import NotFound
from bot.groups.drift import Drift, active_templates, drift_of
from bot.groups.figures import is_silent
from bot.groups.profiles import tags_of
from bot.store.group_tables import CustomerGroup, GroupMember, GroupMove, GroupState, GroupTag


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFilter:
    """Which groups are wanted; what is not given does not matter."""

    state: GroupState | None = GroupState.ACTIVE
    segment: str | None = None
    tag: str | None = None
    owner: str | None = None
    name: str | None = None
    silent_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedGroup:
    """A group with what is known of it from elsewhere."""

    group: CustomerGroup
    tags: Sequence[str]
    drift: Drift


async def list_groups(
    session: AsyncSession, wanted: GroupFilter, *, after: str = "", limit: int = 50
) -> list[ListedGroup]:
    """Groups by id, after the given one."""
    chosen = select(CustomerGroup).where(CustomerGroup.chat_id > after)
    if wanted.state is not None:
        chosen = chosen.where(CustomerGroup.state == wanted.state)
    if wanted.segment is not None:
        chosen = chosen.where(CustomerGroup.segment == wanted.segment)
    if wanted.owner is not None:
        chosen = chosen.where(CustomerGroup.owner == wanted.owner)
    if wanted.name:
        chosen = chosen.where(CustomerGroup.name.contains(wanted.name, autoescape=True))
    if wanted.tag is not None:
        tagged = select(GroupTag.chat_id).where(GroupTag.name == wanted.tag)
        chosen = chosen.where(CustomerGroup.chat_id.in_(tagged))
    if wanted.silent_since is not None:
        chosen = chosen.where(is_silent(wanted.silent_since))
    rows = await session.scalars(chosen.order_by(CustomerGroup.chat_id).limit(limit))
    return await _listed(session, list(rows))


async def show_group(session: AsyncSession, chat_id: str) -> ListedGroup:
    """One group; raises `NotFound`."""
    group = await session.get(CustomerGroup, chat_id)
    if group is None:
        raise NotFound(f"没有客户群 {chat_id[:64]}；刚建的群请先运行 wecom-bot sync")
    return (await _listed(session, [group]))[0]


async def _listed(session: AsyncSession, groups: Sequence[CustomerGroup]) -> list[ListedGroup]:
    tags = await tags_of(session, [group.chat_id for group in groups])
    templates = await active_templates(session)
    return [
        ListedGroup(group, tags[group.chat_id], drift_of(group, templates.get(group.segment)))
        for group in groups
    ]


async def list_members(
    session: AsyncSession, chat_id: str, *, gone: bool = False, after: str = "", limit: int = 100
) -> list[GroupMember]:
    """Who is in a group, or with `gone` who has left it, by id."""
    standing = GroupMember.left_at.is_not(None) if gone else GroupMember.left_at.is_(None)
    rows = await session.scalars(
        select(GroupMember)
        .where(GroupMember.chat_id == chat_id, GroupMember.userid > after, standing)
        .order_by(GroupMember.userid)
        .limit(limit)
    )
    return list(rows)


async def list_moves(
    session: AsyncSession, chat_id: str, *, before: datetime | None = None, limit: int = 100
) -> list[GroupMove]:
    """Who came and went, the newest first."""
    wanted = select(GroupMove).where(GroupMove.chat_id == chat_id)
    if before is not None:
        wanted = wanted.where(GroupMove.at < before)
    rows = await session.scalars(
        wanted.order_by(GroupMove.at.desc(), GroupMove.id.desc()).limit(limit)
    )
    return list(rows)
