"""Insert what is new and leave what is there, on either database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

_OPTIONS = {"insertmanyvalues_page_size": 500, "render_nulls": True}
"""Were a NULL left out, rows with and without it could not share a statement."""


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
    if not rows:
        return []
    statement = (
        insert(table).on_conflict_do_nothing(index_elements=list(unique)).returning(*returning)
    )
    found = await session.execute(statement, list(rows), execution_options=_OPTIONS)
    return [tuple(row) for row in found]
