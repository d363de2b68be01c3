"""A reading of a group beside what we have of it: who is new, who has gone, what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.groups.digests import note_joiners
from bot.groups.group_rows import count_members, ensure_group, member_row, outdate
from bot.groups.history import GroupHistory, Move
from bot.groups.quiet import DigestTimes
from bot.store.group_tables import CustomerGroup, GroupMember, GroupState, MoveKind, MoveSource
from bot.store.upsert import insert_new
from bot.wecom.group_chats import CUSTOMER, GroupInfo, MemberInfo

_CHUNK = 500
_SAME_STAY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing a reading did; a `stale` one is older than what we have and changes nothing."""

    added: bool = False
    changed: bool = False
    stale: bool = False


class Roster:
    """Stores readings."""

    def __init__(self, history: GroupHistory, times: DigestTimes) -> None:
        self._history = history
        self._times = times

    async def store(
        self,
        session: AsyncSession,
        info: GroupInfo,
        *,
        now: datetime,
        insist: bool = False,
        status: int | None = None,
        sweep: int | None = None,
    ) -> Stored:
        """Make our rows what WeCom says; `insist` also where its version seems an old one."""
        group = await ensure_group(session, info.chat_id, now=now)
        if sweep is not None:
            group.sweep = sweep
        stale = info.member_version in group.past_versions
        unheard = group.known_since == now
        if group.state == GroupState.DISMISSED or (stale and not insist):
            return Stored(stale=stale)
        added = group.read_at is None
        changed = _describe(group, info, status)
        if info.member_version != group.member_version:
            outdate(group, group.member_version, since=info.member_version)
            group.member_version = info.member_version
            changed = True
        changed |= await self._settle_members(
            session, group, info, now, first=added, unheard=unheard
        )
        group.read_at = now
        await session.flush()
        await count_members(session, group)
        return Stored(added=added, changed=changed and not added)

    async def _settle_members(
        self,
        session: AsyncSession,
        group: CustomerGroup,
        info: GroupInfo,
        now: datetime,
        *,
        first: bool,
        unheard: bool,
    ) -> bool:
        rows = await session.scalars(
            select(GroupMember)
            .where(GroupMember.chat_id == group.chat_id)
            .execution_options(populate_existing=True)
        )
        ours = {row.userid: row for row in rows}
        present = {member.userid for member in info.members}
        gone = [row for row in ours.values() if row.left_at is None and row.userid not in present]
        moves = [_gone(row, now) for row in gone]
        fresh, changed = [], bool(gone)
        for member in info.members:
            row = ours.get(member.userid)
            if row is None:
                fresh.append(_row(group.chat_id, member, now))
            else:
                moves += _moves_of(row, member, now)
                changed |= _update(row, member, now)
            moves.append(_came(member, now))
        await self._insert(session, fresh)
        await session.flush()
        new = await self._history.note(session, group.chat_id, moves, unheard=unheard)
        await _leave(session, group.chat_id, [row.userid for row in gone], now)
        if not first:
            await note_joiners(session, group, new, times=self._times, now=now)
        return changed or bool(fresh)

    async def _insert(self, session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
        for start in range(0, len(rows), _CHUNK):
            await insert_new(
                session,
                GroupMember,
                rows[start : start + _CHUNK],
                unique=["chat_id", "userid"],
                returning=GroupMember.userid,
            )


def _describe(group: CustomerGroup, info: GroupInfo, status: int | None) -> bool:
    """Write what is not about members; whether anything differs."""
    values: dict[str, Any] = {
        "name": info.name,
        "owner": info.owner,
        "notice": info.notice,
        "admins": list(info.admins),
        "made_at": info.made_at or group.made_at,
        "state": GroupState.ACTIVE,
        "ended_at": None,
    }
    if status is not None:
        values["status"] = status
    changed = False
    for name, value in values.items():
        if getattr(group, name) != value:
            setattr(group, name, value)
            changed = True
    return changed


def _gone(row: GroupMember, at: datetime) -> Move:
    return Move(
        userid=row.userid,
        kind=MoveKind.LEFT,
        at=at,
        source=MoveSource.READING,
        of_customer=row.kind == CUSTOMER,
        since=row.joined_at,
    )


def _came(member: MemberInfo, now: datetime) -> Move:
    return Move(
        userid=member.userid,
        kind=MoveKind.JOINED,
        at=member.joined_at or now,
        source=MoveSource.READING,
        of_customer=member.kind == CUSTOMER,
        scene=member.scene,
        invitor=member.invitor,
    )


def _moves_of(row: GroupMember, member: MemberInfo, now: datetime) -> list[Move]:
    """Somebody who joined later than we thought must have gone in between."""
    again = member.joined_at
    if row.left_at is not None or again is None or again - row.joined_at <= _SAME_STAY:
        return []
    return [_gone(row, min(again, now))]


def _row(chat_id: str, member: MemberInfo, now: datetime) -> dict[str, Any]:
    return member_row(chat_id, member.userid, **_values(member, member.joined_at or now))


def _update(row: GroupMember, member: MemberInfo, now: datetime) -> bool:
    changed = False
    values = _values(member, member.joined_at or (now if row.left_at else row.joined_at))
    for name, value in (values | {"left_at": None}).items():
        if getattr(row, name) != value:
            setattr(row, name, value)
            changed = True
    return changed


def _values(member: MemberInfo, joined_at: datetime) -> dict[str, Any]:
    return {
        "kind": member.kind,
        "name": member.name,
        "nickname": member.nickname,
        "unionid": member.unionid,
        "joined_at": joined_at,
        "scene": member.scene,
        "invitor": member.invitor,
        "channel_state": member.state,
    }


async def _leave(
    session: AsyncSession, chat_id: str, userids: Sequence[str], at: datetime
) -> None:
    for start in range(0, len(userids), _CHUNK):
        await session.execute(
            update(GroupMember)
            .where(
                GroupMember.chat_id == chat_id,
                GroupMember.userid.in_(userids[start : start + _CHUNK]),
                GroupMember.left_at.is_(None),
            )
            .values(left_at=at)
            .execution_options(synchronize_session=False)
        )
