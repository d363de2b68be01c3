"""Insert what is new and leave or change what is there, on either database."""

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
    if not rows:
        return []
    statement = (
        _insert(session, table)
        .on_conflict_do_nothing(index_elements=list(unique))
        .returning(*returning)
    )
    found = await session.execute(statement, list(rows), execution_options=_OPTIONS)
    return [tuple(row) for row in found]


async def put(
    session: AsyncSession,
    table: Any,
    rows: Sequence[dict[str, Any]],
    *,
    unique: Sequence[str],
    change: Sequence[str],
) -> None:
    """Insert rows; of those whose `unique` columns are there already, `change` these columns."""
    if not rows:
        return
    statement = _insert(session, table)
    changed = {name: statement.excluded[name] for name in change}
    await session.execute(
        statement.on_conflict_do_update(index_elements=list(unique), set_=changed), list(rows)
    )


def _insert(session: AsyncSession, table: Any) -> Any:
    dialect = session.get_bind().dialect.name
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
