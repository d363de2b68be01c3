"""Claiming work on both databases: leases, lanes, order, dead owners."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from bot.clock import ManualClock
from bot.store.claims import (
    claim,
    next_due,
    postpone,
    release_dead_leases,
    revive,
    settle,
    worker_name,
)
from bot.store.database import Database
from bot.store.tables import InboxEvent, WorkState

LEASE = timedelta(seconds=60)


def event(number: int, *, lane: str | None = None, due: datetime, **more: Any) -> InboxEvent:
    return InboxEvent(
        dedupe_key=f"key{number}",
        event="test",
        fields={},
        received_at=due,
        lane=lane or f"lane{number}",
        due_at=due,
        **more,
    )


async def add(database: Database, *events: InboxEvent) -> None:
    async with database.write() as session:
        session.add_all(events)


async def take(
    database: Database, now: datetime, *, by: str = "w1", limit: int = 10
) -> list[InboxEvent]:
    async with database.write() as session:
        rows = await claim(session, InboxEvent, by=by, now=now, lease=LEASE, limit=limit)
        return list(rows)


async def finish(database: Database, row: InboxEvent, now: datetime) -> bool:
    async with database.write() as session:
        return await settle(session, row, now=now, state=WorkState.DONE)


async def test_due_rows_come_oldest_first_and_only_when_due(
    database: Database, clock: ManualClock
) -> None:
    now = clock.now()
    await add(
        database,
        event(1, due=now),
        event(2, due=now - timedelta(seconds=5)),
        event(3, due=now + timedelta(microseconds=1)),
    )
    assert [row.dedupe_key for row in await take(database, now)] == ["key2", "key1"]
    clock.turn(microseconds=1)
    assert [row.dedupe_key for row in await take(database, clock.now())] == ["key3"]


async def test_a_leased_row_is_nobody_elses_until_the_lease_runs_out(
    database: Database, clock: ManualClock
) -> None:
    await add(database, event(1, due=clock.now()))
    (row,) = await take(database, clock.now(), by="w1")
    clock.turn(seconds=59)
    assert await take(database, clock.now(), by="w2") == []
    clock.turn(seconds=1)
    (again,) = await take(database, clock.now(), by="w2")
    assert again.attempts == 2
    assert not await finish(database, row, clock.now()), "the first owner came too late"
    assert await finish(database, again, clock.now())
    assert not await finish(database, again, clock.now()), "done is done"


async def test_a_lane_is_worked_in_order_and_never_two_at_once(
    database: Database, clock: ManualClock
) -> None:
    now = clock.now()
    await add(database, *(event(number, lane="c1", due=now) for number in (1, 2, 3)))
    for expected in ("key1", "key2", "key3"):
        rows = await take(database, now)
        assert [row.dedupe_key for row in rows] == [expected]
        assert await take(database, now, by="w2") == []
        await finish(database, rows[0], now)
    assert await take(database, now) == []


async def test_a_put_off_row_holds_up_its_own_lane_only(
    database: Database, clock: ManualClock
) -> None:
    now = clock.now()
    await add(database, event(1, lane="a", due=now), event(2, lane="a", due=now))
    await add(database, event(3, lane="b", due=now))
    (first, third) = await take(database, now)
    async with database.write() as session:
        assert await postpone(session, first, until=now + timedelta(minutes=5), error="busy")
    await finish(database, third, now)
    assert await take(database, now) == []
    clock.turn(minutes=5)
    (again,) = await take(database, clock.now())
    assert (again.dedupe_key, again.attempts, again.error) == ("key1", 2, "busy")


@pytest.mark.parametrize("end", [WorkState.DONE, WorkState.FAILED, WorkState.DEAD])
async def test_every_end_opens_the_lane(
    database: Database, clock: ManualClock, end: WorkState
) -> None:
    now = clock.now()
    await add(database, event(1, lane="a", due=now), event(2, lane="a", due=now))
    (first,) = await take(database, now)
    async with database.write() as session:
        assert await settle(session, first, now=now, state=end, error="x")
    assert [row.dedupe_key for row in await take(database, now)] == ["key2"]


async def test_concurrent_claimers_share_the_work_without_a_leader(
    database: Database, clock: ManualClock
) -> None:
    now = clock.now()
    lanes = 20
    await add(
        database, *(event(number, lane=f"lane{number % lanes}", due=now) for number in range(120))
    )
    handled: list[tuple[str, str]] = []
    busy: Counter[str] = Counter()

    async def work(name: str) -> None:
        empty = 0
        while empty < 20:
            rows = await take(database, now, by=name, limit=5)
            empty = 0 if rows else empty + 1
            for row in rows:
                busy[row.lane] += 1
                assert busy[row.lane] == 1, "two of one lane at once"
            await asyncio.sleep(0)
            for row in rows:
                handled.append((row.lane, row.dedupe_key))
                busy[row.lane] -= 1
                assert await finish(database, row, now)

    await asyncio.gather(*(work(f"w{number}") for number in range(6)))
    assert len(handled) == len(set(handled)) == 120
    for lane in range(lanes):
        mine = [int(key[3:]) for where, key in handled if where == f"lane{lane}"]
        assert mine == sorted(mine)


@pytest.mark.postgres
async def test_a_row_locked_by_another_replica_is_skipped_not_waited_for(
    new_postgres_url: str, clock: ManualClock
) -> None:
    from bot.store.migrate import upgrade

    database = Database(new_postgres_url)
    await upgrade(database)
    now = clock.now()
    await add(database, event(1, due=now), event(2, due=now))
    async with database.write() as holding:
        held = await claim(holding, InboxEvent, by="w1", now=now, lease=LEASE, limit=1)
        async with asyncio.timeout(60):
            others = await take(database, now, by="w2")
    assert [row.dedupe_key for row in held] == ["key1"]
    assert [row.dedupe_key for row in others] == ["key2"]
    await database.close()


async def test_a_claim_that_is_not_committed_claims_nothing(
    database: Database, clock: ManualClock
) -> None:
    await add(database, event(1, due=clock.now()))
    with pytest.raises(RuntimeError):
        async with database.write() as session:
            await claim(session, InboxEvent, by="w1", now=clock.now(), lease=LEASE, limit=1)
            raise RuntimeError
    (row,) = await take(database, clock.now())
    assert row.attempts == 1


@pytest.mark.parametrize("state", list(WorkState))
async def test_an_operator_revives_only_what_failed(
    database: Database, clock: ManualClock, state: WorkState
) -> None:
    now = clock.now()
    await add(database, event(1, due=now, state=state, attempts=12, error="x", finished_at=now))
    async with database.write() as session:
        revived = await revive(session, InboxEvent, 1, now=now)
        assert not await revive(session, InboxEvent, 999, now=now)
    assert revived == (state in {WorkState.FAILED, WorkState.DEAD})
    rows = await take(database, now)
    if revived:
        assert [(row.attempts, row.error, row.finished_at) for row in rows] == [(1, None, None)]


async def test_next_due_is_what_a_worker_could_do_next(
    database: Database, clock: ManualClock
) -> None:
    now = clock.now()
    async with database.read() as session:
        assert await next_due(session, InboxEvent) is None
    later, latest = now + timedelta(seconds=30), now + timedelta(minutes=5)
    await add(database, event(1, lane="a", due=latest), event(2, lane="a", due=now))
    await add(database, event(3, lane="b", due=later))
    async with database.read() as session:
        assert await next_due(session, InboxEvent) == later, "key2 waits behind key1"


async def test_next_due_counts_the_end_of_a_lease(database: Database, clock: ManualClock) -> None:
    now = clock.now()
    await add(database, event(1, lane="a", due=now), event(2, lane="a", due=now))
    await take(database, now)
    async with database.read() as session:
        assert await next_due(session, InboxEvent) == now + LEASE


async def test_leases_of_killed_processes_of_this_host_are_freed(
    database: Database, clock: ManualClock
) -> None:
    now, host = clock.now(), socket.gethostname()
    ours = worker_name()
    gone = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await gone.wait()
    owners = {
        1: f"{host}/{gone.pid}/aaaa",
        2: f"{host}/{os.getppid()}/bbbb",
        3: f"elsewhere.example/{gone.pid}/cccc",
        4: ours,
        5: f"{host}/{os.getpid()}/dddd",
        6: f"{host}/1/eeee",
    }
    await add(database, *(event(number, due=now) for number in owners))
    async with database.write() as session:
        for number, owner in owners.items():
            await session.execute(
                update(InboxEvent)
                .where(InboxEvent.dedupe_key == f"key{number}")
                .values(leased_by=owner, leased_until=now + LEASE)
            )
    async with database.write() as session:
        assert await release_dead_leases(session, by=ours) == 2
    freed = {row.dedupe_key for row in await take(database, now)}
    assert freed == {"key1", "key5"}, "5 had our process number in an earlier life"


async def test_a_lease_name_of_another_form_does_not_stop_the_start(
    database: Database, clock: ManualClock
) -> None:
    now = clock.now()
    await add(database, event(1, due=now, leased_by="by-hand", leased_until=now + LEASE))
    async with database.write() as session:
        assert await release_dead_leases(session, by=worker_name()) == 0


def test_worker_names_never_come_back() -> None:
    assert len({worker_name() for _ in range(100)}) == 100
