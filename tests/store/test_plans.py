"""What is asked all the time finds its rows by an index, on a SQLite that has no statistics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, text

from bot.outreach.touch_rows import cards_of_others, history
from bot.store.claims import LEASED, claim, next_due, release_dead_leases
from bot.store.contact_tables import Follow
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.store.tables import Customer, InboxEvent, Work
from bot.store.upsert import insert_new
from scheduler import Audience

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[tuple[Database, list[tuple[str, Any]]]]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/plans.db")
    await upgrade(database)
    statements: list[tuple[str, Any]] = []

    @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
    def _note(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE")) and "alembic" not in statement:
            statements.append((statement, values))

    yield database, statements
    await database.close()


async def _plans(database: Database, statements: list[tuple[str, Any]]) -> list[str]:
    async with database.engine.connect() as connection:
        plans = []
        for statement, values in list(statements):
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.append(" / ".join(row[3] for row in rows))
    return plans


async def test_work_is_claimed_without_reading_what_is_done(
    asked: tuple[Database, list[tuple[str, Any]]],
) -> None:
    database, statements = asked
    async with database.write() as session:
        await claim(session, InboxEvent, by="a", now=NOW, lease=timedelta(60), limit=8)
        await next_due(session, InboxEvent)
    claiming, waiting = await _plans(database, statements)
    assert "ix_inbox_event_due (state=? AND due_at<?)" in claiming
    assert "TEMP B-TREE" not in claiming
    for plan in (claiming, waiting):
        assert "ix_inbox_event_lane (lane=? AND id<?)" in plan


async def test_dead_leases_are_sought_among_ready_rows_only(
    asked: tuple[Database, list[tuple[str, Any]]],
) -> None:
    database, statements = asked
    async with database.write() as session:
        await release_dead_leases(session, by="host/1/a")
    plans = dict(zip(LEASED, await _plans(database, statements), strict=True))
    assert not [t for t, plan in plans.items() if issubclass(t, Work) and "SCAN" in plan]


async def test_relations_and_profiles_are_found_by_whose_they_are(
    asked: tuple[Database, list[tuple[str, Any]]],
) -> None:
    database, statements = asked
    async with database.read() as session:
        await session.execute(text("SELECT 1"))
        statements.clear()
        for whose in (Follow.external_userid == "wm1", Follow.userid == "guide1"):
            await session.execute(select(Follow).where(whose, Follow.state == "active"))
        await session.execute(select(Customer).where(Customer.profile_due_at <= NOW))
    assert [plan.split(" USING ")[1] for plan in await _plans(database, statements)] == [
        "INDEX ix_follow_customer (external_userid=? AND state=?)",
        "INDEX ix_follow_guide (userid=? AND state=?)",
        "INDEX ix_customer_profile_due (profile_due_at<?)",
    ]


async def test_what_counts_against_limits_is_not_sought_among_all_of_the_days_touches(
    asked: tuple[Database, list[tuple[str, Any]]],
) -> None:
    database, statements = asked
    async with database.read() as session:
        statements.clear()
        since = NOW - timedelta(days=7)
        gap = timedelta(hours=2)
        await history(session, Audience.CUSTOMER, ["wm1"], since=since, now=NOW, gap=gap)
        await cards_of_others(session, ["wm1"], since=since, until=NOW)
    mine, posts, cards = await _plans(database, statements)
    assert "ix_touch_subject (audience=? AND subject=?" in mine
    assert "ix_touch_subject (audience=?)" in posts
    assert "ix_touch_way (way=? AND due_at>? AND due_at<?)" in cards


async def test_rows_with_and_without_a_value_are_inserted_in_one_statement(
    asked: tuple[Database, list[tuple[str, Any]]],
) -> None:
    database, _ = asked
    inserts: list[str] = []

    @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
    def _note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        inserts.extend([statement] if statement.startswith("INSERT") else [])

    rows = [
        {
            "external_userid": f"wm{number}",
            "stage": "icebreak",
            "stage_since": NOW,
            "first_seen_at": NOW,
            "unionid": f"u{number}" if number % 2 else None,
        }
        for number in range(200)
    ]
    key = Customer.external_userid
    async with database.write() as session:
        new = await insert_new(session, Customer, rows, unique=[key.key], returning=key)
    assert (len(new), len(inserts)) == (200, 1)
