"""WeCom's list of corp tags, written down."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.tag_making import being_made, end_making
from bot.customers.tally import Tally
from bot.store.contact_tables import CorpTag, FollowTag, TagGroup
from bot.wecom.contacts import TagGroupInfo, TagInfo

_CHUNK = 500


async def store_groups(
    session: AsyncSession,
    groups: Sequence[TagGroupInfo],
    *,
    asked_at: datetime,
    now: datetime,
    whole: bool = False,
    entire: bool = False,
) -> Tally:
    """Write what WeCom listed at `asked_at`; later knowledge of ours is left alone.

    `whole`: the list is complete, `entire`: each group is, so what is missing was deleted. Tags
    that we had asked WeCom to create are marked as ours.
    """
    known = await _known(session, groups, everything=whole)
    tally = Tally(seen=sum(len(group.tags) for group in groups))
    fresh: list[str] = []
    for group in groups:
        await _store_group(session, group, asked_at, now)
        for info in group.tags:
            tag = known.get(info.tag_id)
            if tag is None:
                session.add(_new(group, info, asked_at, now))
                fresh.append(info.tag_id)
            elif tag.read_at <= asked_at:
                tally.changed += _change(tag, group, info, asked_at, now)
    await session.flush()
    await _claim_ours(session, groups)
    await _refresh_borne(session, fresh)
    tally.added += len(fresh)
    complete = {group.group_id for group in groups} if entire else set()
    gone = _missing(known.values(), groups, asked_at, complete=None if whole else complete)
    tally.removed += len(gone)
    await mark_deleted(session, tag_ids=gone, now=now)
    return tally


def _new(group: TagGroupInfo, info: TagInfo, asked_at: datetime, now: datetime) -> CorpTag:
    tag = CorpTag(tag_id=info.tag_id, ours=False, read_at=asked_at)
    _fill(tag, group, info, now)
    return tag


def _change(
    tag: CorpTag, group: TagGroupInfo, info: TagInfo, asked_at: datetime, now: datetime
) -> bool:
    tag.read_at = asked_at
    if not _differs(tag, group, info):
        return False
    _fill(tag, group, info, now)
    tag.refresh_from = ""
    return True


async def _claim_ours(session: AsyncSession, groups: Sequence[TagGroupInfo]) -> None:
    """Also tags that a process had created when it was stopped before it could note them."""
    ids = {(group.name, tag.name): tag.tag_id for group in groups for tag in group.tags}
    for group, name in await being_made(session, ids):
        await session.execute(
            update(CorpTag).where(CorpTag.tag_id == ids[group, name]).values(ours=True)
        )
        await end_making(session, group, [name])


def _missing(
    known: Iterable[CorpTag],
    groups: Sequence[TagGroupInfo],
    asked_at: datetime,
    *,
    complete: Collection[str] | None,
) -> list[str]:
    """Tags that a complete list left out; `complete` names the groups that are, None all."""
    listed = {info.tag_id for group in groups for info in group.tags}
    return [
        tag.tag_id
        for tag in known
        if tag.tag_id not in listed
        and tag.deleted_at is None
        and tag.read_at <= asked_at
        and (complete is None or tag.group_id in complete)
    ]


async def _known(
    session: AsyncSession, groups: Sequence[TagGroupInfo], *, everything: bool
) -> dict[str, CorpTag]:
    wanted = select(CorpTag)
    if not everything:
        ids = [tag.tag_id for group in groups for tag in group.tags]
        wanted = wanted.where(
            or_(
                CorpTag.tag_id.in_(ids),
                CorpTag.group_id.in_([group.group_id for group in groups]),
            )
        )
    return {tag.tag_id: tag for tag in await session.scalars(wanted)}


async def _store_group(
    session: AsyncSession, info: TagGroupInfo, asked_at: datetime, now: datetime
) -> None:
    group = await session.get(TagGroup, info.group_id)
    if group is None:
        group = TagGroup(group_id=info.group_id, read_at=asked_at)
        session.add(group)
    elif group.read_at > asked_at:
        return
    group.name, group.position, group.read_at = info.name, info.order, asked_at
    group.deleted_at = (group.deleted_at or now) if info.deleted else None


def _differs(tag: CorpTag, group: TagGroupInfo, info: TagInfo) -> bool:
    before = (tag.group_id, tag.name, tag.position, tag.deleted_at is not None)
    return before != (group.group_id, info.name, info.order, info.deleted)


def _fill(tag: CorpTag, group: TagGroupInfo, info: TagInfo, now: datetime) -> None:
    tag.group_id, tag.name, tag.position = group.group_id, info.name, info.order
    tag.deleted_at = (tag.deleted_at or now) if info.deleted else None


async def _refresh_borne(session: AsyncSession, ids: Sequence[str]) -> None:
    """Tags that customers bore before we knew their names."""
    for chunk in _chunks(ids):
        borne = select(FollowTag.tag_id).where(FollowTag.tag_id.in_(chunk)).distinct()
        await session.execute(
            update(CorpTag)
            .where(CorpTag.tag_id.in_(borne))
            .values(refresh_from="")
            .execution_options(synchronize_session=False)
        )


async def mark_deleted(
    session: AsyncSession,
    *,
    tag_ids: Collection[str] = (),
    group_ids: Collection[str] = (),
    now: datetime,
) -> None:
    """Tags and groups that are gone; WeCom says nothing of the tags of a deleted group."""
    for chunk in _chunks(sorted(tag_ids)):
        await _delete_tags(session, CorpTag.tag_id.in_(chunk), now)
    for chunk in _chunks(sorted(group_ids)):
        await _delete_tags(session, CorpTag.group_id.in_(chunk), now)
        await session.execute(
            update(TagGroup)
            .where(TagGroup.group_id.in_(chunk), TagGroup.deleted_at.is_(None))
            .values(deleted_at=now)
            .execution_options(synchronize_session=False)
        )


async def _delete_tags(session: AsyncSession, these: object, now: datetime) -> None:
    await session.execute(
        update(CorpTag)
        .where(these, CorpTag.deleted_at.is_(None))  # type: ignore[arg-type]
        .values(deleted_at=now, refresh_from="", read_at=now)
        .execution_options(synchronize_session=False)
    )


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))
