"""The tables, one class each; `Work` is what workers claim."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from bot.store.columns import BigId, Json, UtcDateTime


class WorkState(StrEnum):
    """Where a piece of work stands: to do, done, refused by WeCom, or given up on."""

    READY = "ready"
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"


class SuggestionStatus(StrEnum):
    """`superseded`: the customer was answered some other way in the meantime."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"


class Base(DeclarativeBase):
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy reads it as a class attribute)
        datetime: UtcDateTime,
        dict[str, Any]: Json,
        list[Any]: Json,
    }


class Work:
    """A row that some worker must handle once, in order within its lane."""

    __tablename__: str

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    lane: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16), default=WorkState.READY)
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None]
    leased_by: Mapped[str | None] = mapped_column(String(120))
    error: Mapped[str | None] = mapped_column(Text)
    finished_at: Mapped[datetime | None]

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        ready = text("state = 'ready'")
        name = cls.__tablename__
        return (
            Index(f"ix_{name}_due", "state", "due_at", sqlite_where=ready, postgresql_where=ready),
            Index(f"ix_{name}_lane", "lane", "id", sqlite_where=ready, postgresql_where=ready),
            Index(f"ix_{name}_state", "state", "finished_at"),
        )


class InboxEvent(Work, Base):
    """One callback from WeCom, kept as it came."""

    __tablename__ = "inbox_event"

    dedupe_key: Mapped[str] = mapped_column(String(64), unique=True)
    event: Mapped[str] = mapped_column(String(64))
    change_type: Mapped[str] = mapped_column(String(64), default="")
    fields: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]


class ReadWish:
    """A row that asks for something to be read from WeCom; `wanted` grows with each wish."""

    wanted: Mapped[int] = mapped_column(default=1)
    due_at: Mapped[datetime] = mapped_column(index=True)
    attempts: Mapped[int] = mapped_column(default=0)


class KfAccount(Base):
    """One WeChat customer-service account and how far its messages were pulled.

    A pull is due while `wanted` is ahead of `served`.
    """

    __tablename__ = "kf_account"

    open_kfid: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), default="")
    cursor: Mapped[str] = mapped_column(String(128), default="")
    push_token: Mapped[str | None] = mapped_column(String(256))
    push_token_at: Mapped[datetime | None]
    wanted: Mapped[int] = mapped_column(default=0)
    served: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None]
    leased_by: Mapped[str | None] = mapped_column(String(120))
    error: Mapped[str | None] = mapped_column(Text)
    pulled_at: Mapped[datetime | None]


class Customer(Base):
    """A WeChat user who wrote to a kf account or added a guide."""

    __tablename__ = "customer"

    external_userid: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(128), default="")
    avatar: Mapped[str] = mapped_column(String(512), default="")
    gender: Mapped[int] = mapped_column(default=0)
    unionid: Mapped[str | None] = mapped_column(String(64), index=True)
    stage: Mapped[str] = mapped_column(String(32), index=True)
    stage_since: Mapped[datetime]
    tags: Mapped[list[Any]] = mapped_column(default=list)
    channel: Mapped[str | None] = mapped_column(String(64))
    opted_out_at: Mapped[datetime | None]
    first_seen_at: Mapped[datetime]
    profile_due_at: Mapped[datetime | None]


class StageMove(Base):
    """Why a customer's funnel stage changed, and when."""

    __tablename__ = "stage_move"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    external_userid: Mapped[str] = mapped_column(
        ForeignKey("customer.external_userid"), index=True
    )
    from_stage: Mapped[str | None] = mapped_column(String(32))
    to_stage: Mapped[str] = mapped_column(String(32))
    cause: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime]


class Conversation(Base):
    """A kf account (or, later, a guide) talking with one customer."""

    __tablename__ = "conversation"
    __table_args__ = (
        UniqueConstraint("kind", "peer", "external_userid"),
        Index("ix_conversation_customer", "external_userid", "kind"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(16))
    peer: Mapped[str] = mapped_column(String(64))
    external_userid: Mapped[str] = mapped_column(ForeignKey("customer.external_userid"))
    held_since: Mapped[datetime | None]
    held_because: Mapped[str | None] = mapped_column(String(200))
    last_inbound_at: Mapped[datetime | None]
    session_note: Mapped[str | None] = mapped_column(String(200))


class Message(Base):
    """One message or event of a conversation as the platform reported it."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("source", "msgid"),
        Index("ix_message_conversation", "conversation_id", "sent_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    source: Mapped[str] = mapped_column(String(64))
    msgid: Mapped[str] = mapped_column(String(128))
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversation.id"))
    burst_id: Mapped[int | None] = mapped_column(ForeignKey("burst.id"), index=True)
    origin: Mapped[int]
    msgtype: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(Text, default="")
    payload: Mapped[dict[str, Any]]
    sent_at: Mapped[datetime]
    received_at: Mapped[datetime]


class Burst(Work, Base):
    """A customer's messages within a few seconds, understood together."""

    __tablename__ = "burst"

    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"), index=True)
    opened_at: Mapped[datetime]
    last_sent_at: Mapped[datetime]


class Suggestion(Base):
    """Ranked scripts for one burst, waiting for a decision."""

    __tablename__ = "suggestion"
    __table_args__ = (
        Index("ix_suggestion_status", "status", "id"),
        Index("ix_suggestion_conversation", "conversation_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    burst_id: Mapped[int] = mapped_column(ForeignKey("burst.id"), unique=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"))
    external_userid: Mapped[str] = mapped_column(
        ForeignKey("customer.external_userid"), index=True
    )
    status: Mapped[str] = mapped_column(String(16), default=SuggestionStatus.PENDING)
    text: Mapped[str] = mapped_column(Text)
    said_at: Mapped[datetime]
    stage: Mapped[str] = mapped_column(String(32))
    understanding: Mapped[dict[str, Any]]
    choices: Mapped[list[Any]]
    policy: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(Text)
    script_id: Mapped[str | None] = mapped_column(String(120))
    sent_text: Mapped[str | None] = mapped_column(Text)


class Outbound(Work, Base):
    """One send; `msgid` makes repeating the call harmless."""

    __tablename__ = "outbound"

    msgid: Mapped[str] = mapped_column(String(32), unique=True)
    suggestion_id: Mapped[int | None] = mapped_column(ForeignKey("suggestion.id"), index=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"), index=True)
    payload: Mapped[dict[str, Any]]
    text: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    errcode: Mapped[int | None]


class ScriptVersion(Base):
    """One imported version of a script; the active one is offered."""

    __tablename__ = "script_version"

    script_id: Mapped[str] = mapped_column(String(120), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]]
    active: Mapped[bool] = mapped_column(index=True)
    imported_at: Mapped[datetime]


class ScriptUse(Base):
    """What became of one script in one suggestion; the chooser learns from it."""

    __tablename__ = "script_use"
    __table_args__ = (Index("ix_script_use_customer", "external_userid", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    script_id: Mapped[str] = mapped_column(String(120), index=True)
    suggestion_id: Mapped[int] = mapped_column(ForeignKey("suggestion.id"), index=True)
    external_userid: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(16))
    edited: Mapped[bool] = mapped_column(default=False)
    replied: Mapped[bool] = mapped_column(default=False)
    advanced: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime]


class SharedSecret(Base):
    """A platform token or ticket that replicas share until it expires."""

    __tablename__ = "shared_secret"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime]


class MediaUpload(Base):
    """A file that WeCom holds for three days under a `media_id`."""

    __tablename__ = "media_upload"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    media_id: Mapped[str] = mapped_column(String(256))
    expires_at: Mapped[datetime]


class ConsoleRole(StrEnum):
    """`operator` may do everything; `guide` talks to customers."""

    OPERATOR = "operator"
    GUIDE = "guide"


class ConsoleUser(Base):
    """Somebody who may open the console, until `disabled_at`."""

    __tablename__ = "console_user"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(
        String(16), default=ConsoleRole.OPERATOR, server_default=ConsoleRole.OPERATOR
    )
    created_at: Mapped[datetime]
    signed_in_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]


class ConsoleSession(Base):
    """A signed-in browser; only a digest of its cookie is kept."""

    __tablename__ = "console_session"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("console_user.name", ondelete="CASCADE"))
    csrf: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ConsoleThrottle(Base):
    """Failed sign-ins by a digest of the user's name or of the address."""

    __tablename__ = "console_throttle"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(index=True)
