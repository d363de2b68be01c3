"""What a shop taught the NLU layer, and what waits to be looked at."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.columns import BigId
from bot.store.tables import Base


class NluExample(Base):
    """One utterance with its intent, used by the next training."""

    __tablename__ = "nlu_example"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    text: Mapped[str] = mapped_column(Text)
    intent: Mapped[str] = mapped_column(String(64), index=True)
    added_by: Mapped[str] = mapped_column(String(64))
    added_at: Mapped[datetime]


class NluReview(Base):
    """A burst that the layer was unsure of, or that a guide understood otherwise."""

    __tablename__ = "nlu_review"
    __table_args__ = (Index("ix_nlu_review_status", "status", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    suggestion_id: Mapped[int] = mapped_column(ForeignKey("suggestion.id"), unique=True)
    text: Mapped[str] = mapped_column(Text)
    guess: Mapped[str] = mapped_column(String(64))
    confidence: Mapped[float]
    proposed: Mapped[str | None] = mapped_column(String(64))
    because: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(64))
