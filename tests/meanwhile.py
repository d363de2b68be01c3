"""Another replica that commits between two statements of this one, on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeAlias

import pytest
from sqlalchemy import Executable, event

from bot.store.database import Database

Act: TypeAlias = Executable | Callable[[Database], Awaitable[object]]
_A_MOMENT = 0.4
"""So many seconds the other may take; whoever must wait for a lock commits later."""


class Meanwhile:
    """Acts of the other, each begun once, after the `nth` statement in which its words stand."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._thread = ThreadPoolExecutor(1)
        self._acts: list[Future[None]] = []

    def after(self, database: Database, words: str, *acts: Act, nth: int = 1) -> None:
        """As soon as a statement of `database` with these words has been executed."""
        met = 0

        def _look(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            nonlocal met
            if words not in " ".join(statement.split()):
                return
            met += 1
            if met == nth:
                self._acts.append(self._thread.submit(asyncio.run, self._act(acts)))
                wait(self._acts[-1:], timeout=_A_MOMENT)

        event.listen(database.engine.sync_engine, "after_cursor_execute", _look)

    async def _act(self, acts: tuple[Act, ...]) -> None:
        replica = Database(self._url)
        try:
            for act in acts:
                if callable(act):
                    await act(replica)
                else:
                    async with replica.write() as session:
                        await session.execute(act)
        finally:
            await replica.close()

    def end(self) -> int:
        """How many acts there were; all have been committed."""
        for act in self._acts:
            act.result(timeout=10)
        return len(self._acts)


@pytest.fixture
def meanwhile(kept_postgres_url: str) -> Iterator[Meanwhile]:
    other = Meanwhile(kept_postgres_url)
    yield other
    assert other.end(), "nothing happened meanwhile"
