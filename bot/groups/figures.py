"""What can be counted about groups: growth by day, people in several, groups fallen silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.group_tables import CustomerGroup, GroupMember, GroupMove, GroupState, MoveKind
from bot.wecom.group_chats import CUSTOMER


@dataclass(frozen=True, slots=True)
class DayOfGroups:
    """Customers who came and went on one day of the shop."""

    day: date
    joined: int
    left: int

    @property
    def net(self) -> int:
        return self.joined - self.left


async def growth(
    session: AsyncSession,
    *,
    now: datetime,
    zone: ZoneInfo,
    days: int,
    chat_id: str | None = None,
    segment: str | None = None,
) -> list[DayOfGroups]:
    """The last `days` days with today, quiet ones too, the oldest first."""
    today = now.astimezone(zone).date()
    first = today - timedelta(days=days - 1)
    counted = (
        select(GroupMove.day, GroupMove.kind, func.count())
        .where(GroupMove.day >= first.isoformat(), GroupMove.of_customer)
        .group_by(GroupMove.day, GroupMove.kind)
    )
    if chat_id:
        counted = counted.where(GroupMove.chat_id == chat_id)
    if segment:
        counted = counted.join(CustomerGroup, CustomerGroup.chat_id == GroupMove.chat_id).where(
            CustomerGroup.segment == segment
        )
    found = {(day, kind): number for day, kind, number in await session.execute(counted)}
    return [
        DayOfGroups(
            day,
            found.get((day.isoformat(), MoveKind.JOINED), 0),
            found.get((day.isoformat(), MoveKind.LEFT), 0),
        )
        for day in (first + timedelta(days=number) for number in range(days))
    ]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A customer who sits in several groups."""

    external_userid: str
    name: str
    groups: Sequence[tuple[str, str]]


async def duplicates(
    session: AsyncSession,
    *,
    at_least: int = 2,
    segment: str | None = None,
    offset: int = 0,
    limit: int = 50,
) -> list[Duplicate]:
    """Customers in at least so many active groups, those in most groups first."""
    here = _sitting(segment)
    ranked = await session.execute(
        select(GroupMember.userid, func.count().label("number"))
        .join(CustomerGroup, CustomerGroup.chat_id == GroupMember.chat_id)
        .where(here)
        .group_by(GroupMember.userid)
        .having(func.count() >= at_least)
        .order_by(func.count().desc(), GroupMember.userid)
        .offset(offset)
        .limit(limit)
    )
    userids = [userid for userid, _ in ranked]
    rows = await session.execute(
        select(GroupMember.userid, GroupMember.name, CustomerGroup.chat_id, CustomerGroup.name)
        .join(CustomerGroup, CustomerGroup.chat_id == GroupMember.chat_id)
        .where(here, GroupMember.userid.in_(userids))
        .order_by(CustomerGroup.chat_id)
    )
    names: dict[str, str] = {}
    groups: dict[str, list[tuple[str, str]]] = {userid: [] for userid in userids}
    for userid, name, chat_id, group_name in rows:
        names[userid] = names.get(userid) or name
        groups[userid].append((chat_id, group_name))
    return [Duplicate(userid, names.get(userid, ""), groups[userid]) for userid in userids]


def _sitting(segment: str | None) -> ColumnElement[bool]:
    here = and_(
        GroupMember.kind == CUSTOMER,
        GroupMember.left_at.is_(None),
        CustomerGroup.state == GroupState.ACTIVE,
    )
    return and_(here, CustomerGroup.segment == segment) if segment else here


def is_silent(since: datetime) -> ColumnElement[bool]:
    """Whether nobody joined since then and, where it is known, nobody said anything."""
    return and_(
        CustomerGroup.state == GroupState.ACTIVE,
        or_(CustomerGroup.last_join_at.is_(None), CustomerGroup.last_join_at < since),
        or_(CustomerGroup.last_message_at.is_(None), CustomerGroup.last_message_at < since),
        or_(CustomerGroup.made_at.is_(None), CustomerGroup.made_at < since),
    )
