"""Opening a bot's resources, and running its loops and ticking jobs until the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp

from bot import loggers
from bot.app import Bot, Ground
from bot.clock import Clock, SystemClock
from bot.customers.funnel import load_funnel
from bot.errors import SettingsError
from bot.nlu import builtin_engine, in_front
from bot.settings import Settings
from bot.shop import seed_library
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.web.metrics import Metrics
from intents import load_taxonomy
from scheduler import Ticker

Job = Callable[[], Awaitable[object]]

_LOOK_SECONDS = 60
_TIDY_SECONDS = 3600
_TAKE_OVER_SECONDS = 10


@asynccontextmanager
async def open_bot(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Bot]:
    """Open the database and the engine and wire a bot.

    Raises `SettingsError` or `StoreError` with one line that says what to mend.
    """
    if missing := settings.wecom.missing():
        raise SettingsError(
            f"还没有设置 {'、'.join(missing)}：请写进 config.yml 或环境变量。"
            "没有企业微信账号时，可以先运行 wecom-bot demo 看演示"
        )
    clock = clock or SystemClock()
    database = Database(settings.database.url)
    try:
        await upgrade(database)
        async with aiohttp.ClientSession() as http:
            taxonomy, funnel = load_taxonomy(), load_funnel()
            builtin = await builtin_engine(settings.nlu)
            bot = Bot(
                Ground(
                    settings=settings,
                    clock=clock,
                    database=database,
                    http=http,
                    builtin=builtin,
                    engine=in_front(builtin, settings.nlu, http),
                    taxonomy=taxonomy,
                    funnel=funnel,
                    metrics=Metrics(),
                )
            )
            await seed_library(bot.library, settings, taxonomy, funnel)
            yield bot
    finally:
        await database.close()


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
    ticker, jobs = Ticker(timezone=ground.settings.shop.timezone), _Jobs()
    for name, (seconds, job) in _periodic(bot).items():
        ticker.every(seconds, jobs.watched(job), name=name)
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
        await jobs.stop()
        await bot.contacts.stop()


def _periodic(bot: Bot) -> dict[str, tuple[float, Job]]:
    """What looks for due work every so many seconds."""
    return {
        "reconcile kf accounts": (
            bot.ground.settings.wecom.reconcile_seconds,
            bot.reconciler.tick,
        ),
        "take over from stopped processes": (_TAKE_OVER_SECONDS, bot.take_over),
        "look for a newer model": (_LOOK_SECONDS, bot.trainer.look),
        **bot.tidying_jobs,
        **bot.contacts.jobs,
        **(bot.outreach.jobs if bot.outreach else {}),
    }


class _Jobs:
    """Ticking jobs under way, so that a stop waits until they have let go of the database.

    One that were cut off while the database closes would wait for a connection that is gone.
    """

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[object]] = set()

    def watched(self, job: Job) -> Job:
        async def run() -> object:
            task = asyncio.create_task(_awaited(job), name="job")
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            return await task

        return run

    async def stop(self) -> None:
        under_way = list(self._under_way)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _awaited(job: Job) -> object:
    return await job()


async def _guarded(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """A loop that breaks by a fault of ours is started again after a moment."""
    while True:
        try:
            await loop()
        except Exception as error:  # noqa: BLE001, RUF100
            loggers.app.error("a loop broke and starts again", loop=name, exc_info=error)
            await asyncio.sleep(1)


async def _once(job: Callable[[], Awaitable[None]]) -> None:
    try:
        await job()
    except Exception as error:  # noqa: BLE001, RUF100  (what ticks or loops will come to it again)
        loggers.app.error("something at the start failed", exc_info=error)
