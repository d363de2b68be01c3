"""Customer segments that operators saved by name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.columns import BigId
from bot.store.tables import Base


class CustomerSegment(Base):
    """A rule under its name; who matches is asked of the database each time.

    New friends who match hear `greeting`; of several that match, the lowest `greeting_place`.
    """

    __tablename__ = "segment"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    rule: Mapped[dict[str, Any]]
    made_by: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    greeting: Mapped[dict[str, Any] | None]
    greeting_place: Mapped[int | None]
