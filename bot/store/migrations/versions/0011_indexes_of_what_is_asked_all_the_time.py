"""Indexes of what is asked all the time"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_WORK = (
    "burst",
    "greeting",
    "guide_notice",
    "inbox_event",
    "outbound",
    "outreach_task",
    "tag_job",
)
_PARTIAL = (
    ("ix_customer_profile_due", "customer", "profile_due_at", "profile_due_at IS NOT NULL"),
    ("ix_touch_sending", "touch", "id", "status = 'sending'"),
)


def upgrade() -> None:
    _due(["state", "due_at"])
    op.drop_index("ix_follow_customer", table_name="follow")
    op.create_index("ix_follow_customer", "follow", ["external_userid", "state"])
    op.create_index("ix_follow_guide", "follow", ["userid", "state"])
    op.create_index("ix_outreach_task_phase", "outreach_task", ["phase"])
    op.drop_index("ix_conversation_external_userid", table_name="conversation")
    op.create_index("ix_conversation_customer", "conversation", ["external_userid", "kind"])
    _touch_due(["audience", "look_at", "id"])
    op.drop_index("ix_touch_step", table_name="touch")
    op.create_index("ix_touch_journey", "touch", ["journey", "due_at", "id"])
    for name, table, column, rows in _PARTIAL:
        op.create_index(
            name, table, [column], sqlite_where=sa.text(rows), postgresql_where=sa.text(rows)
        )


def downgrade() -> None:
    for name, table, *_ in _PARTIAL:
        op.drop_index(name, table_name=table)
    op.drop_index("ix_touch_journey", table_name="touch")
    op.create_index("ix_touch_step", "touch", ["journey", "step", "status"])
    _touch_due(["look_at", "id"])
    op.drop_index("ix_conversation_customer", table_name="conversation")
    op.create_index("ix_conversation_external_userid", "conversation", ["external_userid"])
    op.drop_index("ix_outreach_task_phase", table_name="outreach_task")
    op.drop_index("ix_follow_guide", table_name="follow")
    op.drop_index("ix_follow_customer", table_name="follow")
    op.create_index("ix_follow_customer", "follow", ["external_userid"])
    _due(["due_at"])


def _due(columns: list[str]) -> None:
    ready = sa.text("state = 'ready'")
    for table in _WORK:
        name = f"ix_{table}_due"
        op.drop_index(name, table_name=table)
        op.create_index(name, table, columns, sqlite_where=ready, postgresql_where=ready)


def _touch_due(columns: list[str]) -> None:
    still_open = sa.text("status IN ('planned', 'moved', 'sending')")
    op.drop_index("ix_touch_due", table_name="touch")
    op.create_index(
        "ix_touch_due", "touch", columns, sqlite_where=still_open, postgresql_where=still_open
    )
