"""The tables of the main path"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.columns import BigId, Json, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "console_user",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "customer",
        sa.Column("external_userid", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("avatar", sa.String(length=512), nullable=False),
        sa.Column("gender", sa.Integer(), nullable=False),
        sa.Column("unionid", sa.String(length=64), nullable=True),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("stage_since", UtcDateTime(), nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=True),
        sa.Column("opted_out_at", UtcDateTime(), nullable=True),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.Column("profile_due_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("external_userid"),
    )
    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_stage"), ["stage"], unique=False)
        batch_op.create_index(batch_op.f("ix_customer_unionid"), ["unionid"], unique=False)

    op.create_table(
        "inbox_event",
        sa.Column("dedupe_key", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("change_type", sa.String(length=64), nullable=False),
        sa.Column("fields", Json, nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
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
        sa.UniqueConstraint("dedupe_key"),
    )
    with op.batch_alter_table("inbox_event", schema=None) as batch_op:
        batch_op.create_index(
            "ix_inbox_event_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.create_index(
            "ix_inbox_event_lane",
            ["lane", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.create_index("ix_inbox_event_state", ["state", "finished_at"], unique=False)

    op.create_table(
        "kf_account",
        sa.Column("open_kfid", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("cursor", sa.String(length=128), nullable=False),
        sa.Column("push_token", sa.String(length=256), nullable=True),
        sa.Column("push_token_at", UtcDateTime(), nullable=True),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("served", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("leased_until", UtcDateTime(), nullable=True),
        sa.Column("leased_by", sa.String(length=120), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("pulled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("open_kfid"),
    )
    op.create_table(
        "media_upload",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("media_id", sa.String(length=256), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "kind"),
    )
    op.create_table(
        "script_version",
        sa.Column("script_id", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("imported_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("script_id", "version"),
    )
    with op.batch_alter_table("script_version", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_script_version_active"), ["active"], unique=False)

    op.create_table(
        "shared_secret",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "console_session",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["console_user.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest"),
    )
    with op.batch_alter_table("console_session", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_console_session_expires_at"), ["expires_at"], unique=False
        )

    op.create_table(
        "conversation",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("peer", sa.String(length=64), nullable=False),
        sa.Column("external_userid", sa.String(length=64), nullable=False),
        sa.Column("held_since", UtcDateTime(), nullable=True),
        sa.Column("held_because", sa.String(length=200), nullable=True),
        sa.Column("last_inbound_at", UtcDateTime(), nullable=True),
        sa.Column("session_note", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["external_userid"],
            ["customer.external_userid"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "peer", "external_userid"),
    )
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_conversation_external_userid"), ["external_userid"], unique=False
        )

    op.create_table(
        "stage_move",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("external_userid", sa.String(length=64), nullable=False),
        sa.Column("from_stage", sa.String(length=32), nullable=True),
        sa.Column("to_stage", sa.String(length=32), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["external_userid"],
            ["customer.external_userid"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("stage_move", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_stage_move_external_userid"), ["external_userid"], unique=False
        )

    op.create_table(
        "burst",
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("last_sent_at", UtcDateTime(), nullable=False),
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
            ["conversation_id"],
            ["conversation.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("burst", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_burst_conversation_id"), ["conversation_id"], unique=False
        )
        batch_op.create_index(
            "ix_burst_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.create_index(
            "ix_burst_lane",
            ["lane", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.create_index("ix_burst_state", ["state", "finished_at"], unique=False)

    op.create_table(
        "message",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("msgid", sa.String(length=128), nullable=False),
        sa.Column("conversation_id", BigId, nullable=True),
        sa.Column("burst_id", BigId, nullable=True),
        sa.Column("origin", sa.Integer(), nullable=False),
        sa.Column("msgtype", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["burst_id"],
            ["burst.id"],
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "msgid"),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_burst_id"), ["burst_id"], unique=False)
        batch_op.create_index(
            "ix_message_conversation", ["conversation_id", "sent_at"], unique=False
        )

    op.create_table(
        "suggestion",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("burst_id", BigId, nullable=False),
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("external_userid", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("said_at", UtcDateTime(), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("understanding", Json, nullable=False),
        sa.Column("choices", Json, nullable=False),
        sa.Column("policy", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("script_id", sa.String(length=120), nullable=True),
        sa.Column("sent_text", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["burst_id"],
            ["burst.id"],
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["external_userid"],
            ["customer.external_userid"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("burst_id"),
    )
    with op.batch_alter_table("suggestion", schema=None) as batch_op:
        batch_op.create_index(
            "ix_suggestion_conversation", ["conversation_id", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_suggestion_external_userid"), ["external_userid"], unique=False
        )
        batch_op.create_index("ix_suggestion_status", ["status", "id"], unique=False)

    op.create_table(
        "outbound",
        sa.Column("msgid", sa.String(length=32), nullable=False),
        sa.Column("suggestion_id", BigId, nullable=True),
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("payload", Json, nullable=False),
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
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["suggestion_id"],
            ["suggestion.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("msgid"),
    )
    with op.batch_alter_table("outbound", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_outbound_conversation_id"), ["conversation_id"], unique=False
        )
        batch_op.create_index(
            "ix_outbound_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.create_index(
            "ix_outbound_lane",
            ["lane", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.create_index("ix_outbound_state", ["state", "finished_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_outbound_suggestion_id"), ["suggestion_id"], unique=False
        )

    op.create_table(
        "script_use",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("script_id", sa.String(length=120), nullable=False),
        sa.Column("suggestion_id", BigId, nullable=False),
        sa.Column("external_userid", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("edited", sa.Boolean(), nullable=False),
        sa.Column("replied", sa.Boolean(), nullable=False),
        sa.Column("advanced", sa.Boolean(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["suggestion_id"],
            ["suggestion.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("script_use", schema=None) as batch_op:
        batch_op.create_index("ix_script_use_customer", ["external_userid", "at"], unique=False)
        batch_op.create_index(batch_op.f("ix_script_use_script_id"), ["script_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_script_use_suggestion_id"), ["suggestion_id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("script_use", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_script_use_suggestion_id"))
        batch_op.drop_index(batch_op.f("ix_script_use_script_id"))
        batch_op.drop_index("ix_script_use_customer")

    op.drop_table("script_use")
    with op.batch_alter_table("outbound", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbound_suggestion_id"))
        batch_op.drop_index("ix_outbound_state")
        batch_op.drop_index(
            "ix_outbound_lane",
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.drop_index(
            "ix_outbound_due",
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.drop_index(batch_op.f("ix_outbound_conversation_id"))

    op.drop_table("outbound")
    with op.batch_alter_table("suggestion", schema=None) as batch_op:
        batch_op.drop_index("ix_suggestion_status")
        batch_op.drop_index(batch_op.f("ix_suggestion_external_userid"))
        batch_op.drop_index("ix_suggestion_conversation")

    op.drop_table("suggestion")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index("ix_message_conversation")
        batch_op.drop_index(batch_op.f("ix_message_burst_id"))

    op.drop_table("message")
    with op.batch_alter_table("burst", schema=None) as batch_op:
        batch_op.drop_index("ix_burst_state")
        batch_op.drop_index(
            "ix_burst_lane",
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.drop_index(
            "ix_burst_due",
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.drop_index(batch_op.f("ix_burst_conversation_id"))

    op.drop_table("burst")
    with op.batch_alter_table("stage_move", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_stage_move_external_userid"))

    op.drop_table("stage_move")
    with op.batch_alter_table("conversation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_conversation_external_userid"))

    op.drop_table("conversation")
    with op.batch_alter_table("console_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_console_session_expires_at"))

    op.drop_table("console_session")
    op.drop_table("shared_secret")
    with op.batch_alter_table("script_version", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_script_version_active"))

    op.drop_table("script_version")
    op.drop_table("media_upload")
    op.drop_table("kf_account")
    with op.batch_alter_table("inbox_event", schema=None) as batch_op:
        batch_op.drop_index("ix_inbox_event_state")
        batch_op.drop_index(
            "ix_inbox_event_lane",
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.drop_index(
            "ix_inbox_event_due",
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )

    op.drop_table("inbox_event")
    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_customer_unionid"))
        batch_op.drop_index(batch_op.f("ix_customer_stage"))

    op.drop_table("customer")
    op.drop_table("console_user")
