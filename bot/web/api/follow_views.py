"""Relations of guides and a customer, as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.contact_tables import CorpTag, Follow, FollowTag, Guide


class FollowView(BaseModel):
    """`state`: active, half (the guide has not answered), or how and when it ended."""

    userid: str
    guide_name: str
    external_userid: str
    state: str
    since: datetime | None
    until: datetime | None
    remark: str
    description: str
    remark_mobiles: list[str]
    add_way: int
    channel: str
    tags: list[str]
    personal_tags: list[str]


async def follow_views(
    session: AsyncSession, people: Sequence[str], *, zone: ZoneInfo
) -> list[FollowView]:
    """All relations of one person under all their ids, the oldest first."""
    rows = await session.execute(
        select(Follow, Guide.name)
        .outerjoin(Guide, Guide.userid == Follow.userid)
        .where(Follow.external_userid.in_(people))
        .order_by(Follow.since, Follow.userid)
    )
    tags = await _tags(session, people)
    return [
        FollowView(
            userid=follow.userid,
            guide_name=name or "",
            external_userid=follow.external_userid,
            state=follow.state,
            since=follow.since and follow.since.astimezone(zone),
            until=follow.until and follow.until.astimezone(zone),
            remark=follow.remark,
            description=follow.description,
            remark_mobiles=[str(mobile) for mobile in follow.remark_mobiles],
            add_way=follow.add_way,
            channel=follow.channel_state,
            tags=tags.get((follow.userid, follow.external_userid), []),
            personal_tags=[_name(tag) for tag in follow.personal_tags],
        )
        for follow, name in rows
    ]


async def _tags(session: AsyncSession, people: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    rows = await session.execute(
        select(FollowTag.userid, FollowTag.external_userid, CorpTag.name)
        .join(CorpTag, CorpTag.tag_id == FollowTag.tag_id)
        .where(FollowTag.external_userid.in_(people), CorpTag.deleted_at.is_(None))
        .order_by(CorpTag.name)
    )
    found: dict[tuple[str, str], list[str]] = {}
    for userid, who, name in rows:
        found.setdefault((userid, who), []).append(name)
    return found


def _name(tag: Any) -> str:
    """Earlier versions kept the name alone."""
    return str(tag.get("name", "")) if isinstance(tag, Mapping) else str(tag)
