"""A handful of periodic jobs on APScheduler: they look for due work, never one job a customer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

Job = Callable[[], Awaitable[object]]

_log = logging.getLogger("scheduler")


class Ticker:
    """Runs each job now and then; a tick that comes while the job still runs is dropped."""

    def __init__(self, *, timezone: str) -> None:
        self._scheduler = AsyncIOScheduler(timezone=timezone)
        logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)  # drops are meant

    def every(self, seconds: float, job: Job, *, name: str) -> None:
        """Run `job` every so many seconds; missed ticks become one."""
        self._scheduler.add_job(
            self._guarded,
            IntervalTrigger(seconds=seconds),
            args=[job, name],
            id=name,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)

    async def _guarded(self, job: Job, name: str) -> None:
        try:
            await job()
        except asyncio.CancelledError:
            _log.debug("job %s was stopped", name)
        except Exception as error:  # noqa: BLE001, RUF100  (the next tick tries again)
            _log.error("job %s failed: %s: %s", name, type(error).__name__, error)
