"""No more calls for moments than WeCom allows in any minute, however they are spread."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.clock import ManualClock
from bot.outreach.moment_pace import take_turn
from bot.store.database import Database

CALLS = 10


async def _turn(database: Database, clock: ManualClock) -> datetime | None:
    async with database.write() as session:
        return await take_turn(session, database, clock, calls_a_minute=CALLS)


async def test_no_minute_sees_an_eleventh_call_though_one_arrives_late(
    ledger: Database, clock: ManualClock
) -> None:
    made: list[datetime] = []
    while len(made) < 3 * CALLS:
        if await _turn(ledger, clock) is None:
            made.append(clock.now())
        clock.turn(seconds=2)
    late = timedelta(seconds=4)
    eleventh = zip(made, made[CALLS:], strict=False)
    assert all(after - (first + late) >= timedelta(minutes=1) for first, after in eleventh)


async def test_a_clock_set_back_an_hour_blocks_for_a_minute_only(
    ledger: Database, clock: ManualClock
) -> None:
    for _ in range(CALLS):
        assert await _turn(ledger, clock) is None
    clock.turn(hours=-1)
    until = await _turn(ledger, clock)
    assert until is not None and until - clock.now() < timedelta(minutes=2)
    clock.turn(minutes=2)
    assert await _turn(ledger, clock) is None
