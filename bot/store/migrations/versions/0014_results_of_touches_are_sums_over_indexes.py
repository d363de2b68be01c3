"""Results of touches are sums over indexes; a sample of who is under way is read by one"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from alembic import op

from bot.store.columns import Json, UtcDateTime

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None

_RUNNING = sa.text("next_due IS NOT NULL")
_PAGE = 500
_TOUCH = sa.table(
    "touch",
    sa.column("id", sa.String),
    sa.column("journey", sa.String),
    sa.column("step", sa.String),
    sa.column("variant", sa.String),
    sa.column("external_userid", sa.String),
    sa.column("due_at", UtcDateTime()),
    sa.column("outcome", Json),
)


def upgrade() -> None:
    echo = op.create_table(
        "touch_echo",
        sa.Column("touch_id", sa.String(length=32), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("by", sa.String(length=32), nullable=False),
        sa.Column("journey", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("variant", sa.String(length=64), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("touch_id", "what", "by"),
    )
    op.create_index(
        "ix_touch_echo_journey",
        "touch_echo",
        ["journey", "step", "variant", "what", "due_at", "count"],
    )
    op.create_index(
        "ix_journey_walk_running",
        "journey_walk",
        ["journey", "audience", "subject"],
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    )
    op.create_index(
        "ix_touch_results",
        "touch",
        ["journey", "step", "variant", "kind", "status", "rule", "due_at"],
    )
    _fill(echo)


def _fill(echo: Any) -> None:
    """What came of touches so far stands in their outcomes."""
    last = ""
    while rows := (
        op.get_bind()
        .execute(sa.select(_TOUCH).where(_TOUCH.c.id > last).order_by(_TOUCH.c.id).limit(_PAGE))
        .all()
    ):
        last = rows[-1].id
        if found := [each for row in rows for each in _echoes(row)]:
            op.bulk_insert(echo, found)


def _echoes(row: Any) -> Iterator[dict[str, Any]]:
    kept = {"touch_id": row.id, "journey": row.journey, "step": row.step}
    kept |= {"variant": row.variant, "due_at": row.due_at}
    outcome = row.outcome or {}
    for what in ("reached", "liked", "commented"):
        if outcome.get(what):
            yield kept | {"what": what, "by": "", "count": int(outcome[what])}
    who = blake2b(f"{row.id}\x1f{row.external_userid}".encode(), digest_size=16).hexdigest()
    for what in ("replied", "bought"):
        if what in outcome:
            yield kept | {"what": what, "by": who, "count": 1}


def downgrade() -> None:
    op.drop_index("ix_touch_results", table_name="touch")
    op.drop_index("ix_journey_walk_running", table_name="journey_walk")
    op.drop_table("touch_echo")
