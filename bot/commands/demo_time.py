"""The demo's time: the bot lives by the sandbox's clock and keeps up while it is turned."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select

from bot.app import Bot
from bot.clock import RunningClock
from bot.errors import BotError
from bot.sandbox import Platform
from bot.store.claims import LEASED
from bot.store.tables import KfAccount, WorkState

_PATIENCE = 4.0
_LOOK = 0.01


class SandboxClock(RunningClock):
    """The service's clock when the platform's is turned by hand: one time for both."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(platform.clock(), 1)
        self._platform = platform

    def now(self) -> datetime:
        return self._platform.clock()


async def keep_up(bot: Bot) -> None:
    """Do all that is due now, as the ticking jobs would in time, and wait until it is done."""
    await settled(bot)
    for _, job in (bot.outreach.jobs if bot.outreach else {}).values():
        with suppress(BotError):
            await job()
    await settled(bot)


async def settled(bot: Bot) -> None:
    """Wait until nothing is due and nothing is under way, though not for ever."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while await _is_busy(bot):  # noqa: ASYNC110  (the database rings no bell)
                await asyncio.sleep(_LOOK)


async def _is_busy(bot: Bot) -> bool:
    now = bot.ground.clock.now()
    busy = (select(1).select_from(table).where(_at_work(table, now)).exists() for table in LEASED)
    async with bot.ground.database.read() as session:
        return bool(await session.scalar(select(or_(*busy))))


def _at_work(table: Any, now: datetime) -> Any:
    if table is KfAccount:
        return or_(KfAccount.wanted > KfAccount.served, KfAccount.leased_until > now)
    if not hasattr(table, "due_at"):
        return table.leased_until > now
    return (table.state == WorkState.READY) & or_(table.due_at <= now, table.leased_until > now)
