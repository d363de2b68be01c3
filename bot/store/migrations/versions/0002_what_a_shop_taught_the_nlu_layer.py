"""What a shop taught the NLU layer"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.columns import BigId, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "nlu_example",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("intent", sa.String(length=64), nullable=False),
        sa.Column("added_by", sa.String(length=64), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("nlu_example", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_nlu_example_intent"), ["intent"], unique=False)

    op.create_table(
        "nlu_review",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("suggestion_id", BigId, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("guess", sa.String(length=64), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("proposed", sa.String(length=64), nullable=True),
        sa.Column("because", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["suggestion_id"],
            ["suggestion.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("suggestion_id"),
    )
    with op.batch_alter_table("nlu_review", schema=None) as batch_op:
        batch_op.create_index("ix_nlu_review_status", ["status", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("nlu_review", schema=None) as batch_op:
        batch_op.drop_index("ix_nlu_review_status")

    op.drop_table("nlu_review")
    with op.batch_alter_table("nlu_example", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_nlu_example_intent"))

    op.drop_table("nlu_example")
