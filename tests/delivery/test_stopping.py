"""Every loop ends when it is told to, also in the very moment in which it is woken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bot
from bot.clock import ManualClock
from bot.customers.profiles import ProfileReader
from bot.delivery.worker import Worker
from bot.dialogue.pulling import Puller
from bot.running import _Jobs
from bot.store.database import Database
from bot.store.tables import InboxEvent
from bot.wecom.client import WeComClient


async def nothing(*_: object) -> None: ...


def worker(database: Database, client: WeComClient, clock: ManualClock) -> Any:
    return Worker(database, InboxEvent, nothing, name="h/1/a", clock=clock, poll_seconds=60)


def puller(database: Database, client: WeComClient, clock: ManualClock) -> Any:
    return Puller(database, client, clock, nothing, name="h/1/a")


def profiles(database: Database, client: WeComClient, clock: ManualClock) -> Any:
    return ProfileReader(database, client, clock)


@pytest.mark.parametrize("make", [worker, puller, profiles])
async def test_a_stop_while_being_woken_is_not_swallowed(
    make: Callable[..., Any],
    ledger: Database,
    scripted: Callable[..., WeComClient],
    clock: ManualClock,
) -> None:
    for _ in range(5):
        loop = make(ledger, scripted(), clock)
        running = asyncio.create_task(loop.run())
        await asyncio.sleep(0.1)
        loop.nudge()
        running.cancel()
        done, _pending = await asyncio.wait({running}, timeout=5)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert done, "the loop went on after it was cancelled"


def test_nothing_waits_in_a_way_that_swallows_a_stop() -> None:
    """Before Python 3.12 `asyncio.wait_for` forgets a cancellation that meets its result."""
    home = Path(bot.__file__).parent
    sources = [path for path in home.rglob("*.py") if "sandbox" not in path.parts]
    assert sources
    assert [path.name for path in sources if "asyncio.wait_for(" in path.read_text()] == []


async def test_a_ticking_job_is_waited_for_at_a_stop() -> None:
    """Cut off while the database closes, it would wait for a connection that is gone."""
    jobs, began, told = _Jobs(), asyncio.Event(), []

    async def job() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)  # a rollback, say
            told.append("let go")

    tick = asyncio.create_task(jobs.watched(job)())
    await began.wait()
    await jobs.stop()
    assert told == ["let go"]
    await asyncio.gather(tick, return_exceptions=True)
