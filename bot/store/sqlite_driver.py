"""SQLite's driver with one errand to its thread a statement, where aiosqlite makes four."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

import aiosqlite
from sqlalchemy.engine import URL

Connect = Callable[[], aiosqlite.Connection]


class BriefCursor:
    """Runs a statement, takes all its rows and closes, in one go; then it only tells of them."""

    description: Any = None
    rowcount = -1
    lastrowid: int | None = None
    arraysize = 1

    def __init__(self, connection: BriefConnection) -> None:
        self._connection = connection
        self._rows: Sequence[Any] = ()

    async def __aenter__(self) -> BriefCursor:
        return self

    async def execute(self, operation: str, parameters: Iterable[Any] = ()) -> None:
        await self._connection.errand(self._run, sqlite3.Cursor.execute, operation, parameters)

    async def executemany(self, operation: str, parameters: Iterable[Any]) -> None:
        await self._connection.errand(self._run, sqlite3.Cursor.executemany, operation, parameters)

    async def fetchall(self) -> Sequence[Any]:
        """What the statement found."""
        rows, self._rows = self._rows, ()
        return rows

    async def close(self) -> None:
        """There is nothing left open."""

    def _run(
        self,
        connection: sqlite3.Connection,
        execute: Callable[[sqlite3.Cursor, str, Any], Any],
        operation: str,
        parameters: Iterable[Any],
    ) -> None:
        cursor = connection.cursor()
        try:
            execute(cursor, operation, parameters)
            self.description = cursor.description
            self._rows = cursor.fetchall() if cursor.description else ()
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()


class BriefConnection(aiosqlite.Connection):
    """Begins a transaction together with its first statement, and ends only one that is open."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        thread: Any = getattr(self, "_thread", self)
        thread.daemon = True
        self._begin: str | None = None
        self._sent_out = self._back = 0

    def begin(self, how: str) -> None:
        """Run `how` right before the next statement."""
        self._begin = how

    def cursor(self) -> BriefCursor:  # type: ignore[override]
        return BriefCursor(self)

    async def errand(self, run: Callable[..., None], *args: Any) -> None:
        """Run something that may need a transaction."""
        begin, self._begin = self._begin, None
        self._sent_out += 1
        execute: Any = self._execute
        await execute(self._do, begin, run, args)

    def _do(self, begin: str | None, run: Callable[..., None], args: tuple[Any, ...]) -> None:
        try:
            if begin is not None:
                self._conn.execute(begin).close()
            run(self._conn, *args)
        finally:
            self._back += 1

    async def rollback(self) -> None:
        """Nothing where nothing was begun; whoever was cancelled left an errand under way."""
        self._begin = None
        if self._sent_out != self._back or self.in_transaction:
            await super().rollback()


class _AtOnce:
    """Stands where aiosqlite queues its work for a thread, and does it on the spot."""

    def put_nowait(self, item: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, function = item
        try:
            result = function()
        except Exception as error:  # noqa: BLE001, RUF100  (whoever awaits it shall have it)
            if future is not None:
                future.set_exception(error)
            return
        if future is not None:
            future.set_result(result)


class _InlineConnection(BriefConnection):
    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector)
        self._tx: Any = _AtOnce()

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        return self._connect().__await__()

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)


def connections(url: URL, *, inline: bool = False) -> Connect:
    """Opens connections to the database of `url`.

    Those `inline` need no thread: they block the loop while they work, and are quick for it.
    """
    given: Any = url.get_dialect()().create_connect_args(url)
    args, options = given
    kind = _InlineConnection if inline else BriefConnection
    return lambda: kind(lambda: sqlite3.connect(*args, **options))
