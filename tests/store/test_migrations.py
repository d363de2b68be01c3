"""Upgrading from nothing, twice, together, and never drifting from the tables."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from bot.errors import StoreError
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.store.tables import Base


def _drift(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, Base.metadata))


async def test_upgrade_from_empty_then_again(database_url: str) -> None:
    database = Database(database_url)
    before, head = await upgrade(database)
    assert before is None
    assert head
    assert await upgrade(database) == (head, head)
    await database.close()


async def test_migrations_and_tables_are_the_same_thing(database: Database) -> None:
    async with database.engine.connect() as connection:
        assert await connection.run_sync(_drift) == []


async def test_every_table_of_ours_is_there(database: Database) -> None:
    async with database.engine.connect() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert set(names) == {*Base.metadata.tables, "alembic_version"}


async def test_replicas_that_start_together_upgrade_once(database_url: str) -> None:
    replicas = [Database(database_url) for _ in range(4)]
    results = await asyncio.gather(*(upgrade(replica) for replica in replicas))
    assert sorted(before is None for before, _ in results) == [False, False, False, True]
    async with replicas[0].read() as session:
        assert await session.scalar(text("SELECT count(*) FROM alembic_version")) == 1
    for replica in replicas:
        await replica.close()


async def test_data_survives_an_upgrade(database: Database) -> None:
    async with database.write() as session:
        await session.execute(
            text("INSERT INTO shared_secret VALUES ('a', 'b', '2026-11-20 00:00:00+00:00')")
        )
    await upgrade(database)
    async with database.read() as session:
        assert await session.scalar(text("SELECT value FROM shared_secret")) == "b"


async def test_a_newer_database_is_refused_in_one_line(database_url: str) -> None:
    database = Database(database_url)
    await upgrade(database)
    async with database.write() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="请升级程序") as caught:
        await upgrade(database)
    assert "\n" not in caught.value.message
    await database.close()


async def test_an_upgrade_that_breaks_changes_nothing(database_url: str) -> None:
    """A table in the way stops the first migration half way."""
    database = Database(database_url)
    async with database.write() as session:
        await session.execute(text("CREATE TABLE suggestion (x INTEGER)"))
    with pytest.raises(StoreError):
        await upgrade(database)
    async with database.engine.connect() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert names == ["suggestion"]
    await database.close()


async def test_an_unreachable_server_is_one_line_without_the_password() -> None:
    database = Database("postgresql+psycopg://bot:hunter2secret@127.0.0.1:9/none")
    with pytest.raises(StoreError, match=r"database\.url") as caught:
        await upgrade(database)
    assert "hunter2secret" not in caught.value.message
    assert "\n" not in caught.value.message
    await database.close()


async def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    path.write_text("this is not a database, " * 100)
    database = Database(f"sqlite+aiosqlite:///{path}")
    with pytest.raises(StoreError, match=r"database\.url"):
        await upgrade(database)
    await database.close()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"database\.url") as caught:
        Database(f"sqlite+aiosqlite:///{tmp_path / 'file' / 'sub' / 'bot.db'}")
    assert "\n" not in caught.value.message


async def test_the_folder_of_the_database_is_made(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'a' / 'b' / 'bot.db'}")
    await upgrade(database)
    assert stat.S_ISREG((tmp_path / "a" / "b" / "bot.db").stat().st_mode)
    await database.close()
