"""What happened to customers, read from the rooms that know, each thing as a signal or a start."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.follows import JOINED, FollowChange
from bot.store.channel_tables import Channel, Enrolment
from bot.store.contact_tables import BehaviourEvent, Follow, FollowEvent, OptOut, TagChange
from bot.store.tables import Conversation, Message, StageMove, Suggestion
from scheduler import Occurrence, Signal, SignalKind, TriggerKind

_OVERLAP = 200
"""Rows below the bookmark that are looked at again: ids do not commit in their order."""
_PAGE = 800
_REMEMBERED = 4 * _PAGE
_PARTINGS = (FollowChange.LEFT, FollowChange.DROPPED, FollowChange.HANDED_ON)
MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to one customer; `journey` is one that was asked for by name."""

    who: str
    at: datetime
    starts: tuple[Occurrence, ...] = ()
    signals: tuple[Signal, ...] = ()
    journey: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One page of a stream: where the next begins, what to remember, whether there is more."""

    found: list[Happening]
    after: str
    new: list[Any]
    more: bool


class Stream(ABC):
    """One table read from its bookmark on; reading a thing twice must do no harm."""

    name: ClassVar[str]

    def __init__(self) -> None:
        self._seen: OrderedDict[Any, None] = OrderedDict()

    async def read(self, session: AsyncSession, position: str) -> Reading:
        """What is new since `position`."""
        rows = await self.rows(session, position)
        new = [row for row in rows if row[0] not in self._seen]
        found = [one for row in new for one in await self.meaning(session, row)]
        after = self.after(rows[-1], position) if rows else position
        return Reading(found, after, [row[0] for row in new], more=len(rows) >= _PAGE)

    async def has_news(self, session: AsyncSession, position: str) -> bool:
        """Whether there is a row that was not heard yet."""
        return any(row[0] not in self._seen for row in await self.rows(session, position))

    def remember(self, keys: Collection[Any]) -> None:
        """These were committed; they need not be looked at again."""
        for key in keys:
            self._seen[key] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    @abstractmethod
    async def rows(self, session: AsyncSession, position: str) -> Sequence[Any]: ...

    @abstractmethod
    async def end(self, session: AsyncSession) -> str: ...

    @abstractmethod
    async def meaning(self, session: AsyncSession, row: Any) -> Sequence[Happening]: ...

    def after(self, row: Any, position: str) -> str:
        return str(max(int(row[0]), int(position or 0)))


class _ById(Stream):
    """A table whose rows are numbered."""

    table: ClassVar[Any]

    def columns(self) -> Any:
        return select(self.table.id, self.table)

    async def rows(self, session: AsyncSession, position: str) -> Sequence[Any]:
        after = int(position or 0) - _OVERLAP
        found = await session.execute(
            self.columns().where(self.table.id > after).order_by(self.table.id).limit(_PAGE)
        )
        return found.all()

    async def end(self, session: AsyncSession) -> str:
        return str(await session.scalar(select(func.max(self.table.id))) or 0)


class Friends(_ById):
    """Customers who added a guide, and those whom no guide has any more."""

    name = "friends"
    table = FollowEvent

    async def meaning(self, session: AsyncSession, row: Any) -> Sequence[Happening]:
        event: FollowEvent = row[1]
        who = event.external_userid
        if event.kind == FollowChange.ADDED:
            state = str(event.detail.get("channel") or "")
            names: list[str | None] = [state] if state else []
            if state:
                name = await session.scalar(select(Channel.name).where(Channel.state == state))
                names += [name] if name else []
            starts = tuple(
                Occurrence(TriggerKind.ADDED, event.at, value) for value in names or [None]
            )
            return [Happening(who, event.at, starts)]
        if event.kind not in _PARTINGS or await _has_guide(session, who):
            return []
        return [Happening(who, event.at, (), (Signal(SignalKind.UNFRIENDED, event.at),))]


class Invitations(_ById):
    """Journeys that a channel names for whom it brings."""

    name = "invitations"
    table = Enrolment

    async def meaning(self, session: AsyncSession, row: Any) -> Sequence[Happening]:
        one: Enrolment = row[1]
        return [Happening(one.external_userid, one.enrolled_at, journey=one.journey)]


class Stages(_ById):
    """Moves along the funnel; entering a stage of buyers is a purchase."""

    name = "stages"
    table = StageMove

    def __init__(self, buyers: Collection[str]) -> None:
        super().__init__()
        self._buyers = frozenset(buyers)

    async def meaning(self, session: AsyncSession, row: Any) -> Sequence[Happening]:
        move: StageMove = row[1]
        signals = [Signal(SignalKind.STAGE_MOVED, move.at, move.to_stage)]
        if move.to_stage in self._buyers:
            signals.append(Signal(SignalKind.BOUGHT, move.at))
        starts = (Occurrence(TriggerKind.STAGE_ENTERED, move.at, move.to_stage),)
        return [Happening(move.external_userid, move.at, starts, tuple(signals))]


class Tags(_ById):
    """Tags put on and taken off."""

    name = "tags"
    table = TagChange

    async def meaning(self, session: AsyncSession, row: Any) -> Sequence[Happening]:
        change: TagChange = row[1]
        who, at = change.external_userid, change.at
        if change.added:
            return [Happening(who, at, (Occurrence(TriggerKind.TAG_ADDED, at, change.name),))]
        return [Happening(who, at, (), (Signal(SignalKind.TAG_REMOVED, at, change.name),))]


class Refusals(_ById):
    """Customers who want to be left alone."""

    name = "opt-outs"
    table = OptOut

    async def meaning(self, session: AsyncSession, row: Any) -> Sequence[Happening]:
        one: OptOut = row[1]
        if not one.out:
            return []
        return [
            Happening(one.external_userid, one.at, (), (Signal(SignalKind.OPTED_OUT, one.at),))
        ]


class Messages(_ById):
    """Whatever customers say, at the moment when we heard it: of one clock with all else."""

    name = "messages"
    table = Message

    def columns(self) -> Any:
        return (
            select(Message.id, Conversation.external_userid, Message.received_at)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .where(Message.burst_id.is_not(None))
        )

    async def meaning(self, session: AsyncSession, row: Any) -> Sequence[Happening]:
        _, who, at = row
        start = Occurrence(TriggerKind.EVENT, at, MESSAGE)
        return [Happening(who, at, (start,), (Signal(SignalKind.REPLIED, at),))]


class Understandings(_ById):
    """What they meant by it: each intent is an event."""

    name = "understandings"
    table = Suggestion

    async def meaning(self, session: AsyncSession, row: Any) -> Sequence[Happening]:
        one: Suggestion = row[1]
        if not (intent := one.understanding.get("intent")):
            return []
        return [_event(one.external_userid, one.created_at, str(intent))]


class Behaviours(Stream):
    """What other systems reported, in the order in which it took effect."""

    name = "behaviours"

    def __init__(self, purchases: Collection[str]) -> None:
        super().__init__()
        self._purchases = frozenset(purchases)

    async def rows(self, session: AsyncSession, position: str) -> Sequence[Any]:
        query = select(BehaviourEvent.id, BehaviourEvent).where(
            BehaviourEvent.applied_at.is_not(None)
        )
        if position:
            since = datetime.fromisoformat(position) - timedelta(minutes=5)
            query = query.where(BehaviourEvent.applied_at >= since)
        found = await session.execute(
            query.order_by(BehaviourEvent.applied_at, BehaviourEvent.id).limit(_PAGE)
        )
        return found.all()

    async def end(self, session: AsyncSession) -> str:
        last = await session.scalar(select(func.max(BehaviourEvent.applied_at)))
        return last.isoformat() if last else ""

    def after(self, row: Any, position: str) -> str:
        applied = row[1].applied_at.isoformat()
        return max(applied, position) if position else str(applied)

    async def meaning(self, session: AsyncSession, row: Any) -> Sequence[Happening]:
        one: BehaviourEvent = row[1]
        if not one.customer:
            return []
        event = _event(one.customer, one.at, one.type)
        if one.type not in self._purchases:
            return [event]
        bought = Signal(SignalKind.BOUGHT, one.at)
        return [Happening(event.who, event.at, event.starts, (*event.signals, bought))]


def _event(who: str, at: datetime, name: str) -> Happening:
    start = Occurrence(TriggerKind.EVENT, at, name)
    return Happening(who, at, (start,), (Signal(SignalKind.EVENT, at, name),))


async def _has_guide(session: AsyncSession, who: str) -> bool:
    found = await session.scalar(
        select(Follow.userid)
        .where(Follow.external_userid == who, Follow.state.in_(JOINED))
        .limit(1)
    )
    return found is not None
