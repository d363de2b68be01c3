"""Comings and goings, told once each though events and readings both report them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.group_tables import GroupMove, MoveKind, MoveSource
from bot.store.upsert import insert_new

_SLACK = timedelta(seconds=5)  # WeCom's event and its join_time may differ, and so may our clocks
_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Somebody came or went; `since` is when the stay that ended had begun."""

    userid: str
    kind: MoveKind
    at: datetime
    source: MoveSource
    of_customer: bool
    scene: int | None = None
    invitor: str = ""
    since: datetime | None = None


class GroupHistory:
    """Writes the moves of groups; days are those of the shop's `zone`."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def day(self, at: datetime) -> str:
        return at.astimezone(self._zone).date().isoformat()

    async def note(
        self, session: AsyncSession, chat_id: str, moves: Sequence[Move], *, unheard: bool = False
    ) -> list[Move]:
        """Write what is not known yet; returns the moves that were new.

        `unheard` spares the look at what is known: nobody ever heard of the group.
        """
        known = {} if unheard else await _known(session, chat_id, {one.userid for one in moves})
        new = []
        for move in moves:
            past = known.get(move.userid, [])
            if match := _match(past, move):
                self._correct(match, move)
            else:
                new.append(move)
        for start in range(0, len(new), _CHUNK):
            await insert_new(
                session,
                GroupMove,
                [self._row(chat_id, move) for move in new[start : start + _CHUNK]],
                unique=["chat_id", "userid", "kind", "at"],
                returning=GroupMove.id,
            )
        await session.flush()
        return new

    def _correct(self, known: GroupMove, move: Move) -> None:
        """An event knows the moment, a reading knows who invited."""
        if move.source is MoveSource.EVENT and known.source == MoveSource.READING:
            known.source = MoveSource.EVENT
            known.at, known.day = move.at, self.day(move.at)
            known.scene = move.scene if known.kind == MoveKind.LEFT else known.scene
        elif move.source is MoveSource.READING and known.kind == MoveKind.JOINED:
            known.scene, known.invitor = move.scene, move.invitor or known.invitor
            known.of_customer = move.of_customer

    def _row(self, chat_id: str, move: Move) -> dict[str, object]:
        return {
            "chat_id": chat_id,
            "userid": move.userid,
            "kind": move.kind,
            "at": move.at,
            "day": self.day(move.at),
            "scene": move.scene,
            "invitor": move.invitor,
            "of_customer": move.of_customer,
            "source": move.source,
        }


async def _known(
    session: AsyncSession, chat_id: str, userids: Iterable[str]
) -> dict[str, list[GroupMove]]:
    wanted = sorted(userids)
    found: dict[str, list[GroupMove]] = defaultdict(list)
    for start in range(0, len(wanted), _CHUNK):
        rows = await session.scalars(
            select(GroupMove)
            .where(
                GroupMove.chat_id == chat_id, GroupMove.userid.in_(wanted[start : start + _CHUNK])
            )
            .order_by(GroupMove.at)
        )
        for row in rows:
            found[row.userid].append(row)
    return found


def _match(past: Sequence[GroupMove], move: Move) -> GroupMove | None:
    """The move on record that this one tells again."""
    same = [one for one in past if one.kind == move.kind]
    exact = next((one for one in same if one.at == move.at), None)
    if exact is not None:
        return exact
    if move.kind is MoveKind.JOINED:
        return _same_join(same, move)
    if move.source is MoveSource.READING:
        since = move.since or move.at
        return next((one for one in same if one.at >= since), None)
    return _same_leave(past, same, move)


def _same_join(joins: Sequence[GroupMove], move: Move) -> GroupMove | None:
    """Two events are two joins; an event and a reading of about the same moment are one."""
    for one in joins:
        told_twice = MoveSource.READING in (one.source, move.source)
        if told_twice and abs(one.at - move.at) <= _SLACK:
            return one
    return None


def _same_leave(
    past: Sequence[GroupMove], leaves: Sequence[GroupMove], move: Move
) -> GroupMove | None:
    """A reading finds somebody gone some time after they went, and before they came again."""
    for one in leaves:
        if one.source != MoveSource.READING or one.at < move.at - _SLACK:
            continue
        came_again = any(
            other.kind == MoveKind.JOINED and move.at < other.at < one.at for other in past
        )
        if not came_again:
            return one
    return None
