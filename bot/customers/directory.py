"""Finding customers: by stage, tag, channel, guide or name, newest first, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.follows import OPEN
from bot.store.contact_tables import CorpTag, Follow, FollowTag
from bot.store.tables import Customer


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the customers of a list have in common; everything given must hold.

    `tag` is a tag's name or id, `text` part of a name or remark.
    """

    stage: str | None = None
    tag: str | None = None
    channel: str | None = None
    guide: str | None = None
    opted_out: bool | None = None
    text: str | None = None


def matching(wanted: Wanted) -> Select[Customer]:
    """The customers described, in no order yet."""
    found = select(Customer)
    if wanted.stage:
        found = found.where(Customer.stage == wanted.stage)
    if wanted.opted_out is not None:
        condition = Customer.opted_out_at
        found = found.where(condition.is_not(None) if wanted.opted_out else condition.is_(None))
    if wanted.tag:
        found = found.where(Customer.external_userid.in_(_bearers(wanted.tag)))
    if wanted.channel:
        came = select(Follow.external_userid).where(Follow.channel_state == wanted.channel)
        found = found.where(
            or_(Customer.channel == wanted.channel, Customer.external_userid.in_(came))
        )
    if wanted.guide:
        found = found.where(
            Customer.external_userid.in_(
                select(Follow.external_userid).where(
                    Follow.userid == wanted.guide, Follow.state.in_(OPEN)
                )
            )
        )
    if wanted.text:
        remarked = select(Follow.external_userid).where(
            Follow.remark.contains(wanted.text, autoescape=True)
        )
        found = found.where(
            or_(
                Customer.name.contains(wanted.text, autoescape=True),
                Customer.external_userid == wanted.text,
                Customer.external_userid.in_(remarked),
            )
        )
    return found


def _bearers(tag: str) -> Select[str]:
    return (
        select(FollowTag.external_userid)
        .join(CorpTag, CorpTag.tag_id == FollowTag.tag_id)
        .join(
            Follow,
            (Follow.userid == FollowTag.userid)
            & (Follow.external_userid == FollowTag.external_userid),
        )
        .where(
            or_(CorpTag.name == tag, CorpTag.tag_id == tag),
            CorpTag.deleted_at.is_(None),
            Follow.state.in_(OPEN),
        )
    )


async def page(
    session: AsyncSession,
    wanted: Wanted,
    *,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Customer]:
    """The newest customers below `after` (when first seen, and id)."""
    found = matching(wanted)
    if after is not None:
        found = found.where(tuple_(Customer.first_seen_at, Customer.external_userid) < after)
    rows = await session.scalars(
        found.order_by(Customer.first_seen_at.desc(), Customer.external_userid.desc()).limit(limit)
    )
    return rows.all()


async def guides_of(session: AsyncSession, ids: Sequence[str]) -> dict[str, list[str]]:
    """Who follows each of these customers now, the oldest relation first."""
    rows = await session.execute(
        select(Follow.external_userid, Follow.userid)
        .where(Follow.external_userid.in_(ids), Follow.state.in_(OPEN))
        .order_by(Follow.since, Follow.userid)
    )
    found: dict[str, list[str]] = {}
    for who, userid in rows:
        found.setdefault(who, []).append(userid)
    return found
