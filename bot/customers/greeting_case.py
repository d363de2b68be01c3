"""What is known of a new friend at the moment of greeting, and the words that follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.follows import JOINED, FollowChange
from bot.customers.greeting_content import GreetingContent
from bot.customers.segment_facts import Facts, belongs
from bot.customers.shop_greetings import ShopWords
from bot.settings import GreetingSegment, GreetingSettings
from bot.store.channel_tables import Channel, Greeting, GreetingOutcome
from bot.store.contact_tables import Follow, FollowEvent
from bot.store.tables import Conversation, Customer

_PARTINGS = (FollowChange.LEFT, FollowChange.DROPPED)
_SAME_MOMENT = timedelta(minutes=10)


class Relation(StrEnum):
    """`shared`: some other guide of ours has this friend already."""

    NEW = "new"
    RETURNING = "returning"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Case:
    """One new friend; `greeted` says that this very meeting had its greeting already.

    `facts` are what saved segments ask of a customer.
    """

    row: Greeting
    channel: Channel | None
    customer: Customer | None
    others: tuple[str, ...]
    returning: bool
    greeted: bool
    facts: Facts

    @property
    def relation(self) -> Relation:
        if self.others:
            return Relation.SHARED
        return Relation.RETURNING if self.returning else Relation.NEW

    @property
    def opted_out(self) -> bool:
        return self.customer is not None and self.customer.opted_out_at is not None


@dataclass(frozen=True, slots=True)
class Words:
    """A text with its variables still open."""

    text: str
    attachments: Sequence[Mapping[str, Any]]


async def read_cases(session: AsyncSession, rows: Sequence[Greeting], *, stage: str) -> list[Case]:
    """Everything that the choice of words depends on, in as many queries for a crowd as for one.

    `stage` is where new customers begin.
    """
    people = sorted({row.external_userid for row in rows})
    meetings = _by_person(
        await session.scalars(
            select(Greeting).where(Greeting.external_userid.in_(people)).order_by(Greeting.id)
        )
    )
    states = {row.id: _state(row, meetings.get(row.external_userid, ())) for row in rows}
    channels = await _channels_of(session, states.values())
    customers = {
        one.external_userid: one
        for one in await session.scalars(
            select(Customer).where(Customer.external_userid.in_(people))
        )
    }
    known = await _read_known(session, sorted(customers))
    return [
        _case(
            row,
            channels.get(states[row.id]),
            customers.get(row.external_userid),
            [one for one in meetings.get(row.external_userid, ()) if one.id != row.id],
            known.get(row.external_userid, _Known()),
            stage,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store holds of a customer beside the customer's own row."""

    follows: Sequence[Follow] = ()
    partings: Sequence[datetime] = ()
    spoke_at: datetime | None = None


def _state(row: Greeting, meetings: Sequence[Greeting]) -> str:
    """Of one meeting that WeCom tells of twice, only the first telling may name the channel."""
    told = [
        one.channel_state
        for one in meetings
        if one.userid == row.userid and one.change_type != row.change_type and not one.ended_at
    ]
    return row.channel_state or next(filter(None, reversed(told)), "")


async def _channels_of(session: AsyncSession, states: Iterable[str]) -> dict[str, Channel]:
    wanted = sorted({*states} - {""})
    if not wanted:
        return {}
    found = await session.scalars(select(Channel).where(Channel.state.in_(wanted)))
    return {one.state: one for one in found}


async def _read_known(session: AsyncSession, people: Sequence[str]) -> dict[str, _Known]:
    if not people:
        return {}
    follows = _by_person(
        await session.scalars(select(Follow).where(Follow.external_userid.in_(people)))
    )
    partings: dict[str, list[datetime]] = {}
    for who, at in await session.execute(
        select(FollowEvent.external_userid, FollowEvent.at).where(
            FollowEvent.external_userid.in_(people), FollowEvent.kind.in_(_PARTINGS)
        )
    ):
        partings.setdefault(who, []).append(at)
    spoke = dict(
        (
            await session.execute(
                select(Conversation.external_userid, func.max(Conversation.last_inbound_at))
                .where(Conversation.external_userid.in_(people))
                .group_by(Conversation.external_userid)
            )
        ).all()
    )
    return {
        who: _Known(follows.get(who, ()), partings.get(who, ()), spoke.get(who)) for who in people
    }


Theirs = TypeVar("Theirs", Greeting, Follow)


def _by_person(rows: Iterable[Theirs]) -> dict[str, list[Theirs]]:
    found: dict[str, list[Theirs]] = {}
    for row in rows:
        found.setdefault(row.external_userid, []).append(row)
    return found


def _case(
    row: Greeting,
    channel: Channel | None,
    customer: Customer | None,
    meetings: Sequence[Greeting],
    known: _Known,
    stage: str,
) -> Case:
    parted = any(at <= row.added_at for at in known.partings)
    return Case(
        row=row,
        channel=channel,
        customer=customer,
        others=_others(row, meetings, known.follows),
        returning=parted or _returning(row, meetings),
        greeted=any(_same_meeting(row, one) for one in meetings),
        facts=Facts(
            stage=customer.stage if customer else stage,
            tags=_tags(customer, channel),
            channels=_channels(row, customer, known.follows),
            opted_out=customer is not None and customer.opted_out_at is not None,
            spoke_at=known.spoke_at,
        ),
    )


def _tags(customer: Customer | None, channel: Channel | None) -> frozenset[str]:
    """Those that the customer bears, and those that the channel is about to put on."""
    borne = (*(customer.tags if customer else ()), *(channel.tags if channel else ()))
    return frozenset(map(str, borne))


def _channels(
    row: Greeting, customer: Customer | None, follows: Sequence[Follow]
) -> frozenset[str]:
    known = {row.channel_state, *(one.channel_state for one in follows)}
    known |= {customer.channel} if customer and customer.channel else set()
    return frozenset(known - {""})


def _others(
    row: Greeting, meetings: Sequence[Greeting], follows: Sequence[Follow]
) -> tuple[str, ...]:
    """Guides who have this friend: by what was synced, and by what came too lately for that."""
    known = {follow.userid for follow in follows}
    friends = {follow.userid for follow in follows if follow.state in JOINED}
    friends |= {
        one.userid
        for one in meetings
        if one.userid not in known and one.ended_at is None and one.id < row.id
    }
    return tuple(sorted(friends - {row.userid}))


def _returning(row: Greeting, meetings: Sequence[Greeting]) -> bool:
    return any(one.ended_at and one.ended_at <= row.added_at for one in meetings)


def _same_meeting(row: Greeting, other: Greeting) -> bool:
    """WeCom tells of one meeting more than once: half-added, added, and consented to archiving."""
    if other.userid != row.userid or other.outcome != GreetingOutcome.SENT or other.ended_at:
        return False
    if row.change_type == other.change_type:
        return abs(row.added_at - other.added_at) <= _SAME_MOMENT
    return True


class Wording:
    """Chooses the words: the channel's, then a segment's, then the shop's own."""

    def __init__(self, settings: GreetingSettings, *, shop: ShopWords | None = None) -> None:
        self._settings = settings
        self._shop = shop or ShopWords.of(settings)

    def of(self, case: Case, *, now: datetime) -> Words:
        """What to say to this friend."""
        content = GreetingContent.model_validate(_greeting_of(case.channel))
        if not content.text and not content.attachments:
            content = self._own(case, now)
        elif not content.text:
            content = content.model_copy(update={"text": self._own(case, now).text})
        return Words(self._for_relation(content, case.relation), content.attachments)

    def _for_relation(self, content: GreetingContent, relation: Relation) -> str:
        text = content.text
        if relation is Relation.RETURNING:
            return content.returning_text or _led(self._shop.returning_lead, text)
        if relation is Relation.SHARED:
            return content.shared_text or _led(self._shop.shared_lead, text)
        return text

    def _own(self, case: Case, now: datetime) -> GreetingContent:
        """Segments that operators saved go before those of the settings."""
        default = self._shop.content
        for saved in self._shop.segments:
            if belongs(saved.rule, case.facts, now=now):
                if saved.content.text:
                    return saved.content
                return default.model_copy(update={"attachments": saved.content.attachments})
        for segment in self._settings.segments:
            if _belongs(case, segment):
                return GreetingContent(text=segment.text, attachments=segment.attachments)
        return default


def _greeting_of(channel: Channel | None) -> Mapping[str, Any]:
    """A paused channel keeps its words to itself."""
    return channel.greeting if channel and channel.paused_at is None else {}


def _led(lead: str, text: str) -> str:
    return f"{lead}\n{text}" if lead else text


def _belongs(case: Case, segment: GreetingSegment) -> bool:
    return (
        (not segment.tags or bool(case.facts.tags & set(segment.tags)))
        and (not segment.stages or case.facts.stage in segment.stages)
        and (not segment.guides or case.row.userid in segment.guides)
    )
