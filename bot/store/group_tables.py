"""Tables of the groups' room: groups, members, their comings and goings, greetings, codes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.columns import BigId
from bot.store.tables import Base, ReadWish


class GroupState(StrEnum):
    """`missing`: WeCom no longer shows it to this app; `dismissed` is for ever."""

    ACTIVE = "active"
    MISSING = "missing"
    DISMISSED = "dismissed"


class MoveKind(StrEnum):
    JOINED = "joined"
    LEFT = "left"


class MoveSource(StrEnum):
    """`reading`: found by comparing two readings, so the moment may be a guess."""

    EVENT = "event"
    READING = "reading"


class TemplateStatus(StrEnum):
    """`unsure`: WeCom was asked, its answer was lost, and no API lists what there is."""

    CREATING = "creating"
    ACTIVE = "active"
    UNSURE = "unsure"
    FAILED = "failed"
    DELETED = "deleted"


class CodeStatus(StrEnum):
    CREATING = "creating"
    ACTIVE = "active"
    FAILED = "failed"
    DELETED = "deleted"


class DigestState(StrEnum):
    """`skipped`: whoever joined had left again before it was time."""

    OPEN = "open"
    TOLD = "told"
    SKIPPED = "skipped"


class CustomerGroup(Base):
    """A customer group: what WeCom tells of it, and what the shop means it for.

    `member_version` is WeCom's name for the state of the members that our rows show;
    `past_versions` are older ones, by which late events and stale readings are known.
    `picked_template` is the greeting that the owner said to have chosen in the client.
    """

    __tablename__ = "customer_group"
    __table_args__ = (Index("ix_customer_group_state", "state", "segment"),)

    chat_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(256), default="")
    owner: Mapped[str] = mapped_column(String(64), default="", index=True)
    notice: Mapped[str] = mapped_column(Text, default="")
    admins: Mapped[list[Any]] = mapped_column(default=list)
    status: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(String(16), default=GroupState.ACTIVE)
    made_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    known_since: Mapped[datetime]
    member_version: Mapped[str] = mapped_column(String(64), default="")
    past_versions: Mapped[list[Any]] = mapped_column(default=list)
    members: Mapped[int] = mapped_column(default=0)
    customers: Mapped[int] = mapped_column(default=0)
    last_join_at: Mapped[datetime | None]
    last_message_at: Mapped[datetime | None]
    purpose: Mapped[str] = mapped_column(String(200), default="")
    segment: Mapped[str] = mapped_column(String(32), default="")
    rules: Mapped[str] = mapped_column(Text, default="")
    picked_template: Mapped[str] = mapped_column(String(128), default="")
    picked_at: Mapped[datetime | None]
    picked_by: Mapped[str] = mapped_column(String(64), default="")
    asked_template: Mapped[str] = mapped_column(String(128), default="")
    asked_at: Mapped[datetime | None]
    asked: Mapped[int] = mapped_column(default=0)
    read_at: Mapped[datetime | None]
    sweep: Mapped[int | None] = mapped_column(BigId, index=True)


class GroupTag(Base):
    """A tag of a group, in the shop's own words; WeCom knows none."""

    __tablename__ = "group_tag"

    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    chat_id: Mapped[str] = mapped_column(
        ForeignKey("customer_group.chat_id"), primary_key=True, index=True
    )


class GroupMember(Base):
    """Who is in a group, or was: `kind` is 1 for a colleague and 2 for a customer."""

    __tablename__ = "group_member"
    __table_args__ = (Index("ix_group_member_userid", "userid", "left_at"),)

    chat_id: Mapped[str] = mapped_column(ForeignKey("customer_group.chat_id"), primary_key=True)
    userid: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[int] = mapped_column(default=0)
    name: Mapped[str] = mapped_column(String(128), default="")
    nickname: Mapped[str] = mapped_column(String(128), default="")
    unionid: Mapped[str | None] = mapped_column(String(64))
    joined_at: Mapped[datetime]
    scene: Mapped[int] = mapped_column(default=0)
    invitor: Mapped[str] = mapped_column(String(64), default="")
    channel_state: Mapped[str] = mapped_column(String(64), default="")
    left_at: Mapped[datetime | None]


class GroupMove(Base):
    """One coming or going; `day` is that of the shop, for counting."""

    __tablename__ = "group_move"
    __table_args__ = (
        UniqueConstraint("chat_id", "userid", "kind", "at"),
        Index("ix_group_move_day", "day", "chat_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    chat_id: Mapped[str] = mapped_column(ForeignKey("customer_group.chat_id"))
    userid: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    at: Mapped[datetime]
    day: Mapped[str] = mapped_column(String(10))
    scene: Mapped[int | None]
    invitor: Mapped[str] = mapped_column(String(64), default="")
    of_customer: Mapped[bool] = mapped_column(default=True)
    source: Mapped[str] = mapped_column(String(8))
    digest_id: Mapped[int | None] = mapped_column(BigId)


class GroupRead(ReadWish, Base):
    """A group that must be read (again).

    `ripe_at` is when WeCom surely tells what the last wish was about; what is read before it has
    to be read once more.
    """

    __tablename__ = "group_read"

    chat_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    ripe_at: Mapped[datetime]


class GroupSweep(Base):
    """One reading of all groups, and where it stands: `batches` of owners still to list."""

    __tablename__ = "group_sweep"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    batches: Mapped[list[Any]]
    cursor: Mapped[str] = mapped_column(Text, default="")
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    refused: Mapped[list[Any]] = mapped_column(default=list)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class GroupDigest(Base):
    """Those who join a group from `since` until `due_at`, told to its owner in one notice."""

    __tablename__ = "group_digest"
    __table_args__ = (
        Index(
            "ix_group_digest_open",
            "chat_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    chat_id: Mapped[str] = mapped_column(ForeignKey("customer_group.chat_id"))
    state: Mapped[str] = mapped_column(String(8), default=DigestState.OPEN)
    since: Mapped[datetime]
    due_at: Mapped[datetime] = mapped_column(index=True)
    owner: Mapped[str] = mapped_column(String(64), default="")
    joined: Mapped[int] = mapped_column(default=0)
    text: Mapped[str] = mapped_column(Text, default="")
    settled_at: Mapped[datetime | None]


class GroupTemplate(Base):
    """A greeting of one segment (`group_welcome_template`); owners choose it in the client."""

    __tablename__ = "group_template"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    segment: Mapped[str] = mapped_column(String(32), index=True)
    name: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    attachment: Mapped[dict[str, Any]] = mapped_column(default=dict)
    notify: Mapped[bool] = mapped_column(default=True)
    kf_link: Mapped[str] = mapped_column(String(512), default="")
    template_id: Mapped[str | None] = mapped_column(String(128), unique=True)
    status: Mapped[str] = mapped_column(String(16), default=TemplateStatus.CREATING)
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class GroupCode(Base):
    """A code by which people join the group that has room, and then the next (join way).

    `chat_ids` is whom WeCom was last told to put behind the code, `spares` are groups that come
    next; what WeCom opened by itself is learned when the code is read.
    """

    __tablename__ = "group_code"
    __table_args__ = (Index("ix_group_code_look", "status", "look_at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    state: Mapped[str] = mapped_column(String(30), unique=True)
    name: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16), default=CodeStatus.CREATING)
    config_id: Mapped[str | None] = mapped_column(String(128), unique=True)
    qr_code: Mapped[str] = mapped_column(String(1024), default="")
    chat_ids: Mapped[list[Any]]
    spares: Mapped[list[Any]] = mapped_column(default=list)
    filled: Mapped[list[Any]] = mapped_column(default=list)
    base_name: Mapped[str] = mapped_column(String(40), default="")
    base_id: Mapped[int] = mapped_column(default=1)
    auto_create: Mapped[bool] = mapped_column(default=True)
    best_size: Mapped[int] = mapped_column(default=200)
    remark: Mapped[str] = mapped_column(String(30), default="")
    segment: Mapped[str] = mapped_column(String(32), default="")
    purpose: Mapped[str] = mapped_column(String(200), default="")
    rules: Mapped[str] = mapped_column(Text, default="")
    tags: Mapped[list[Any]] = mapped_column(default=list)
    error: Mapped[str | None] = mapped_column(Text)
    look_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
