"""What a `change_external_contact` callback does to a relation, in any order and any number."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock, as_told
from bot.customers.contact_book import set_channels
from bot.customers.contact_reading import want_reading
from bot.customers.erasures import erased_among
from bot.customers.follow_rows import of_pairs, standing_of, standing_values
from bot.customers.follows import OPEN, UNKNOWN, FollowChange, Standing, hear
from bot.customers.guide_names import meet_guide
from bot.customers.profiles import meet
from bot.customers.same_person import lock_customers
from bot.customers.tag_checks import want_check
from bot.customers.tag_names import refresh_tag_names
from bot.customers.transfer_rows import ENDINGS, end_transfers
from bot.delivery.routing import Effect, EventRouter
from bot.store.contact_tables import Follow, FollowEvent, Guide
from bot.store.tables import Customer
from bot.store.upsert import insert_new
from bot.wecom.events import ContactChange, InboundEvent

Pair = tuple[str, str]
Standings = Mapping[Pair, Standing]

_KINDS = {
    "add_external_contact": FollowChange.ADDED,
    "add_half_external_contact": FollowChange.HALF_ADDED,
    "edit_external_contact": FollowChange.EDITED,
    "del_external_contact": FollowChange.DROPPED,
    "del_follow_user": FollowChange.LEFT,
    "transfer_fail": FollowChange.TRANSFER_FAILED,
    "msg_audit_approved": FollowChange.CONSENTED,
}
_BY_TRANSFER = "DELETE_BY_TRANSFER"
_JOINS = (FollowChange.ADDED, FollowChange.HALF_ADDED)
_TELLS_MORE = (*_JOINS, FollowChange.EDITED)
FAIL_REASONS = {
    "customer_refused": "客户拒绝了转接",
    "customer_limit_exceed": "接替的导购客户数已满",
}


class ContactEvents:
    """Handles contact callbacks; everything that must be asked of WeCom is asked afterwards."""

    def __init__(
        self,
        clock: Clock,
        *,
        stage: str,
        on_reading: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._stage = stage
        self._on_reading = on_reading
        self._guides: set[str] = set()

    def add_to(self, router: EventRouter) -> None:
        router.on(ContactChange.kind, self.handle)

    async def handle(self, event: InboundEvent) -> Effect:
        """The effect of one callback."""
        return functools.partial(self.apply, event)

    async def apply(self, event: InboundEvent, session: AsyncSession) -> None:
        """Write what the callback means; the reading of details is asked for."""
        if not isinstance(event, ContactChange) or not (event.userid and event.external_userid):
            return
        kind = _kind(event)
        if kind is None:
            return
        now = self._clock.now()
        at = as_told(self._clock, event.at) if event.at else now
        if not await _may_be_known(session, event.external_userid, kind, at):
            return
        await meet(session, [event.external_userid], stage=self._stage, now=self._clock.now())
        await apply_change(
            session,
            event.userid,
            event.external_userid,
            kind,
            at=at,
            channel=event.state,
            detail=_detail(event),
        )
        if kind in ENDINGS:
            await end_transfers(
                session,
                event.external_userid,
                userid=event.userid,
                kind=kind,
                reason=_detail(event).get("reason", ""),
                at=at,
                now=self._clock.now(),
            )
        if kind in _JOINS:
            await self._know_guide(session, event.userid)
        if kind in _TELLS_MORE:
            await want_reading(session, event.external_userid, now=self._clock.now())
            self._on_reading()
        await want_check(session, [event.external_userid], now=self._clock.now())

    async def _know_guide(self, session: AsyncSession, userid: str) -> None:
        """Their name can be asked for before the next sync; known ones are not looked up again."""
        if userid in self._guides:
            return
        if await session.get(Guide, userid) is None:
            await meet_guide(session, userid, now=self._clock.now())
        else:
            self._guides.add(userid)


def _kind(event: ContactChange) -> FollowChange | None:
    kind = _KINDS.get(event.change_type)
    if kind is FollowChange.DROPPED and event.source == _BY_TRANSFER:
        return FollowChange.HANDED_ON
    return kind


def _detail(event: ContactChange) -> dict[str, Any]:
    told = {
        "channel": event.state,
        "source": event.source,
        "reason": FAIL_REASONS.get(event.fail_reason, event.fail_reason),
    }
    return {key: value for key, value in told.items() if value}


async def _may_be_known(
    session: AsyncSession, external_userid: str, kind: FollowChange, at: datetime
) -> bool:
    """An erased customer stays unknown until they come to us again."""
    erased_at = (await erased_among(session, [external_userid])).get(external_userid)
    return erased_at is None or (kind in _JOINS and at > erased_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationChange:
    """One thing that happened between a guide and a customer."""

    userid: str
    external_userid: str
    kind: FollowChange
    at: datetime
    channel: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pair(self) -> Pair:
        return self.userid, self.external_userid


async def apply_change(
    session: AsyncSession,
    userid: str,
    external_userid: str,
    kind: FollowChange,
    *,
    at: datetime,
    channel: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Let one change of a relation take effect; the customer must exist."""
    change = RelationChange(
        userid=userid,
        external_userid=external_userid,
        kind=kind,
        at=at,
        channel=channel,
        detail=detail or {},
    )
    await apply_changes(session, [change])


async def apply_changes(session: AsyncSession, changes: Sequence[RelationChange]) -> None:
    """Let changes take effect in their order, in as many statements for many as for one."""
    await lock_customers(session, {one.external_userid for one in changes})
    follows = await _locked(session, {one.pair for one in changes})
    begun = {one.pair for one in changes if one.kind is not FollowChange.TRANSFER_FAILED}
    if new := begun - follows.keys():
        await _insert(session, new)
        follows |= await _locked(session, new)
    await _move(session, follows, changes)
    await note_changes(session, changes)


async def note_changes(session: AsyncSession, changes: Iterable[RelationChange]) -> None:
    """The history of relations; the same thing told twice is one."""
    rows = [
        {
            "external_userid": one.external_userid,
            "userid": one.userid,
            "kind": one.kind,
            "detail": dict(one.detail),
            "at": one.at,
        }
        for one in changes
    ]
    unique = ["external_userid", "userid", "kind", "at"]
    await insert_new(session, FollowEvent, rows, unique=unique, returning=FollowEvent.id)


async def _locked(session: AsyncSession, pairs: Collection[Pair]) -> dict[Pair, Follow]:
    rows = await session.scalars(
        select(Follow)
        .where(of_pairs(Follow, pairs))
        .order_by(Follow.external_userid, Follow.userid)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {(row.userid, row.external_userid): row for row in rows}


async def _insert(session: AsyncSession, pairs: Collection[Pair]) -> None:
    blank = {
        **standing_values(UNKNOWN),
        "remark": "",
        "description": "",
        "remark_corp_name": "",
        "remark_mobiles": [],
        "add_way": 0,
        "oper_userid": "",
        "personal_tags": [],
        "extra": {},
    }
    await insert_new(
        session,
        Follow,
        [{"userid": userid, "external_userid": who, **blank} for userid, who in sorted(pairs)],
        unique=["userid", "external_userid"],
        returning=Follow.external_userid,
    )


async def _move(
    session: AsyncSession,
    follows: Mapping[Pair, Follow],
    changes: Sequence[RelationChange],
) -> None:
    before = {pair: standing_of(follow) for pair, follow in follows.items()}
    after = dict(before)
    for one in changes:
        if one.pair in after:
            after[one.pair] = hear(after[one.pair], one.kind, one.at, channel=one.channel)
    moved = {pair for pair in after if after[pair] != before[pair]}
    for pair in moved:
        for name, value in standing_values(after[pair]).items():
            setattr(follows[pair], name, value)
    await session.flush()
    await set_channels(session, {who for _, who in _channelled(moved, before, after)})
    await refresh_tag_names(session, {who for _, who in _opened(moved, before, after)})


def _channelled(moved: Collection[Pair], before: Standings, after: Standings) -> set[Pair]:
    return {
        pair
        for pair in moved
        if (after[pair].channel, after[pair].since) != (before[pair].channel, before[pair].since)
    }


def _opened(moved: Collection[Pair], before: Standings, after: Standings) -> set[Pair]:
    """Relations that became open, or ceased to be."""
    return {pair for pair in moved if (after[pair].state in OPEN) != (before[pair].state in OPEN)}


async def open_relations(session: AsyncSession, external_userid: str) -> list[str]:
    """The guides who follow this customer now, the oldest relation first."""
    rows = await session.scalars(
        select(Follow.userid)
        .join(Customer, Customer.external_userid == Follow.external_userid)
        .where(Follow.external_userid == external_userid, Follow.state.in_(OPEN))
        .order_by(Follow.since, Follow.userid)
    )
    return list(rows)
