"""What happened to customers, read from the rooms that know, each thing as a signal or a start."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import Select, bindparam, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.follows import JOINED, FollowChange
from bot.store.channel_tables import Channel, Enrolment
from bot.store.contact_tables import BehaviourEvent, Follow, FollowEvent, OptOut, TagChange
from bot.store.tables import Conversation, Customer, Message, StageMove, Suggestion
from scheduler import Occurrence, Signal, SignalKind, TriggerKind

_PAGE = 200
_OVERLAP = 2000
"""Rows below the bookmark that are looked at again: ids do not commit in their order, and one
answer of WeCom may bring a thousand messages in a transaction."""
_REMEMBERED = _OVERLAP + 2 * _PAGE
_PARTINGS = (FollowChange.LEFT, FollowChange.DROPPED, FollowChange.HANDED_ON)
MESSAGE = "message"
_APPLIED = BehaviourEvent.applied_at
_LATE = timedelta(minutes=5)


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
        self._quiet: Any = None
        self._old: set[Any] | None = None

    async def read(self, session: AsyncSession, position: str, *, heard: datetime) -> Reading:
        """What is new since `position`; rows that were heard before are not loaded again.

        What this process finds before `position` at its first look, and what happened before
        `heard`, another process has heard: it begins nothing a second time.
        """
        keys = await self.keys(session, position)
        if self._old is None:
            self._old = {row[0] for row in keys if self.is_before(row, position)}
        unheard = [row for row in keys if row[0] not in self._seen]
        page = unheard[:_PAGE]
        new = [row[0] for row in page]
        rows = (await session.execute(self.rows(new))).all() if new else []
        found: list[Happening] = []
        for row in rows:
            for one in await self.meaning(session, row):
                again = row[0] in self._old and one.at < heard
                found.append(replace(one, starts=(), journey=None) if again else one)
        after = self.after(page[-1], position) if page else position
        return Reading(found, after, new, more=len(unheard) >= _PAGE)

    async def has_news(self, session: AsyncSession, position: str, window: Any) -> bool:
        """Whether there is a row that was not heard yet; nothing is read while none is added."""
        if window == self._quiet:
            return False
        if any(row[0] not in self._seen for row in await self.keys(session, position)):
            return True
        self._quiet = window
        return False

    def remember(self, keys: Collection[Any]) -> None:
        """These were committed; they need not be looked at again."""
        for key in keys:
            self._seen[key] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    @abstractmethod
    def window(self) -> Select[Any, Any]:
        """Two columns that change with each row added near `begin` or after it.

        A parameter named like the stream says where it begins.
        """

    @abstractmethod
    def begin(self, position: str) -> Any:
        """Where the window of `position` begins."""

    @abstractmethod
    async def keys(self, session: AsyncSession, position: str) -> Sequence[Any]:
        """A page from `position` on and what lies shortly before it, in order.

        Each begins with the row's key; the rest says where it stands.
        """

    @abstractmethod
    def rows(self, keys: Sequence[Any]) -> Any:
        """The statement for these rows, in the order of the stream."""

    @abstractmethod
    async def end(self, session: AsyncSession) -> str: ...

    @abstractmethod
    async def meaning(self, session: AsyncSession, row: Any) -> Sequence[Happening]: ...

    def is_before(self, row: Any, position: str) -> bool:
        """Whether this row of `keys` lies before the bookmark for certain."""
        return False

    def after(self, row: Any, position: str) -> str:
        return str(max(int(row[0]), int(position or 0)))


class _ById(Stream):
    """A table whose rows are numbered."""

    table: ClassVar[Any]
    only: ClassVar[tuple[Any, ...]] = ()

    def window(self) -> Select[Any, Any]:
        near = (self.table.id > bindparam(self.name), *self.only)
        return select(func.max(self.table.id), func.count()).where(*near)

    def begin(self, position: str) -> int:
        return int(position or 0) - _OVERLAP

    async def keys(self, session: AsyncSession, position: str) -> Sequence[Any]:
        query = select(self.table.id).where(*self._near(position)).order_by(self.table.id)
        return (await session.execute(query.limit(_OVERLAP + _PAGE))).all()

    def _near(self, position: str) -> tuple[Any, ...]:
        return (self.table.id > self.begin(position), *self.only)

    def rows(self, keys: Sequence[Any]) -> Any:
        return self.columns().where(self.table.id.in_(keys)).order_by(self.table.id)

    def is_before(self, row: Any, position: str) -> bool:
        return int(row[0]) <= int(position or 0)

    def columns(self) -> Any:
        return select(self.table.id, self.table)

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
    """Customers who want to be left alone, and still do: a row may be read again much later."""

    name = "opt-outs"
    table = OptOut

    def columns(self) -> Any:
        return select(OptOut.id, OptOut, Customer.opted_out_at).join(
            Customer, Customer.external_userid == OptOut.external_userid
        )

    async def meaning(self, session: AsyncSession, row: Any) -> Sequence[Happening]:
        one: OptOut = row[1]
        if not one.out or row.opted_out_at is None:
            return []
        return [
            Happening(one.external_userid, one.at, (), (Signal(SignalKind.OPTED_OUT, one.at),))
        ]


class Messages(_ById):
    """Whatever customers say, at the moment when we heard it: of one clock with all else."""

    name = "messages"
    table = Message
    only = (Message.burst_id.is_not(None),)

    def columns(self) -> Any:
        return select(Message.id, Conversation.external_userid, Message.received_at).join(
            Conversation, Conversation.id == Message.conversation_id
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

    def window(self) -> Select[Any, Any]:
        since = bindparam(self.name, type_=_APPLIED.type)
        return select(func.max(_APPLIED), func.count()).where(_APPLIED >= since)

    def begin(self, position: str) -> datetime:
        return _since(position)

    async def keys(self, session: AsyncSession, position: str) -> Sequence[Any]:
        place = select(BehaviourEvent.id, _APPLIED)
        at = _since(position) + _LATE
        before = place.where(_APPLIED >= at - _LATE, _APPLIED <= at)
        after = place.where(_APPLIED > at).order_by(_APPLIED, BehaviourEvent.id)
        latest_first = before.order_by(_APPLIED.desc(), BehaviourEvent.id.desc())
        late = (await session.execute(latest_first.limit(_OVERLAP))).all()
        return [*reversed(late), *(await session.execute(after.limit(_PAGE))).all()]

    def rows(self, keys: Sequence[Any]) -> Any:
        query = select(BehaviourEvent.id, BehaviourEvent)
        return query.where(BehaviourEvent.id.in_(keys)).order_by(_APPLIED, BehaviourEvent.id)

    async def end(self, session: AsyncSession) -> str:
        last = await session.scalar(select(func.max(BehaviourEvent.applied_at)))
        return last.isoformat() if last else ""

    def after(self, row: Any, position: str) -> str:
        applied = row.applied_at.isoformat()
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


def _since(position: str) -> datetime:
    """Until when events had been applied, less what a slow transaction may take."""
    at = datetime.fromisoformat(position) if position else datetime.min.replace(tzinfo=UTC) + _LATE
    return at - _LATE


def _event(who: str, at: datetime, name: str) -> Happening:
    start = Occurrence(TriggerKind.EVENT, at, name)
    return Happening(who, at, (start,), (Signal(SignalKind.EVENT, at, name),))


def windows_of(streams: Sequence[Stream]) -> Select[Any, Any]:
    """The windows of all these streams in one statement, two columns each."""
    parts = [one.window().subquery(one.name) for one in streams]
    joined: Any = parts[0]
    for part in parts[1:]:
        joined = joined.join(part, true())
    return select(*(column for part in parts for column in part.c)).select_from(joined)


async def _has_guide(session: AsyncSession, who: str) -> bool:
    found = await session.scalar(
        select(Follow.userid)
        .where(Follow.external_userid == who, Follow.state.in_(JOINED))
        .limit(1)
    )
    return found is not None
