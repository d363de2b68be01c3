"""Reading all contacts of the corp: first, daily, and onwards from where a crash left it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot import loggers
from bot.customers import sync_runs
from bot.customers.sync_journey import Journey, SyncReport, Tools
from bot.customers.sync_runs import Progress, RunState
from bot.errors import BotError, Conflict
from bot.store.contact_tables import SyncRun

_AGAIN_AFTER = timedelta(hours=1)


class Synchroniser:
    """Starts runs when it is time, or goes on with one; `hour` is that of the daily run."""

    def __init__(self, tools: Tools, *, name: str, zone: ZoneInfo, hour: int = 4) -> None:
        self._tools = tools
        self._database = tools.database
        self._clock = tools.clock
        self._name = name
        self._zone = zone
        self._hour = hour
        self._started: set[asyncio.Task[None]] = set()

    async def tick(self) -> None:
        """Sync when it is time: at first, daily, or because a run was not finished."""
        if await self._is_due():
            with suppress(Conflict):
                await self.run()

    async def _is_due(self) -> bool:
        now = self._clock.now()
        async with self._database.read() as session:
            run = await sync_runs.latest_run(session)
        if run is None:
            return True
        if run.state == RunState.RUNNING:
            return sync_runs.is_free(run, now)
        if run.state == RunState.STOPPED:
            return now - (run.finished_at or run.started_at) > _AGAIN_AFTER
        return run.started_at < self._latest_appointment(now)

    def _latest_appointment(self, now: datetime) -> datetime:
        local = now.astimezone(self._zone)
        today = local.replace(hour=self._hour, minute=0, second=0, microsecond=0)
        return today if today <= local else today - timedelta(days=1)

    async def progress(self) -> Progress | None:
        """How far the latest run is; None before the first."""
        async with self._database.read() as session:
            run = await sync_runs.latest_run(session)
            return None if run is None else await sync_runs.progress(session, run)

    def start(self) -> None:
        """Sync in the background, unless a sync is running already."""
        task = asyncio.create_task(self._run_quietly())
        self._started.add(task)
        task.add_done_callback(self._started.discard)

    async def stop(self) -> None:
        """End what `start` began; the next run goes on from there."""
        started = list(self._started)
        for task in started:
            task.cancel()
        await asyncio.gather(*started, return_exceptions=True)

    async def _run_quietly(self) -> None:
        try:
            await self.run()
        except BotError as error:
            loggers.customers.warning("sync did not finish", exc_info=error)

    async def run(self) -> SyncReport:
        """Sync everything. Raises what stopped it; the next call goes on from there."""
        return await Journey(self._tools, await self._begin()).complete()

    async def _begin(self) -> SyncRun:
        async with self._database.write() as session:
            await self._database.alone(session, "sync of contacts")
            return await sync_runs.begin(session, by=self._name, now=self._clock.now())
