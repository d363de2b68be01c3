from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, StatementError

from bot.clock import ManualClock
from bot.errors import StoreError
from bot.store.database import Database
from bot.store.tables import Conversation, Customer, ScriptVersion, SharedSecret
from bot.store.upsert import insert_new


def secret(name: str, at: datetime, value: str = "v") -> SharedSecret:
    return SharedSecret(name=name, value=value, expires_at=at)


async def test_a_block_commits_whole_or_not_at_all(database: Database, clock: ManualClock) -> None:
    with pytest.raises(RuntimeError):
        async with database.write() as session:
            session.add(secret("a", clock.now()))
            await session.flush()
            raise RuntimeError
    async with database.write() as session:
        session.add(secret("b", clock.now()))
    async with database.read() as session:
        assert (await session.scalars(select(SharedSecret.name))).all() == ["b"]


async def test_a_cancelled_block_rolls_back_and_frees_the_writer(
    database: Database, clock: ManualClock
) -> None:
    inside = asyncio.Event()

    async def hold() -> None:
        async with database.write() as session:
            session.add(secret("a", clock.now()))
            await session.flush()
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await inside.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(60), database.write() as session:
        assert await session.get(SharedSecret, "a") is None


async def test_a_read_commits_nothing(database: Database, clock: ManualClock) -> None:
    async with database.read() as session:
        session.add(secret("a", clock.now()))
        await session.flush()
    async with database.read() as session:
        assert await session.get(SharedSecret, "a") is None


async def test_readers_do_not_wait_for_a_writer(database: Database, clock: ManualClock) -> None:
    async with database.write() as session:
        session.add(secret("a", clock.now()))
        await session.flush()
        async with asyncio.timeout(60), database.read() as reader:
            assert await reader.get(SharedSecret, "a") is None


async def test_two_handles_of_one_database_write_in_turn(
    database_url: str, clock: ManualClock
) -> None:
    """As two processes would: SQLite makes the second wait instead of refusing it."""
    from bot.store.migrate import upgrade

    one, two = Database(database_url), Database(database_url)
    await upgrade(one)

    async def add(database: Database, start: int) -> None:
        for number in range(start, start + 25):
            async with database.write() as session:
                session.add(secret(f"n{number}", clock.now()))

    await asyncio.gather(add(one, 0), add(two, 25))
    async with one.read() as session:
        assert len((await session.scalars(select(SharedSecret.name))).all()) == 50
    await one.close()
    await two.close()


async def test_moments_are_kept_to_the_microsecond_in_utc(database: Database) -> None:
    shanghai = timezone(timedelta(hours=8))
    moment = datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=shanghai)
    async with database.write() as session:
        session.add(secret("a", moment))
    async with database.read() as session:
        kept = await session.get_one(SharedSecret, "a")
    assert kept.expires_at == moment
    assert kept.expires_at.tzinfo is UTC


async def test_moments_compare_across_zones_inside_the_database(database: Database) -> None:
    moment = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=8)))
    async with database.write() as session:
        session.add(secret("a", moment))
    async with database.read() as session:
        earlier = datetime(2025, 12, 31, 16, 30, tzinfo=UTC)
        found = select(SharedSecret.name).where(SharedSecret.expires_at <= earlier)
        assert await session.scalar(found) == "a"
        sooner = earlier - timedelta(microseconds=1)
        missing = select(SharedSecret.name).where(SharedSecret.expires_at <= sooner)
        assert await session.scalar(missing) is None


async def test_a_naive_moment_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="time zone"):
        async with database.write() as session:
            session.add(secret("a", datetime(2026, 1, 1)))  # noqa: DTZ001


async def test_json_keeps_emoji_and_nesting(database: Database, clock: ManualClock) -> None:
    body = {"文": ["😀", {"a": None, "b": 1.5}], "empty": {}, "big": 2**53}
    async with database.write() as session:
        session.add(
            ScriptVersion(
                script_id="s", version=1, body=body, active=True, imported_at=clock.now()
            )
        )
    async with database.read() as session:
        assert (await session.get_one(ScriptVersion, ("s", 1))).body == body


async def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.write() as session:
            session.add(Conversation(kind="kf", peer="wk", external_userid="nobody"))


def _customer(who: str, now: datetime, name: str = "") -> dict[str, object]:
    return {
        "external_userid": who,
        "name": name,
        "avatar": "",
        "gender": 0,
        "stage": "icebreak",
        "stage_since": now,
        "tags": [],
        "first_seen_at": now,
    }


async def test_insert_new_leaves_what_is_there(database: Database, clock: ManualClock) -> None:
    now = clock.now()

    async def insert(*rows: dict[str, object]) -> list[str]:
        async with database.write() as session:
            return await insert_new(
                session,
                Customer,
                rows,
                unique=["external_userid"],
                returning=Customer.external_userid,
            )

    assert await insert(_customer("a", now, "first")) == ["a"]
    again = await insert(_customer("a", now, "second"), _customer("b", now))
    assert again == ["b"]
    assert await insert() == []
    async with database.read() as session:
        assert (await session.get_one(Customer, "a")).name == "first"


async def test_insert_new_takes_more_rows_than_one_statement_can(
    database: Database, clock: ManualClock
) -> None:
    rows = [_customer(f"wm{number:05}", clock.now()) for number in range(1501)]
    async with database.write() as session:
        new = await insert_new(
            session,
            Customer,
            rows,
            unique=["external_userid"],
            returning=Customer.external_userid,
        )
    assert sorted(new) == [row["external_userid"] for row in rows]


async def test_two_replicas_insert_the_same_rows_once(
    database: Database, clock: ManualClock
) -> None:
    async def insert() -> int:
        async with database.write() as session:
            new = await insert_new(
                session,
                Customer,
                [_customer(f"wm{number}", clock.now()) for number in range(40)],
                unique=["external_userid"],
                returning=Customer.external_userid,
            )
            return len(new)

    assert sum(await asyncio.gather(*(insert() for _ in range(5)))) == 40


async def test_check_says_that_a_database_is_gone() -> None:
    gone = Database("postgresql+psycopg://bot:hunter2secret@127.0.0.1:9/none")
    with pytest.raises(StoreError, match="数据库不可用") as caught:
        await gone.check()
    assert "hunter2secret" not in str(caught.value)
    await gone.close()


async def test_sqlite_is_durable_and_concurrent(new_sqlite_url: str) -> None:
    database = Database(new_sqlite_url)
    async with database.read() as session:
        pragmas = {
            name: await session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 15000,
    }
    await database.close()
