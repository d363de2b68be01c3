"""Today's cards are found among all of the day's touches"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_touch_way", "touch", ["way", "due_at"])


def downgrade() -> None:
    op.drop_index("ix_touch_way", table_name="touch")
