"""The demo's time: the bot lives by the sandbox's clock and keeps up while it is turned."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Protocol

from sqlalchemy import Select, bindparam, or_, select

from bot.app import Bot
from bot.clock import RunningClock
from bot.commands.simulated_parts import PROMISED, Part, due_now
from bot.customers.parked import BehaviourState
from bot.errors import BotError
from bot.outreach.outreach import Outreach
from bot.sandbox import Platform
from bot.store.channel_tables import Greeting, GuideNotice
from bot.store.claims import LEASED
from bot.store.columns import UtcDateTime
from bot.store.contact_tables import BehaviourEvent, TagJob
from bot.store.outreach_tables import OutreachTask
from bot.store.tables import Burst, InboxEvent, KfAccount, Outbound, WorkState

_PATIENCE = 4.0
_LOOK, _LONGEST_LOOK = 0.01, 0.05
_UPKEEP = timedelta(hours=3)
_BUSY: tuple[Any, ...] = (*LEASED, BehaviourEvent)


class SandboxClock(RunningClock):
    """The service's clock when the platform's is turned by hand: one time for both."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.clock(), 1)
        self._platform = platform

    def now(self) -> datetime:
        return self._platform.clock()


class _Worker(Protocol):
    def nudge(self) -> None: ...


class KeepUp:
    """Does all that is due now, as the ticking jobs would in time, and waits until it is done."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._upkeep_at: datetime | None = None
        self._workers: Mapping[Any, _Worker] = {
            InboxEvent: bot.events,
            KfAccount: bot.puller,
            Burst: bot.bursts,
            Outbound: bot.outbox,
            TagJob: bot.contacts.tag_jobs,
            BehaviourEvent: bot.contacts.behaviour,
            Greeting: bot.welcomes.greetings,
            GuideNotice: bot.welcomes.notices,
            **({OutreachTask: bot.outreach.tasks} if bot.outreach else {}),
        }

    async def __call__(self) -> None:
        await self.settled()
        if self._bot.outreach is not None:
            await self._tick(self._bot.outreach)

    async def _tick(self, outreach: Outreach) -> None:
        """What has something due, in the order in which one leads to the other."""
        now, database = self._bot.ground.clock.now(), self._bot.ground.database
        await _tried(outreach.listener.tick)
        if self._upkeep_at is None or now >= self._upkeep_at:
            self._upkeep_at = now + _UPKEEP
            for job in (outreach.cohorts.tick, outreach.dates.tick, outreach.birthdays.tick):
                await _tried(job)
        due = await due_now(database, now)
        if Part.PLANNER in due and await _tried(outreach.planner.tick):
            due |= {Part.DISPATCHER}
        if Part.DISPATCHER in due and await _tried(outreach.dispatcher.tick):
            due |= PROMISED
        await self.settled()
        if Part.POLLER in due:
            await _tried(outreach.poller.tick)
        if Part.RECEIPTS in due:
            await _tried(outreach.receipts.tick)

    async def settled(self) -> None:
        """Wait until nothing is due and nothing is under way, though not for ever.

        Workers look for work once a second; when the clock was turned they are told at once.
        """
        known: frozenset[Any] = frozenset()
        pause = _LOOK
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while busy := await self._busy():
                    for table in busy - known:
                        if (worker := self._workers.get(table)) is not None:
                            worker.nudge()
                    known = busy
                    await asyncio.sleep(pause)
                    pause = min(pause * 1.5, _LONGEST_LOOK)

    async def _busy(self) -> frozenset[Any]:
        """The tables that have work which is due or under way."""
        now = self._bot.ground.clock.now()
        async with self._bot.ground.database.glance() as session:
            found = (await session.execute(_at_work(), {"now": now})).one()
        return frozenset(table for table, busy in zip(_BUSY, found, strict=True) if busy)


async def _tried(job: Callable[[], Awaitable[Any]]) -> Any:
    with suppress(BotError):
        return await job()
    return None


@cache
def _at_work() -> Select[*tuple[Any, ...]]:
    """Written once: it is asked at every look."""
    now = bindparam("now", type_=UtcDateTime())
    return select(*(select(1).where(_works(table, now)).exists() for table in _BUSY))


def _works(table: Any, now: Any) -> Any:
    if table is KfAccount:
        return or_(KfAccount.wanted > KfAccount.served, KfAccount.leased_until > now)
    if table is BehaviourEvent:
        return BehaviourEvent.state == BehaviourState.READY
    if not hasattr(table, "due_at"):
        return table.leased_until > now
    return (table.state == WorkState.READY) & or_(table.due_at <= now, table.leased_until > now)
