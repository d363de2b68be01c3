"""Running a wired bot: its loops, its ticking jobs, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from bot import loggers
from bot.app import Bot
from scheduler import Ticker

_LOOK_SECONDS = 60
_TAKE_OVER_SECONDS = 10


@asynccontextmanager
async def running(bot: Bot) -> AsyncIterator[None]:
    """Run the bot's loops while the block runs."""
    ground = bot.ground
    await bot.take_over()
    if bot.outreach is not None:
        await bot.outreach.begin()
    tasks = [
        asyncio.create_task(_guarded(name, loop), name=name) for name, loop in bot.loops.items()
    ]
    ticker = Ticker(timezone=ground.settings.shop.timezone)
    ticker.every(
        ground.settings.wecom.reconcile_seconds, bot.reconciler.tick, name="reconcile kf accounts"
    )
    ticker.every(_TAKE_OVER_SECONDS, bot.take_over, name="take over from stopped processes")
    ticker.every(_LOOK_SECONDS, bot.trainer.look, name="look for a newer model")
    for name, (seconds, job) in bot.contacts.jobs.items():
        ticker.every(seconds, job, name=name)
    for name, (seconds, step) in (bot.outreach.jobs if bot.outreach else {}).items():
        ticker.every(seconds, step, name=name)
    ticker.start()
    tasks.append(asyncio.create_task(_once(bot.reconciler.tick)))
    tasks.append(asyncio.create_task(_once(bot.trainer.embed)))
    try:
        yield
    finally:
        ticker.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _guarded(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """A loop that breaks by a fault of ours is started again after a moment."""
    while True:
        try:
            await loop()
        except Exception as error:  # noqa: BLE001, RUF100
            loggers.app.error("a loop broke and starts again", loop=name, exc_info=error)
            await asyncio.sleep(1)


async def _once(job: Callable[[], Awaitable[None]]) -> None:
    with suppress(Exception):
        await job()
