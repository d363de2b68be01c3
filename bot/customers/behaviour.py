"""Behaviour reported by other systems: each event once, strangers' ones when they appear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.customers.funnel import Funnel
from bot.customers.parked import BehaviourState, wait_for_newcomers
from bot.customers.stages import move_stage
from bot.customers.tag_checks import want_check
from bot.delivery.rounds import Rounds
from bot.store.contact_tables import BehaviourEvent
from bot.store.database import Database
from bot.store.tables import Customer
from bot.store.upsert import insert_new

_BATCH = 200
_ASLEEP = "dormant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What somebody did; at least one of the two ids is given."""

    event_id: str
    type: str
    at: datetime
    external_userid: str | None = None
    unionid: str | None = None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """`duplicate`: known already; `customer` is None while the person is a stranger."""

    duplicate: bool
    customer: str | None
    stage: str | None = None


class BehaviourBook(Rounds):
    """Takes events in and lets them move their customers along the funnel."""

    poll_seconds = 1.0

    def __init__(
        self,
        database: Database,
        clock: Clock,
        funnel: Funnel,
        *,
        on_applied: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._database = database
        self._clock = clock
        self._funnel = funnel
        self._on_applied = on_applied

    async def take(self, behaviour: Behaviour) -> Taken:
        """Store one event and, if its customer is known, let it take effect at once."""
        async with self._database.write() as session:
            new = await insert_new(
                session,
                BehaviourEvent,
                [self._row(behaviour)],
                unique=["event_id"],
                returning=BehaviourEvent.id,
            )
            event = await session.scalar(
                select(BehaviourEvent).where(BehaviourEvent.event_id == behaviour.event_id)
            )
            if not new or event is None:
                return Taken(True, event.customer if event else None)
            taken = Taken(False, *await self._apply(session, event))
        self._on_applied()
        return taken

    def _row(self, behaviour: Behaviour) -> dict[str, Any]:
        return {
            "event_id": behaviour.event_id,
            "type": behaviour.type,
            "external_userid": behaviour.external_userid,
            "unionid": behaviour.unionid,
            "state": BehaviourState.PARKED,
            "data": dict(behaviour.data),
            "at": behaviour.at,
            "received_at": self._clock.now(),
        }

    async def round(self) -> bool:
        """Apply events whose people have appeared."""
        if not await self.apply_ready():
            return False
        self._on_applied()
        return True

    async def apply_ready(self) -> int:
        """Apply some of the events that wait no longer, oldest first; returns how many."""
        ready = select(BehaviourEvent).where(BehaviourEvent.state == BehaviourState.READY)
        async with self._database.glance() as session:
            if await session.scalar(ready.with_only_columns(BehaviourEvent.id).limit(1)) is None:
                return 0
        async with self._database.write() as session:
            events: Sequence[BehaviourEvent] = (
                await session.scalars(
                    ready.order_by(BehaviourEvent.at, BehaviourEvent.id)
                    .limit(_BATCH)
                    .with_for_update(skip_locked=True)
                )
            ).all()
            for event in events:
                await self._apply(session, event)
            return len(events)

    async def _apply(
        self, session: AsyncSession, event: BehaviourEvent
    ) -> tuple[str | None, str | None]:
        customer = await _who(session, event)
        if customer is None:
            await wait_for_newcomers(session)
            customer = await _who(session, event)
        if customer is None:
            event.state = BehaviourState.PARKED
            return None, None
        now = self._clock.now()
        event.state, event.customer, event.applied_at = (
            BehaviourState.APPLIED,
            customer.external_userid,
            now,
        )
        stage = await self._move(session, customer, event, now)
        await want_check(session, [customer.external_userid], now=now)
        return customer.external_userid, stage

    async def _move(
        self, session: AsyncSession, customer: Customer, event: BehaviourEvent, now: datetime
    ) -> str:
        """An old event wakes nobody who fell asleep after it."""
        to = self._funnel.target(customer.stage, event.type)
        if to is None or to == customer.stage:
            return customer.stage
        asleep_since = customer.stage_since if customer.stage == _ASLEEP else None
        if asleep_since and event.at < asleep_since and to not in self._funnel.buyers:
            return customer.stage
        moved = await move_stage(
            session,
            customer.external_userid,
            seen=customer.stage,
            to=to,
            cause=event.type,
            now=now,
            detail=event.event_id,
        )
        return to if moved else customer.stage


async def _who(session: AsyncSession, event: BehaviourEvent) -> Customer | None:
    """The customer, locked; by their id first, else the earliest with their unionid."""
    ids = []
    if event.external_userid:
        ids.append(Customer.external_userid == event.external_userid)
    if event.unionid:
        ids.append(Customer.unionid == event.unionid)
    rows = (
        await session.scalars(
            select(Customer)
            .where(or_(*ids))
            .order_by(Customer.first_seen_at, Customer.external_userid)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    ).all()
    exact = (row for row in rows if row.external_userid == event.external_userid)
    return next(exact, rows[0] if rows else None)
