"""What a `change_external_chat` callback does to a group, in any order and any number."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.delivery.routing import Effect, EventRouter
from bot.groups.digests import note_joiners
from bot.groups.group_rows import (
    count_members,
    end_group,
    ensure_group,
    kind_of,
    member_row,
    outdate,
    want_reading,
)
from bot.groups.history import GroupHistory, Move
from bot.groups.quiet import DigestTimes
from bot.store.group_tables import CustomerGroup, GroupMember, GroupState, MoveKind, MoveSource
from bot.store.upsert import insert_new
from bot.wecom.events import GroupChange, InboundEvent
from bot.wecom.group_chats import CUSTOMER

READ_AFTER = timedelta(seconds=2)  # WeCom: the group's data follow the event by about 2 s
_MOVES = {"add_member": MoveKind.JOINED, "del_member": MoveKind.LEFT}


class Verdict(StrEnum):
    """What an event about members means for what we know of them."""

    APPLY = "apply"
    KNOWN = "known"
    READ = "read"


def judge(group: CustomerGroup, event: GroupChange) -> Verdict:
    """Apply what follows our version, pass over what is behind it, else read the group."""
    current, last = event.current_version, event.last_version
    follows = bool(last) and last == group.member_version
    if current and (
        current == group.member_version or (current in group.past_versions and not follows)
    ):
        return Verdict.KNOWN
    if follows and current and current not in group.past_versions:
        return Verdict.APPLY if event.members and event.is_whole else Verdict.READ
    return Verdict.READ


class GroupEvents:
    """Handles group callbacks; everything that must be asked of WeCom is asked afterwards."""

    def __init__(
        self,
        clock: Clock,
        history: GroupHistory,
        times: DigestTimes,
        *,
        on_reading: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._history = history
        self._times = times
        self._on_reading = on_reading

    def add_to(self, router: EventRouter) -> None:
        router.on(GroupChange.kind, self.handle)

    async def handle(self, event: InboundEvent) -> Effect:
        """The effect of one callback."""
        return functools.partial(self.apply, event)

    async def apply(self, event: InboundEvent, session: AsyncSession) -> None:
        """Write what the callback means; the reading of the rest is asked for."""
        if not isinstance(event, GroupChange) or not event.chat_id:
            return
        now = self._clock.now()
        group = await ensure_group(session, event.chat_id, now=now)
        if event.change_type == "dismiss":
            await end_group(session, group.chat_id, GroupState.DISMISSED, at=event.at or now)
        elif event.detail in _MOVES:
            await self._members_moved(session, group, event)
        elif group.state != GroupState.DISMISSED:
            await self._read_soon(session, group, event)

    async def _members_moved(
        self, session: AsyncSession, group: CustomerGroup, event: GroupChange
    ) -> None:
        verdict = judge(group, event)
        await self._remember(session, group, event)
        if group.state == GroupState.DISMISSED:
            return
        outdate(group, event.last_version, since=event.current_version)
        if verdict is Verdict.APPLY:
            await self._move(session, group, event)
            group.member_version = event.current_version
        joined = event.detail == "add_member"
        if verdict is Verdict.READ or (joined and verdict is Verdict.APPLY):
            await self._read_soon(session, group, event)

    async def _remember(
        self, session: AsyncSession, group: CustomerGroup, event: GroupChange
    ) -> None:
        at = event.at or self._clock.now()
        moves = [
            Move(
                userid=userid,
                kind=_MOVES[event.detail],
                at=at,
                source=MoveSource.EVENT,
                of_customer=kind_of(userid) == CUSTOMER,
                scene=event.scene,
            )
            for userid in event.members
        ]
        new = await self._history.note(session, group.chat_id, moves)
        if group.state == GroupState.ACTIVE:
            await note_joiners(session, group, new, times=self._times, now=self._clock.now())

    async def _move(self, session: AsyncSession, group: CustomerGroup, event: GroupChange) -> None:
        at = event.at or self._clock.now()
        if event.detail == "add_member":
            await _enter(session, group.chat_id, event, at)
        else:
            await session.execute(
                update(GroupMember)
                .where(
                    GroupMember.chat_id == group.chat_id,
                    GroupMember.userid.in_(event.members),
                    GroupMember.left_at.is_(None),
                )
                .values(left_at=at)
                .execution_options(synchronize_session=False)
            )
        await count_members(session, group)

    async def _read_soon(
        self, session: AsyncSession, group: CustomerGroup, event: GroupChange
    ) -> None:
        now = self._clock.now()
        due = min((event.at or now), now) + READ_AFTER
        await want_reading(session, group.chat_id, due_at=max(due, now))
        self._on_reading()


async def _enter(session: AsyncSession, chat_id: str, event: GroupChange, at: datetime) -> None:
    rows = [
        member_row(chat_id, userid, joined_at=at, scene=event.scene) for userid in event.members
    ]
    new = await insert_new(
        session,
        GroupMember,
        rows,
        unique=["chat_id", "userid"],
        returning=GroupMember.userid,
    )
    again = set(event.members) - set(new)
    if again:
        await session.execute(
            update(GroupMember)
            .where(GroupMember.chat_id == chat_id, GroupMember.userid.in_(again))
            .values(joined_at=at, left_at=None, scene=event.scene, invitor="", channel_state="")
            .execution_options(synchronize_session=False)
        )
