"""Roles and throttling of the console"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.columns import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "console_throttle",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    with op.batch_alter_table("console_throttle", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_console_throttle_last_at"), ["last_at"], unique=False)

    with op.batch_alter_table("console_user", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("role", sa.String(length=16), server_default="operator", nullable=False)
        )
        batch_op.add_column(sa.Column("signed_in_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("disabled_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("console_user", schema=None) as batch_op:
        batch_op.drop_column("disabled_at")
        batch_op.drop_column("signed_in_at")
        batch_op.drop_column("role")

    with op.batch_alter_table("console_throttle", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_console_throttle_last_at"))

    op.drop_table("console_throttle")
