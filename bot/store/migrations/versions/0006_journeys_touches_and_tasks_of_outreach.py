"""Journeys under way, touches, and the tasks that guides confirm"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.columns import BigId, Json, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cohort_member",
        sa.Column("external_userid", sa.String(length=64), nullable=False),
        sa.Column("journey", sa.String(length=64), nullable=False),
        sa.Column("cohort", sa.String(length=160), nullable=False),
        sa.Column("userid", sa.String(length=64), nullable=False),
        sa.Column("tag_job_id", BigId, nullable=True),
        sa.Column("joined_at", UtcDateTime(), nullable=False),
        sa.Column("left_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("external_userid", "journey"),
    )
    with op.batch_alter_table("cohort_member", schema=None) as batch_op:
        batch_op.create_index("ix_cohort_member_cohort", ["cohort"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_cohort_member_tag_job_id"), ["tag_job_id"], unique=False
        )

    op.create_table(
        "cohort_tag",
        sa.Column("cohort", sa.String(length=160), nullable=False),
        sa.Column("journey", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("group_name", sa.String(length=64), nullable=False),
        sa.Column("retired_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("cohort"),
    )
    with op.batch_alter_table("cohort_tag", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cohort_tag_journey"), ["journey"], unique=False)

    op.create_table(
        "journey_walk",
        sa.Column("audience", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=160), nullable=False),
        sa.Column("journey", sa.String(length=64), nullable=False),
        sa.Column("external_userid", sa.String(length=64), nullable=True),
        sa.Column("segment", sa.String(length=64), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("cycle", sa.String(length=32), nullable=False),
        sa.Column("guides", Json, nullable=False),
        sa.Column("signals", Json, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("settled", Json, nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=True),
        sa.Column("deferred_by", sa.String(length=32), nullable=True),
        sa.Column("ended_by", sa.String(length=32), nullable=True),
        sa.Column("next_due", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("audience", "subject", "journey"),
    )
    with op.batch_alter_table("journey_walk", schema=None) as batch_op:
        batch_op.create_index("ix_journey_walk_customer", ["external_userid"], unique=False)
        batch_op.create_index(
            "ix_journey_walk_due",
            ["next_due"],
            unique=False,
            sqlite_where=sa.text("next_due IS NOT NULL"),
            postgresql_where=sa.text("next_due IS NOT NULL"),
        )

    op.create_table(
        "outreach_task",
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("audience", Json, nullable=False),
        sa.Column("sender", sa.String(length=64), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("called_at", UtcDateTime(), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(length=128), nullable=True),
        sa.Column("remote_id", sa.String(length=128), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=True),
        sa.Column("valid_until", UtcDateTime(), nullable=False),
        sa.Column("poll_at", UtcDateTime(), nullable=True),
        sa.Column("reminders", Json, nullable=False),
        sa.Column("guides", Json, nullable=False),
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
        sa.UniqueConstraint("remote_id"),
    )
    with op.batch_alter_table("outreach_task", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outreach_task_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.create_index(
            "ix_outreach_task_lane",
            ["lane", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.create_index("ix_outreach_task_poll", ["poll_at"], unique=False)
        batch_op.create_index("ix_outreach_task_state", ["state", "finished_at"], unique=False)

    op.create_table(
        "touch",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("journey", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("audience", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=160), nullable=False),
        sa.Column("external_userid", sa.String(length=64), nullable=True),
        sa.Column("segment", sa.String(length=64), nullable=False),
        sa.Column("variant", sa.String(length=64), nullable=True),
        sa.Column("guides", Json, nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("way", sa.String(length=24), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("look_at", UtcDateTime(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("rule", sa.String(length=32), nullable=True),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("unwanted", sa.String(length=32), nullable=True),
        sa.Column("task_id", BigId, nullable=True),
        sa.Column("receipt", sa.String(length=64), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["outreach_task.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("touch", schema=None) as batch_op:
        batch_op.create_index(
            "ix_touch_due",
            ["look_at", "id"],
            unique=False,
            sqlite_where=sa.text("status IN ('planned', 'moved', 'sending')"),
            postgresql_where=sa.text("status IN ('planned', 'moved', 'sending')"),
        )
        batch_op.create_index(
            batch_op.f("ix_touch_external_userid"), ["external_userid"], unique=False
        )
        batch_op.create_index("ix_touch_listing", ["due_at", "id"], unique=False)
        batch_op.create_index("ix_touch_step", ["journey", "step", "status"], unique=False)
        batch_op.create_index("ix_touch_subject", ["audience", "subject", "due_at"], unique=False)
        batch_op.create_index("ix_touch_task", ["task_id"], unique=False)

    with op.batch_alter_table("behaviour_event", schema=None) as batch_op:
        batch_op.create_index("ix_behaviour_event_applied", ["applied_at", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("behaviour_event", schema=None) as batch_op:
        batch_op.drop_index("ix_behaviour_event_applied")

    with op.batch_alter_table("touch", schema=None) as batch_op:
        batch_op.drop_index("ix_touch_task")
        batch_op.drop_index("ix_touch_subject")
        batch_op.drop_index("ix_touch_step")
        batch_op.drop_index("ix_touch_listing")
        batch_op.drop_index(batch_op.f("ix_touch_external_userid"))
        batch_op.drop_index(
            "ix_touch_due",
            sqlite_where=sa.text("status IN ('planned', 'moved', 'sending')"),
            postgresql_where=sa.text("status IN ('planned', 'moved', 'sending')"),
        )

    op.drop_table("touch")
    with op.batch_alter_table("outreach_task", schema=None) as batch_op:
        batch_op.drop_index("ix_outreach_task_state")
        batch_op.drop_index("ix_outreach_task_poll")
        batch_op.drop_index(
            "ix_outreach_task_lane",
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )
        batch_op.drop_index(
            "ix_outreach_task_due",
            sqlite_where=sa.text("state = 'ready'"),
            postgresql_where=sa.text("state = 'ready'"),
        )

    op.drop_table("outreach_task")
    with op.batch_alter_table("journey_walk", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_journey_walk_due",
            sqlite_where=sa.text("next_due IS NOT NULL"),
            postgresql_where=sa.text("next_due IS NOT NULL"),
        )
        batch_op.drop_index("ix_journey_walk_customer")

    op.drop_table("journey_walk")
    with op.batch_alter_table("cohort_tag", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cohort_tag_journey"))

    op.drop_table("cohort_tag")
    with op.batch_alter_table("cohort_member", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cohort_member_tag_job_id"))
        batch_op.drop_index("ix_cohort_member_cohort")

    op.drop_table("cohort_member")
