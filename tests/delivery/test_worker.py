"""Workers: put off, given up, in order, and never stopped by one bad row."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from corp import running, until
from sqlalchemy import select, text

from bot.clock import ManualClock
from bot.delivery.backoff import Backoff
from bot.delivery.worker import Worker
from bot.errors import GiveUp, RetryLater, UnknownOutcome
from bot.store.claims import settle
from bot.store.database import Database
from bot.store.tables import InboxEvent, WorkState

FULL_DISK = (
    "CREATE TRIGGER full_disk BEFORE UPDATE ON inbox_event"
    " BEGIN SELECT RAISE(ABORT, 'disk full'); END"
)
Handle = Callable[[InboxEvent], Awaitable[None]]


async def add(database: Database, clock: ManualClock, *keys: str, lane: str = "") -> None:
    now = clock.now()
    async with database.write() as session:
        session.add_all(
            InboxEvent(
                dedupe_key=key,
                event="test",
                fields={},
                received_at=now,
                lane=lane or key,
                due_at=now,
            )
            for key in keys
        )


async def row_of(database: Database, key: str) -> InboxEvent:
    async with database.read() as session:
        found = await session.scalars(select(InboxEvent).where(InboxEvent.dedupe_key == key))
        return found.one()


def worker(database: Database, clock: ManualClock, handle: Handle, **more: Any) -> Worker[Any]:
    options = {"name": "host/1/a", "clock": clock, "poll_seconds": 0.02} | more
    return Worker(database, InboxEvent, handle, **options)


def done(database: Database, clock: ManualClock, log: list[str]) -> Handle:
    async def handle(row: InboxEvent) -> None:
        async with database.write() as session:
            assert await settle(session, row, now=clock.now(), state=WorkState.DONE)
        log.append(row.dedupe_key)

    return handle


async def test_work_is_done_once_by_many_workers(database: Database, clock: ManualClock) -> None:
    keys = [f"k{number}" for number in range(60)]
    for number, key in enumerate(keys):
        await add(database, clock, key, lane=f"lane{number % 7}")
    log: list[str] = []
    workers = [
        worker(database, clock, done(database, clock, log), name=f"host/1/{number}")
        for number in range(3)
    ]
    async with running(*(one.run() for one in workers)):
        await until(lambda: len(log) >= 60)
    assert Counter(log) == Counter(keys)
    for lane in range(7):
        mine = [int(key[1:]) for key in log if int(key[1:]) % 7 == lane]
        assert mine == sorted(mine)


async def test_lanes_run_side_by_side_up_to_the_limit(
    ledger: Database, clock: ManualClock
) -> None:
    await add(ledger, clock, *(f"k{number}" for number in range(6)))
    busy, most = [0], [0]
    go = asyncio.Event()
    log: list[str] = []
    finish = done(ledger, clock, log)

    async def handle(row: InboxEvent) -> None:
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        await go.wait()
        busy[0] -= 1
        await finish(row)

    async with running(worker(ledger, clock, handle, concurrency=4).run()):
        await until(lambda: busy[0] == 4)
        go.set()
        await until(lambda: len(log) == 6)
    assert most[0] == 4


async def test_a_poison_row_does_not_stop_the_others(ledger: Database, clock: ManualClock) -> None:
    await add(ledger, clock, "poison", "a", "b", "c")
    log: list[str] = []
    finish = done(ledger, clock, log)

    async def handle(row: InboxEvent) -> None:
        if row.dedupe_key == "poison":
            raise ZeroDivisionError("a bug of ours")
        await finish(row)

    async with running(worker(ledger, clock, handle, concurrency=1).run()):
        await until(lambda: len(log) == 3)
    poison = await row_of(ledger, "poison")
    assert poison.state == WorkState.READY
    assert poison.due_at > clock.now()
    assert poison.error == "ZeroDivisionError"


async def test_a_row_that_always_fails_is_dead_after_the_last_try(
    database: Database, clock: ManualClock
) -> None:
    await add(database, clock, "poison", lane="x")
    await add(database, clock, "next", lane="x")
    tries: list[int] = []
    log: list[str] = []
    finish = done(database, clock, log)

    async def handle(row: InboxEvent) -> None:
        if row.dedupe_key == "next":
            return await finish(row)
        tries.append(row.attempts)
        raise GiveUp("这个接口不存在", errcode=40066)

    backoff = Backoff(first=timedelta(seconds=1), cap=timedelta(seconds=4), attempts=4)
    async with running(worker(database, clock, handle, backoff=lambda _: backoff).run()):
        for _ in range(4):
            seen = len(tries)
            await until(lambda seen=seen: len(tries) > seen)  # type: ignore[misc]
            await until(lambda: _settled(database, clock))
            assert (len(tries) == 4) == ((await row_of(database, "poison")).state == "dead")
            clock.turn(seconds=10)
        await until(lambda: bool(log))
    poison = await row_of(database, "poison")
    assert tries == [1, 2, 3, 4]
    assert (poison.state, poison.error) == (WorkState.DEAD, "这个接口不存在")
    assert poison.leased_by is None
    assert poison.finished_at is not None


async def _settled(database: Database, clock: ManualClock) -> bool:
    row = await row_of(database, "poison")
    return row.leased_by is None


@pytest.mark.parametrize("wait", [0.0, 60.0, 3600.0])
async def test_retry_later_says_for_how_long(
    ledger: Database, clock: ManualClock, wait: float
) -> None:
    await add(ledger, clock, "k")

    async def handle(row: InboxEvent) -> None:
        if row.attempts == 1:
            raise RetryLater("调用太频繁", errcode=45009, wait_seconds=wait)
        await asyncio.Event().wait()

    async with running(worker(ledger, clock, handle).run()):
        await until(lambda: _error_of(ledger, "k"))
    assert (await row_of(ledger, "k")).due_at == clock.now() + timedelta(seconds=wait)


async def _error_of(database: Database, key: str) -> bool:
    return (await row_of(database, key)).error is not None


async def test_an_unknown_outcome_backs_off(ledger: Database, clock: ManualClock) -> None:
    await add(ledger, clock, "k")

    async def handle(row: InboxEvent) -> None:
        raise UnknownOutcome("没有收到回应")

    async with running(worker(ledger, clock, handle).run()):
        await until(lambda: _error_of(ledger, "k"))
    pause = (await row_of(ledger, "k")).due_at - clock.now()
    assert timedelta(seconds=0.8) <= pause <= timedelta(seconds=1.2)


async def test_a_nudge_is_quicker_than_the_poll(ledger: Database, clock: ManualClock) -> None:
    log: list[str] = []
    lazy = worker(ledger, clock, done(ledger, clock, log), poll_seconds=3600)
    async with running(lazy.run()):
        await asyncio.sleep(0.05)
        await add(ledger, clock, "k")
        lazy.nudge()
        await until(lambda: log == ["k"])


async def test_a_stop_lets_what_is_under_way_finish(ledger: Database, clock: ManualClock) -> None:
    await add(ledger, clock, "k")
    started, log = asyncio.Event(), list[str]()
    finish = done(ledger, clock, log)

    async def handle(row: InboxEvent) -> None:
        started.set()
        await asyncio.sleep(0.05)
        await finish(row)

    async with running(worker(ledger, clock, handle).run()):
        await started.wait()
    assert log == ["k"]


async def test_a_broken_database_does_not_end_the_worker(
    ledger: Database, clock: ManualClock
) -> None:
    log: list[str] = []
    await add(ledger, clock, "k")
    async with ledger.write() as session:
        await session.execute(text(FULL_DISK))
    async with running(worker(ledger, clock, done(ledger, clock, log)).run()):
        await asyncio.sleep(0.1)
        assert log == []
        async with ledger.write() as session:
            await session.execute(text("DROP TRIGGER full_disk"))
        await until(lambda: log == ["k"])


async def test_an_idle_worker_behind_a_waiting_lane_does_not_spin(
    ledger: Database, clock: ManualClock
) -> None:
    await add(ledger, clock, "head", "behind", lane="x")
    log: list[str] = []

    async def handle(row: InboxEvent) -> None:
        log.append(row.dedupe_key)
        raise RetryLater("busy", wait_seconds=300)

    waits: list[float | None] = []
    slow = worker(ledger, clock, handle, poll_seconds=1.0)
    async with running(slow.run()):
        await until(lambda: bool(log))
        await until(lambda: _error_of(ledger, "head"))
        waits.append(await slow._until_due())
    assert waits == [300.0]


@pytest.mark.parametrize(
    ("attempt", "low", "high"), [(1, 0.8, 1.2), (3, 3.2, 4.8), (99, 240, 360)]
)
def test_backoff_doubles_up_to_its_cap(attempt: int, low: float, high: float) -> None:
    waits = {Backoff().wait(attempt).total_seconds() for _ in range(50)}
    assert low <= min(waits) <= max(waits) <= high
    assert len(waits) > 1, "jitter"


def test_backoff_ends() -> None:
    assert not Backoff(attempts=3).exhausted(2)
    assert Backoff(attempts=3).exhausted(3)
    assert Backoff(attempts=3).exhausted(4)
