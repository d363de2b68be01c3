"""One notice to the owner for everybody who joined together, with words ready to send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.customers.notices import tell_guide
from bot.groups.history import Move
from bot.groups.quiet import DigestTimes
from bot.groups.segments import Segments
from bot.store.database import Database
from bot.store.group_tables import (
    CustomerGroup,
    DigestState,
    GroupDigest,
    GroupMember,
    GroupMove,
    GroupState,
    MoveKind,
)
from bot.wecom.group_chats import CUSTOMER

_NEWS = timedelta(hours=12)
_NAMED = 8
_NAMELESS = "新朋友"


async def note_joiners(
    session: AsyncSession,
    group: CustomerGroup,
    moves: Sequence[Move],
    *,
    times: DigestTimes,
    now: datetime,
) -> None:
    """Open a digest of the group unless one gathers already; old news opens none.

    One that is being told by another replica gathers no more.
    """
    arrivals = [
        one.at
        for one in moves
        if one.kind is MoveKind.JOINED and one.of_customer and now - one.at < _NEWS
    ]
    if not arrivals:
        return
    since = min(arrivals)
    gathering = await session.scalar(
        select(GroupDigest)
        .where(GroupDigest.chat_id == group.chat_id, GroupDigest.state == DigestState.OPEN)
        .with_for_update()
    )
    if gathering is not None:
        gathering.since = min(gathering.since, since)
        return
    session.add(
        GroupDigest(
            chat_id=group.chat_id, state=DigestState.OPEN, since=since, due_at=times.due(now)
        )
    )
    await session.flush()


class Digester:
    """Tells owners, one notice a window."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        segments: Segments,
        *,
        variables: Mapping[str, str],
    ) -> None:
        self._database = database
        self._clock = clock
        self._segments = segments
        self._variables = variables

    async def tend(self) -> int:
        """Settle all digests whose time has come; how many were told."""
        now = self._clock.now()
        async with self._database.read() as session:
            due = await session.scalars(
                select(GroupDigest.id)
                .where(GroupDigest.state == DigestState.OPEN, GroupDigest.due_at <= now)
                .order_by(GroupDigest.due_at)
                .limit(200)
            )
            ids = list(due)
        return sum([await self._settle(digest_id) for digest_id in ids])

    async def _settle(self, digest_id: int) -> bool:
        now = self._clock.now()
        async with self._database.write() as session:
            digest = await session.scalar(
                select(GroupDigest)
                .where(GroupDigest.id == digest_id, GroupDigest.state == DigestState.OPEN)
                .with_for_update(skip_locked=True)
            )
            if digest is None:
                return False
            group = await session.get_one(CustomerGroup, digest.chat_id)
            people = await _still_here(session, digest, now)
            told = bool(people and group.owner and group.state == GroupState.ACTIVE)
            digest.owner, digest.joined = group.owner, len(people)
            digest.state = DigestState.TOLD if told else DigestState.SKIPPED
            digest.settled_at = now
            if told:
                digest.text = self.wording(group, people)
                await tell_guide(
                    session,
                    group.owner,
                    digest.text,
                    kind="group_joiners",
                    about=f"digest:{digest.id}",
                    now=now,
                )
            return told

    def wording(self, group: CustomerGroup, people: Sequence[tuple[str, int]]) -> str:
        """What the owner reads; below the line is what can be pasted into the group."""
        named = [name or _NAMELESS for name, _ in people[:_NAMED]]
        more = f"等 {len(people)} 位" if len(people) > _NAMED else ""
        by_code = sum(scene == 3 for _, scene in people)
        how = f"（{by_code} 位扫码）" if by_code else ""
        call = " ".join(f"@{name}" for name in dict.fromkeys(named) if name != _NAMELESS)
        welcome = self._segments.digest(group, self._variables)
        return (
            f"「{group.name or '客户群'}」新来了 {len(people)} 位客户{how}："
            f"{'、'.join(named)}{more}。\n"
            f"可以直接复制发到群里：\n——\n{call} {welcome}".replace("\n——\n ", "\n——\n")
        )


async def _still_here(
    session: AsyncSession, digest: GroupDigest, until: datetime
) -> list[tuple[str, int]]:
    """Customers who joined, were in no digest yet and have not left, in order of joining."""
    joined = await session.scalars(
        update(GroupMove)
        .where(
            GroupMove.chat_id == digest.chat_id,
            GroupMove.kind == MoveKind.JOINED,
            GroupMove.at >= digest.since,
            GroupMove.at <= until,
            GroupMove.digest_id.is_(None),
        )
        .values(digest_id=digest.id)
        .returning(GroupMove.userid)
        .execution_options(synchronize_session=False)
    )
    rows = await session.execute(
        select(GroupMember.name, GroupMember.nickname, GroupMember.scene)
        .where(
            GroupMember.chat_id == digest.chat_id,
            GroupMember.userid.in_(set(joined)),
            GroupMember.kind == CUSTOMER,
            GroupMember.left_at.is_(None),
        )
        .order_by(GroupMember.joined_at, GroupMember.userid)
    )
    return [(nickname or name, scene) for name, nickname, scene in rows]
