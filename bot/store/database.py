"""One engine for SQLite (WAL) and PostgreSQL, with short explicit transactions."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, select, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from bot.errors import StoreError
from bot.file_faults import file_fault

_RESERVED = 4
_BEGIN = "begin"


class Database:
    """Opens transactions; `write` ones are serialised on SQLite, which has one writer."""

    def __init__(self, url: str, *, connect: Callable[[], Any] | None = None) -> None:
        """`connect` opens the driver's connections in another way than by the URL."""
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite and self.url.database:
            _make_folder(Path(self.url.database).parent)
        options: dict[str, Any] = {"poolclass": AsyncAdaptedQueuePool, "pool_size": 5}
        if not self.is_sqlite:
            options |= {"pool_size": 10, "max_overflow": 10, "pool_pre_ping": True}
        if connect is not None:
            options["async_creator"] = connect
        self.engine = create_async_engine(self.url, **options)
        if self.is_sqlite:
            _prepare_sqlite(self.engine.sync_engine)
        self._sessions = self._beginning("BEGIN")
        self._writing = self._beginning("BEGIN IMMEDIATE")
        self._glances = async_sessionmaker(self.engine, expire_on_commit=False)
        self._first_sessions, self._reserved = self._sessions, None
        if not self.is_sqlite:
            options |= {"pool_size": _RESERVED, "max_overflow": 0}
            self._reserved = create_async_engine(self.url, **options)
            self._first_sessions = async_sessionmaker(self._reserved, expire_on_commit=False)
        self._one_writer = _Turnstile()

    def _beginning(self, how: str) -> async_sessionmaker[AsyncSession]:
        engine = self.engine.execution_options(**{_BEGIN: how}) if self.is_sqlite else self.engine
        return async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def write(self, *, urgent: bool = False) -> AsyncIterator[AsyncSession]:
        """A transaction that commits at the end of the block, or not at all.

        Where writers must queue, `urgent` ones go before the others; keep them short. Where they
        need not, a few connections are kept for them.
        """
        if not self.is_sqlite:
            sessions = self._first_sessions if urgent else self._sessions
            async with sessions() as session, session.begin():
                yield session
            return
        async with (
            self._one_writer.turn(urgent=urgent),
            self._writing() as session,
            session.begin(),
        ):
            yield session

    @asynccontextmanager
    async def read(self, *, urgent: bool = False) -> AsyncIterator[AsyncSession]:
        """A session for reading; nothing is committed."""
        async with (self._first_sessions if urgent else self._sessions)() as session:
            yield session

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[AsyncSession]:
        """For a single look that writes nothing: SQLite needs no transaction for it."""
        async with self._glances() as session:
            yield session

    async def alone(self, session: AsyncSession, what: str) -> None:
        """Until its transaction ends, no replica passes the same `what` at the same time."""
        if not self.is_sqlite:
            await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(what))))

    async def check(self) -> None:
        """Raise `StoreError` when the database does not answer."""
        try:
            async with self.read() as session:
                await session.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(f"数据库不可用：{type(error).__name__}") from None

    async def close(self) -> None:
        await self.engine.dispose()
        if self._reserved:
            await self._reserved.dispose()


class _Turnstile:
    """One at a time; whoever is urgent goes before those who are not, else first come."""

    def __init__(self) -> None:
        self._taken = False
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def turn(self, *, urgent: bool) -> AsyncIterator[None]:
        await self._enter(self._urgent if urgent else self._others)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, queue: deque[asyncio.Future[None]]) -> None:
        if not self._taken:
            self._taken = True
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        """Hand the turn over without letting go of it, so that nobody slips in between."""
        for queue in (self._urgent, self._others):
            while queue:
                waiting = queue.popleft()
                if not waiting.done():
                    waiting.set_result(None)
                    return
        self._taken = False


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"数据库所在的文件夹建不了：{folder}（{file_fault(error)}）；请检查 database.url"
        ) from None


def _prepare_sqlite(engine: Any) -> None:
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if (how := connection.get_execution_options().get(_BEGIN)) is not None:
            connection.exec_driver_sql(how)

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        # The driver must not open transactions by itself: ours begin IMMEDIATE when they write.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=15000",
            "cache_size=-8000",
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
