"""SQLite without a thread of its own: a rehearsal has nobody else to serve meanwhile."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import aiosqlite


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


class _InlineConnection(aiosqlite.Connection):
    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._tx: Any = _AtOnce()

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        return self._connect().__await__()


def inline_connections(file: Path) -> Callable[[], aiosqlite.Connection]:
    """Opens connections to `file` that block the loop while they work, and are quick for it."""
    return lambda: _InlineConnection(lambda: sqlite3.connect(file))
