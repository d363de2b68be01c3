"""Pauses, edited greetings and transfers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.columns import BigId, Json, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shop_greeting",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("words", Json, nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "transfer",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("external_userid", sa.String(length=64), nullable=False),
        sa.Column("handover", sa.String(length=64), nullable=False),
        sa.Column("takeover", sa.String(length=64), nullable=False),
        sa.Column("resigned", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("message", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("errcode", sa.Integer(), nullable=True),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("look_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["external_userid"],
            ["customer.external_userid"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("transfer", schema=None) as batch_op:
        batch_op.create_index("ix_transfer_customer", ["external_userid", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_transfer_look_at"), ["look_at"], unique=False)

    with op.batch_alter_table("channel", schema=None) as batch_op:
        batch_op.add_column(sa.Column("paused_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("paused_by", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("pause_reason", sa.String(length=200), nullable=True))

    with op.batch_alter_table("guide", schema=None) as batch_op:
        batch_op.add_column(sa.Column("name_asked_at", UtcDateTime(), nullable=True))

    with op.batch_alter_table("segment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("greeting", Json, nullable=True))
        batch_op.add_column(sa.Column("greeting_place", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("segment", schema=None) as batch_op:
        batch_op.drop_column("greeting_place")
        batch_op.drop_column("greeting")

    with op.batch_alter_table("guide", schema=None) as batch_op:
        batch_op.drop_column("name_asked_at")

    with op.batch_alter_table("channel", schema=None) as batch_op:
        batch_op.drop_column("pause_reason")
        batch_op.drop_column("paused_by")
        batch_op.drop_column("paused_at")

    with op.batch_alter_table("transfer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_transfer_look_at"))
        batch_op.drop_index("ix_transfer_customer")

    op.drop_table("transfer")
    op.drop_table("shop_greeting")
