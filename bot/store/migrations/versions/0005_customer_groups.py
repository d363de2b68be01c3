"""Customer groups, their members, greetings, digests and codes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.columns import BigId, Json, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customer_group",
        sa.Column("chat_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("admins", Json, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("known_since", UtcDateTime(), nullable=False),
        sa.Column("member_version", sa.String(length=64), nullable=False),
        sa.Column("past_versions", Json, nullable=False),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.Column("last_join_at", UtcDateTime(), nullable=True),
        sa.Column("last_message_at", UtcDateTime(), nullable=True),
        sa.Column("purpose", sa.String(length=200), nullable=False),
        sa.Column("segment", sa.String(length=32), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("picked_template", sa.String(length=128), nullable=False),
        sa.Column("picked_at", UtcDateTime(), nullable=True),
        sa.Column("picked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_template", sa.String(length=128), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=True),
        sa.Column("sweep", BigId, nullable=True),
        sa.PrimaryKeyConstraint("chat_id"),
    )
    with op.batch_alter_table("customer_group", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_group_owner"), ["owner"], unique=False)
        batch_op.create_index("ix_customer_group_state", ["state", "segment"], unique=False)
        batch_op.create_index(batch_op.f("ix_customer_group_sweep"), ["sweep"], unique=False)

    op.create_table(
        "group_code",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("config_id", sa.String(length=128), nullable=True),
        sa.Column("qr_code", sa.String(length=1024), nullable=False),
        sa.Column("chat_ids", Json, nullable=False),
        sa.Column("spares", Json, nullable=False),
        sa.Column("filled", Json, nullable=False),
        sa.Column("base_name", sa.String(length=40), nullable=False),
        sa.Column("base_id", sa.Integer(), nullable=False),
        sa.Column("auto_create", sa.Boolean(), nullable=False),
        sa.Column("best_size", sa.Integer(), nullable=False),
        sa.Column("remark", sa.String(length=30), nullable=False),
        sa.Column("segment", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=200), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("look_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("config_id"),
        sa.UniqueConstraint("state"),
    )
    with op.batch_alter_table("group_code", schema=None) as batch_op:
        batch_op.create_index("ix_group_code_look", ["status", "look_at"], unique=False)

    op.create_table(
        "group_read",
        sa.Column("chat_id", sa.String(length=64), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("ripe_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("chat_id"),
    )
    with op.batch_alter_table("group_read", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_group_read_due_at"), ["due_at"], unique=False)

    op.create_table(
        "group_sweep",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("batches", Json, nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("counts", Json, nullable=False),
        sa.Column("refused", Json, nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "group_template",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("segment", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("attachment", Json, nullable=False),
        sa.Column("notify", sa.Boolean(), nullable=False),
        sa.Column("kf_link", sa.String(length=512), nullable=False),
        sa.Column("template_id", sa.String(length=128), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("template_id"),
    )
    with op.batch_alter_table("group_template", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_group_template_segment"), ["segment"], unique=False)

    op.create_table(
        "group_digest",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("chat_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("joined", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["chat_id"],
            ["customer_group.chat_id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("group_digest", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_group_digest_due_at"), ["due_at"], unique=False)
        batch_op.create_index(
            "ix_group_digest_open",
            ["chat_id"],
            unique=True,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )

    op.create_table(
        "group_tag",
        sa.Column("name", sa.String(length=30), nullable=False),
        sa.Column("chat_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["customer_group.chat_id"]),
        sa.PrimaryKeyConstraint("name", "chat_id"),
    )
    with op.batch_alter_table("group_tag", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_group_tag_chat_id"), ["chat_id"], unique=False)

    op.create_table(
        "group_member",
        sa.Column("chat_id", sa.String(length=64), nullable=False),
        sa.Column("userid", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("nickname", sa.String(length=128), nullable=False),
        sa.Column("unionid", sa.String(length=64), nullable=True),
        sa.Column("joined_at", UtcDateTime(), nullable=False),
        sa.Column("scene", sa.Integer(), nullable=False),
        sa.Column("invitor", sa.String(length=64), nullable=False),
        sa.Column("channel_state", sa.String(length=64), nullable=False),
        sa.Column("left_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["chat_id"],
            ["customer_group.chat_id"],
        ),
        sa.PrimaryKeyConstraint("chat_id", "userid"),
    )
    with op.batch_alter_table("group_member", schema=None) as batch_op:
        batch_op.create_index("ix_group_member_userid", ["userid", "left_at"], unique=False)

    op.create_table(
        "group_move",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("chat_id", sa.String(length=64), nullable=False),
        sa.Column("userid", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("scene", sa.Integer(), nullable=True),
        sa.Column("invitor", sa.String(length=64), nullable=False),
        sa.Column("of_customer", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("digest_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(
            ["chat_id"],
            ["customer_group.chat_id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("chat_id", "userid", "kind", "at"),
    )
    with op.batch_alter_table("group_move", schema=None) as batch_op:
        batch_op.create_index("ix_group_move_day", ["day", "chat_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_group_move_userid"), ["userid"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("group_move", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_group_move_userid"))
        batch_op.drop_index("ix_group_move_day")

    op.drop_table("group_move")
    with op.batch_alter_table("group_member", schema=None) as batch_op:
        batch_op.drop_index("ix_group_member_userid")

    op.drop_table("group_member")
    with op.batch_alter_table("group_tag", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_group_tag_chat_id"))

    op.drop_table("group_tag")
    with op.batch_alter_table("group_digest", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_group_digest_open",
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )
        batch_op.drop_index(batch_op.f("ix_group_digest_due_at"))

    op.drop_table("group_digest")
    with op.batch_alter_table("group_template", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_group_template_segment"))

    op.drop_table("group_template")
    op.drop_table("group_sweep")
    with op.batch_alter_table("group_read", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_group_read_due_at"))

    op.drop_table("group_read")
    with op.batch_alter_table("group_code", schema=None) as batch_op:
        batch_op.drop_index("ix_group_code_look")

    op.drop_table("group_code")
    with op.batch_alter_table("customer_group", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_customer_group_sweep"))
        batch_op.drop_index("ix_customer_group_state")
        batch_op.drop_index(batch_op.f("ix_customer_group_owner"))

    op.drop_table("customer_group")
