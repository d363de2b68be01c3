"""Channels, greetings, notices and enrolments"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.columns import BigId, Json, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "channel",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("config_id", sa.String(length=128), nullable=True),
        sa.Column("qr_code", sa.String(length=1024), nullable=False),
        sa.Column("guides", Json, nullable=False),
        sa.Column("backups", Json, nullable=False),
        sa.Column("shifts", Json, nullable=False),
        sa.Column("daily_cap", sa.Integer(), nullable=True),
        sa.Column("caps", Json, nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("remark", sa.String(length=30), nullable=False),
        sa.Column("skip_verify", sa.Boolean(), nullable=False),
        sa.Column("greeting", Json, nullable=False),
        sa.Column("journey", sa.String(length=64), nullable=True),
        sa.Column("on_duty", Json, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("look_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("config_id"),
        sa.UniqueConstraint("state"),
    )
    with op.batch_alter_table("channel", schema=None) as batch_op:
        batch_op.create_index("ix_channel_look", ["status", "look_at"], unique=False)

    op.create_table(
        "guide_notice",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("userid", sa.String(length=64), nullable=False),
        sa.Column("external_userid", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("errcode", sa.Integer(), nullable=True),
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("lane", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("leased_until", UtcDateTime(), nullable=True),
        sa.Column("leased_by", sa.String(length=120), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("guide_notice", schema=None) as batch_op:
        batch_op.create_index(
            "ix_guide_notice_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.create_index(
            batch_op.f("ix_guide_notice_external_userid"), ["external_userid"], unique=False
        )
        batch_op.create_index(
            "ix_guide_notice_lane",
            ["lane", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.create_index("ix_guide_notice_state", ["state", "finished_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_guide_notice_userid"), ["userid"], unique=False)

    op.create_table(
        "enrolment",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("journey", sa.String(length=64), nullable=False),
        sa.Column("external_userid", sa.String(length=64), nullable=False),
        sa.Column("userid", sa.String(length=64), nullable=False),
        sa.Column("channel_id", BigId, nullable=True),
        sa.Column("enrolled_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["channel_id"],
            ["channel.id"],
        ),
        sa.ForeignKeyConstraint(
            ["external_userid"],
            ["customer.external_userid"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("journey", "external_userid"),
    )
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_enrolment_external_userid"), ["external_userid"], unique=False
        )

    op.create_table(
        "greeting",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("userid", sa.String(length=64), nullable=False),
        sa.Column("external_userid", sa.String(length=64), nullable=False),
        sa.Column("change_type", sa.String(length=32), nullable=False),
        sa.Column("channel_state", sa.String(length=64), nullable=False),
        sa.Column("channel_id", BigId, nullable=True),
        sa.Column("welcome_code", sa.String(length=256), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("relation", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("attachments", Json, nullable=False),
        sa.Column("called_at", UtcDateTime(), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("errcode", sa.Integer(), nullable=True),
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("lane", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("leased_until", UtcDateTime(), nullable=True),
        sa.Column("leased_by", sa.String(length=120), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["channel_id"],
            ["channel.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("greeting", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_greeting_channel_id"), ["channel_id"], unique=False)
        batch_op.create_index(
            "ix_greeting_day", ["channel_id", "added_at", "userid"], unique=False
        )
        batch_op.create_index(
            "ix_greeting_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.create_index(
            batch_op.f("ix_greeting_external_userid"), ["external_userid"], unique=False
        )
        batch_op.create_index(
            "ix_greeting_lane",
            ["lane", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.create_index("ix_greeting_state", ["state", "finished_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_greeting_userid"), ["userid"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("greeting", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_greeting_userid"))
        batch_op.drop_index("ix_greeting_state")
        batch_op.drop_index(
            "ix_greeting_lane",
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.drop_index(batch_op.f("ix_greeting_external_userid"))
        batch_op.drop_index(
            "ix_greeting_due",
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.drop_index("ix_greeting_day")
        batch_op.drop_index(batch_op.f("ix_greeting_channel_id"))

    op.drop_table("greeting")
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_enrolment_external_userid"))

    op.drop_table("enrolment")
    with op.batch_alter_table("guide_notice", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_guide_notice_userid"))
        batch_op.drop_index("ix_guide_notice_state")
        batch_op.drop_index(
            "ix_guide_notice_lane",
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.drop_index(batch_op.f("ix_guide_notice_external_userid"))
        batch_op.drop_index(
            "ix_guide_notice_due",
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )

    op.drop_table("guide_notice")
    with op.batch_alter_table("channel", schema=None) as batch_op:
        batch_op.drop_index("ix_channel_look")

    op.drop_table("channel")
