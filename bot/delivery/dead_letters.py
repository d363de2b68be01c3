"""Work of any kind that failed or was given up on: shown to operators and retried on demand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from bot.clock import Clock
from bot.errors import NotFound
from bot.store.claims import revive
from bot.store.database import Database
from bot.store.tables import Work, WorkState

_UNFINISHED = (WorkState.FAILED, WorkState.DEAD)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One row that no worker will touch again by itself; `kind` is its table."""

    kind: str
    id: int
    state: str
    about: str
    attempts: int
    error: str
    due_at: datetime


class DeadLetters:
    """Lists and revives unfinished work, whatever table it is in."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def list(self, *, limit: int = 200) -> list[DeadLetter]:
        """The latest of every kind, newest first."""
        found: list[DeadLetter] = []
        async with self._database.read() as session:
            for kind, table in _kinds().items():
                rows = await session.scalars(
                    select(table)
                    .where(table.state.in_(_UNFINISHED))
                    .order_by(table.id.desc())
                    .limit(limit)
                )
                found += [_letter(kind, row) for row in rows]
        return sorted(found, key=lambda letter: letter.due_at, reverse=True)[:limit]

    async def retry(self, kind: str, row_id: int) -> None:
        """Put a row back to work under its old key; raises `NotFound`."""
        table = _kinds().get(kind)
        if table is None:
            raise NotFound(f"没有叫 {kind[:40]} 的工作；可用的有 {'、'.join(_kinds())}")
        async with self._database.write() as session:
            if not await revive(session, table, row_id, now=self._clock.now()):
                raise NotFound(f"{kind} 里没有编号为 {row_id} 的失败记录")


def _kinds() -> dict[str, Any]:
    return {table.__tablename__: table for table in Work.__subclasses__()}


def _letter(kind: str, row: Any) -> DeadLetter:
    about = getattr(row, "text", "") or getattr(row, "event", "") or row.lane
    return DeadLetter(kind, row.id, row.state, about, row.attempts, row.error or "", row.due_at)
