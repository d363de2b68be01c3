"""Old work goes, a little at a time; what failed, what is fresh and what is to do stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from bot.clock import RunningClock
from bot.delivery.tidying import Tidier
from bot.store.database import Database
from bot.store.tables import InboxEvent, MediaUpload, WorkState

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


def _event(number: int, state: str, *, days: float) -> dict[str, Any]:
    at = NOW - timedelta(days=days)
    return {
        "id": number,
        "dedupe_key": f"event-{number}",
        "event": "kf_msg_or_event",
        "fields": {},
        "received_at": at,
        "lane": "kf",
        "state": state,
        "due_at": at,
        "finished_at": None if state == WorkState.READY else at,
    }


async def _left(database: Database, column: Any) -> list[Any]:
    async with database.read() as session:
        return list((await session.scalars(select(column).order_by(column))).all())


async def test_done_work_goes_after_its_days(database: Database) -> None:
    old = [_event(number, WorkState.DONE, days=31) for number in range(1, 1202)]
    kept = [
        _event(1300, WorkState.DEAD, days=400),
        _event(1301, WorkState.FAILED, days=400),
        _event(1302, WorkState.READY, days=400),
        _event(1303, WorkState.DONE, days=29),
    ]
    async with database.write() as session:
        await session.execute(insert(InboxEvent), [*old, *kept])
    tidier = Tidier(database, RunningClock(NOW, 1), days=30)
    assert await tidier.tick() == 1201
    assert await _left(database, InboxEvent.id) == [1300, 1301, 1302, 1303]
    assert await tidier.tick() == 0


async def test_the_newest_row_stays_so_that_its_number_is_not_given_again(
    database: Database,
) -> None:
    async with database.write() as session:
        await session.execute(
            insert(InboxEvent), [_event(n, WorkState.DONE, days=90) for n in (1, 2, 3)]
        )
    await Tidier(database, RunningClock(NOW, 1), days=30).tick()
    assert await _left(database, InboxEvent.id) == [3]


async def test_expired_uploads_are_forgotten(database: Database) -> None:
    async with database.write() as session:
        for name, days in (("old", -2), ("fresh", 1)):
            session.add(
                MediaUpload(
                    digest=name,
                    kind="image",
                    media_id=name,
                    expires_at=NOW + timedelta(days=days),
                )
            )
    await Tidier(database, RunningClock(NOW, 1), days=30).tick()
    assert await _left(database, MediaUpload.digest) == ["fresh"]
