from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from scheduler import Ticker

SOON = 0.02


@pytest.fixture
def ticker() -> Iterator[Ticker]:
    return Ticker(timezone="Asia/Shanghai")


async def test_jobs_run_again_and_again(ticker: Ticker) -> None:
    ticks = asyncio.Queue[str]()

    async def job() -> None:
        ticks.put_nowait("tick")

    ticker.every(SOON, job, name="job")
    ticker.start()
    async with asyncio.timeout(60):
        assert [await ticks.get() for _ in range(3)] == ["tick"] * 3
    ticker.stop()


async def test_a_failing_job_is_logged_and_ticks_on(
    ticker: Ticker, caplog: pytest.LogCaptureFixture
) -> None:
    tries = asyncio.Queue[int]()

    async def job() -> None:
        tries.put_nowait(1)
        raise ZeroDivisionError("a bug")

    ticker.every(SOON, job, name="reconcile")
    with caplog.at_level(logging.ERROR, logger="scheduler"):
        ticker.start()
        async with asyncio.timeout(60):
            await tries.get()
            await tries.get()
        ticker.stop()
    assert "job reconcile failed: ZeroDivisionError: a bug" in caplog.messages
    assert not any(record.exc_info for record in caplog.records)


async def test_a_slow_job_is_never_run_twice_at_once(
    ticker: Ticker, caplog: pytest.LogCaptureFixture
) -> None:
    running, most, others = [0], [0], asyncio.Queue[int]()
    go = asyncio.Event()

    async def slow() -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await go.wait()
        running[0] -= 1

    async def quick() -> None:
        others.put_nowait(1)

    caplog.set_level(logging.CRITICAL, logger="apscheduler")
    ticker.every(SOON, slow, name="slow")
    ticker.every(SOON, quick, name="quick")
    ticker.start()
    async with asyncio.timeout(60):
        for _ in range(4):
            await others.get()
    go.set()
    ticker.stop()
    assert most == [1]


async def test_a_stopped_ticker_starts_nothing_more(ticker: Ticker) -> None:
    ticks = asyncio.Queue[int]()

    async def job() -> None:
        ticks.put_nowait(1)

    ticker.every(SOON, job, name="job")
    ticker.start()
    async with asyncio.timeout(60):
        await ticks.get()
    ticker.stop()
    before = ticks.qsize()
    await asyncio.sleep(SOON * 3)
    assert ticks.qsize() <= before + 1
