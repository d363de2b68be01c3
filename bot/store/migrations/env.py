"""Alembic's entry: runs on the connection that `bot.store.migrate` hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from bot.store import (  # noqa: F401  (they register their tables)
    channel_tables,
    contact_tables,
    group_tables,
    nlu_tables,
    outreach_tables,
    segment_tables,
)
from bot.store.columns import BigId, Json, UtcDateTime
from bot.store.tables import Base


def _render(kind: str, item: Any, autogen: Any) -> str | Literal[False]:
    """Write our column types by their names, so that a migration reads like the tables."""
    names = {id(BigId): "BigId", id(Json): "Json"}
    name = "UtcDateTime()" if isinstance(item, UtcDateTime) else names.get(id(item))
    if kind != "type" or name is None:
        return False
    autogen.imports.add(f"from bot.store.columns import {name.removesuffix('()')}")
    return name


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
