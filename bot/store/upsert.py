"""Insert what is new and leave what is there, on either database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

_ROWS_A_STATEMENT = 500


async def insert_new(
    session: AsyncSession,
    table: Any,
    rows: Sequence[dict[str, Any]],
    *,
    unique: Sequence[str],
    returning: InstrumentedAttribute[Any],
) -> list[Any]:
    """Insert rows whose `unique` columns are new; returns `returning` of those inserted."""
    return [
        value
        for (value,) in await insert_new_keys(
            session, table, rows, unique=unique, returning=[returning]
        )
    ]


async def insert_new_keys(
    session: AsyncSession,
    table: Any,
    rows: Sequence[dict[str, Any]],
    *,
    unique: Sequence[str],
    returning: Sequence[InstrumentedAttribute[Any]],
) -> list[tuple[Any, ...]]:
    """Like `insert_new`, for a key of several columns."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    new: list[tuple[Any, ...]] = []
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        statement = (
            insert(table)
            .values(list(rows[start : start + _ROWS_A_STATEMENT]))
            .on_conflict_do_nothing(index_elements=list(unique))
            .returning(*returning)
        )
        new += [tuple(row) for row in await session.execute(statement)]
    return new
