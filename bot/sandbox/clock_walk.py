"""Time that passes step by step: the bot keeps up, and guides see to what waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone

from .clock_guides import EVENING, MORNING, see_to_tasks
from .journal import Line
from .platform import Platform

Companion = Callable[[], Awaitable[None]]
_SHANGHAI = timezone(timedelta(hours=8))
_BY_DAY, _BY_NIGHT = timedelta(minutes=30), timedelta(hours=1)
_A_MOMENT = timedelta(minutes=1)
_FACT = "guides_wait"


class PassingTime:
    """Turns the platform's clock. Whoever lives by it is a companion and looks after each step.

    Without companions time jumps at once, as a bot of another process would see it anyway.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._turn = asyncio.Lock()
        self.companions: list[Companion] = []
        self.until: datetime | None = None

    @property
    def guides_act(self) -> bool:
        """Whether guides confirm by themselves while time passes."""
        return not self._platform.store.fact(_FACT)

    @guides_act.setter
    def guides_act(self, act: bool) -> None:
        self._platform.store.remember(_FACT, "" if act else "1")
        self._platform.changed("clock")

    async def let(self, by: timedelta) -> datetime:
        """Let time pass; raises `ValueError` when it would run backwards."""
        if by < timedelta() or not self.companions:
            return self._platform.turn_clock(by)
        async with self._turn:
            self.until = self._platform.clock() + by
            try:
                await self._walk(self.until)
            finally:
                self.until = None
                self._platform.keep_clock()
        hours = round(by.total_seconds() / 3600, 1)
        self._platform.journal.note(
            Line.PLATFORM, f"过了 {hours:g} 小时", f"{hours:g} h have passed"
        )
        return self._platform.clock()

    async def _walk(self, until: datetime) -> None:
        clock = self._platform.clock
        await self.catch_up()
        while (left := until - clock()) > timedelta():
            clock.advance(min(_next_step(clock()), left))
            self._platform.settle()
            if self.guides_act:
                see_to_tasks(self._platform)
            await self.catch_up()
            self._platform.changed("clock")

    async def catch_up(self) -> None:
        """Let every companion do what is due now."""
        for companion in self.companions:
            await companion()


def _next_step(now: datetime) -> timedelta:
    """To just after the next half hour by day, after the next hour by night."""
    by_day = MORNING - 1 <= now.astimezone(_SHANGHAI).hour < EVENING
    step = _BY_DAY if by_day else _BY_NIGHT
    passed = (now - _A_MOMENT).timestamp() % step.total_seconds()
    return step - timedelta(seconds=passed)
