from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.commands.inline_sqlite import inline_connections
from bot.store.database import Database

_PUT = text("INSERT INTO words VALUES (:word)")


@pytest.fixture(params=["thread", "inline"])
async def words(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A table of words, by both kinds of connections."""
    file = tmp_path / "words.db"
    inline = inline_connections(file) if request.param == "inline" else None
    database = Database(f"sqlite+aiosqlite:///{file}", connect=inline)
    async with database.write() as session:
        await session.execute(text("CREATE TABLE words (word TEXT NOT NULL)"))
    yield database
    await database.close()


async def said(session: AsyncSession) -> list[str]:
    return [str(word) for word in await session.scalars(text("SELECT word FROM words"))]


async def test_a_reader_sees_one_moment(words: Database) -> None:
    async with words.read() as session:
        assert await said(session) == []
        async with words.write() as other:
            await other.execute(_PUT, {"word": "late"})
        assert await said(session) == []
    async with words.read() as session:
        assert await said(session) == ["late"]


async def test_a_writer_holds_the_file_from_its_first_statement_on(
    words: Database, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "words.db", timeout=0) as rival:
        async with words.write() as session:
            assert await said(session) == []
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                rival.execute("INSERT INTO words VALUES ('rival')")
            await session.execute(_PUT, {"word": "ours"})
        rival.execute("INSERT INTO words VALUES ('rival')")
    rival.close()
    async with words.read() as session:
        assert await said(session) == ["ours", "rival"]


async def test_a_file_that_is_locked_for_too_long_is_told_as_any_fault(
    words: Database, tmp_path: Path
) -> None:
    async with words.read() as session:
        await session.execute(text("PRAGMA busy_timeout=1"))
    rival = sqlite3.connect(tmp_path / "words.db", isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"):
        async with words.write() as session:
            await session.execute(_PUT, {"word": "never"})
    rival.execute("ROLLBACK")
    rival.close()
    async with words.write() as session:
        await session.execute(_PUT, {"word": "now"})
    async with words.read() as session:
        assert await said(session) == ["now"]


async def test_whoever_is_cancelled_at_any_step_leaves_nothing_open(words: Database) -> None:
    async def put(word: str) -> None:
        async with words.write() as session:
            await session.execute(_PUT, {"word": word})
            await session.execute(_PUT, {"word": word})

    for steps in range(40):
        task = asyncio.create_task(put(f"cut {steps}"))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(30):
        await put("whole")
    async with words.read() as session:
        found = await said(session)
    assert found.count("whole") == 2
    assert {found.count(word) for word in found} == {2}
