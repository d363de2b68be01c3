"""Tables of the customers' room: guides, follows, tags, portraits, behaviour and syncing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.columns import BigId
from bot.store.tables import Base, Customer, ReadWish, Work

Index("ix_customer_first_seen", Customer.first_seen_at, Customer.external_userid)
_PROFILE_WANTED = text("profile_due_at IS NOT NULL")
Index(
    "ix_customer_profile_due",
    Customer.profile_due_at,
    sqlite_where=_PROFILE_WANTED,
    postgresql_where=_PROFILE_WANTED,
)


class Guide(Base):
    """A member who may talk to customers; `left_at` once the corp takes that away."""

    __tablename__ = "guide"

    userid: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), default="")
    since: Mapped[datetime]
    left_at: Mapped[datetime | None]
    name_asked_at: Mapped[datetime | None]


class Follow(Base):
    """One guide–customer relation; closed ones stay, with the moment and the kind of their end.

    `state_at` and `state_rank` are the watermark below which later arrivals are old news,
    `read_at` that of what WeCom tells of the relation (remark, tags), `sweep` the last sync run
    that saw it.
    """

    __tablename__ = "follow"
    __table_args__ = (
        Index("ix_follow_customer", "external_userid", "state"),
        Index("ix_follow_guide", "userid", "state"),
        Index("ix_follow_channel", "channel_state"),
        Index("ix_follow_sweep", "state", "sweep"),
    )

    userid: Mapped[str] = mapped_column(String(64), primary_key=True)
    external_userid: Mapped[str] = mapped_column(
        ForeignKey("customer.external_userid"), primary_key=True
    )
    state: Mapped[str] = mapped_column(String(24))
    state_at: Mapped[datetime | None]
    state_rank: Mapped[int] = mapped_column(default=0)
    since: Mapped[datetime | None]
    until: Mapped[datetime | None]
    channel_state: Mapped[str] = mapped_column(String(64), default="")
    channel_at: Mapped[datetime | None]
    remark: Mapped[str] = mapped_column(String(64), default="")
    description: Mapped[str] = mapped_column(String(512), default="")
    remark_corp_name: Mapped[str] = mapped_column(String(64), default="")
    remark_mobiles: Mapped[list[Any]] = mapped_column(default=list)
    add_way: Mapped[int] = mapped_column(default=0)
    oper_userid: Mapped[str] = mapped_column(String(64), default="")
    personal_tags: Mapped[list[Any]] = mapped_column(default=list)
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict)
    read_at: Mapped[datetime | None]
    sweep: Mapped[int | None] = mapped_column(BigId)


class FollowEvent(Base):
    """What happened to a relation, once for each thing that happened."""

    __tablename__ = "follow_event"
    __table_args__ = (
        UniqueConstraint("external_userid", "userid", "kind", "at"),
        Index("ix_follow_event_at", "external_userid", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    external_userid: Mapped[str] = mapped_column(ForeignKey("customer.external_userid"))
    userid: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    at: Mapped[datetime]


class ContactCard(Base):
    """What WeCom tells of a contact beyond name and face; only for those who have any of it."""

    __tablename__ = "contact_card"

    external_userid: Mapped[str] = mapped_column(
        ForeignKey("customer.external_userid"), primary_key=True
    )
    body: Mapped[dict[str, Any]]


class ContactRead(ReadWish, Base):
    """A customer whose contact details must be read (again)."""

    __tablename__ = "contact_read"

    external_userid: Mapped[str] = mapped_column(String(64), primary_key=True)


class TagGroup(Base):
    """A group of corp tags."""

    __tablename__ = "tag_group"

    group_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    position: Mapped[int] = mapped_column(BigId, default=0)
    deleted_at: Mapped[datetime | None]
    read_at: Mapped[datetime]


class CorpTag(Base):
    """A corp tag; WeCom lets an app edit only those that it created itself (`ours`).

    `refresh_from` is how far the customers' tag names have followed a rename or deletion.
    """

    __tablename__ = "corp_tag"

    tag_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    group_id: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    position: Mapped[int] = mapped_column(BigId, default=0)
    ours: Mapped[bool] = mapped_column(default=False)
    deleted_at: Mapped[datetime | None]
    read_at: Mapped[datetime]
    refresh_from: Mapped[str | None] = mapped_column(String(64))


class FollowTag(Base):
    """A tag that a customer bears in the relation with one guide."""

    __tablename__ = "follow_tag"
    __table_args__ = (Index("ix_follow_tag_customer", "external_userid", "userid"),)

    tag_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    external_userid: Mapped[str] = mapped_column(
        ForeignKey("customer.external_userid"), primary_key=True
    )
    userid: Mapped[str] = mapped_column(String(64), primary_key=True)


class TagChange(Base):
    """A tag put on or taken off, by whom and why."""

    __tablename__ = "tag_change"
    __table_args__ = (Index("ix_tag_change_at", "external_userid", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    external_userid: Mapped[str] = mapped_column(ForeignKey("customer.external_userid"))
    userid: Mapped[str] = mapped_column(String(64))
    tag_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(64))
    added: Mapped[bool]
    cause: Mapped[str] = mapped_column(String(80))
    because: Mapped[str] = mapped_column(String(200), default="")
    at: Mapped[datetime]


class TagJob(Work, Base):
    """Tags to put on and take off one pair through `mark_tag`; one pair is one lane.

    `add` and `remove` hold ids, `names` tags to put on that may have to be created in
    `group_name` first.
    """

    __tablename__ = "tag_job"

    userid: Mapped[str] = mapped_column(String(64))
    external_userid: Mapped[str] = mapped_column(
        ForeignKey("customer.external_userid"), index=True
    )
    add: Mapped[list[Any]]
    remove: Mapped[list[Any]]
    names: Mapped[list[Any]] = mapped_column(default=list)
    group_name: Mapped[str] = mapped_column(String(64), default="")
    cause: Mapped[str] = mapped_column(String(80))
    because: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime]
    errcode: Mapped[int | None]


class TagCheck(Base):
    """A customer about whom something changed that tag rules may care for."""

    __tablename__ = "tag_check"

    external_userid: Mapped[str] = mapped_column(String(64), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(index=True)


class PortraitFact(Base):
    """One thing that a customer let us know, with the message that it came from."""

    __tablename__ = "portrait_fact"
    __table_args__ = (UniqueConstraint("external_userid", "field", "value"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    external_userid: Mapped[str] = mapped_column(ForeignKey("customer.external_userid"))
    field: Mapped[str] = mapped_column(String(32))
    value: Mapped[str] = mapped_column(String(64))
    confidence: Mapped[float]
    state: Mapped[str] = mapped_column(String(16))
    times: Mapped[int] = mapped_column(default=1)
    message_id: Mapped[int | None] = mapped_column(BigId)
    quote: Mapped[str] = mapped_column(String(200), default="")
    decided_by: Mapped[str | None] = mapped_column(String(64))
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]


class BehaviourEvent(Base):
    """Something a customer did elsewhere; parked while nobody knows the customer."""

    __tablename__ = "behaviour_event"
    __table_args__ = (
        Index("ix_behaviour_event_customer", "customer", "at"),
        Index("ix_behaviour_event_parked", "state", "external_userid"),
        Index("ix_behaviour_event_union", "state", "unionid"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    event_id: Mapped[str] = mapped_column(String(128), unique=True)
    type: Mapped[str] = mapped_column(String(64))
    external_userid: Mapped[str | None] = mapped_column(String(64))
    unionid: Mapped[str | None] = mapped_column(String(64))
    customer: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    received_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]


class Transfer(Base):
    """A customer whom one guide hands to another (在职继承 or 离职继承), and how it stands.

    `look_at` is when WeCom is asked again how it stands; None once it has ended.
    """

    __tablename__ = "transfer"
    __table_args__ = (Index("ix_transfer_customer", "external_userid", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    external_userid: Mapped[str] = mapped_column(ForeignKey("customer.external_userid"))
    handover: Mapped[str] = mapped_column(String(64))
    takeover: Mapped[str] = mapped_column(String(64))
    resigned: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(String(200), default="")
    reason: Mapped[str] = mapped_column(String(300), default="")
    errcode: Mapped[int | None]
    asked_by: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime]
    look_at: Mapped[datetime | None] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]


class OptOut(Base):
    """A customer opted out, or came back."""

    __tablename__ = "opt_out"
    __table_args__ = (Index("ix_opt_out_at", "external_userid", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    external_userid: Mapped[str] = mapped_column(ForeignKey("customer.external_userid"))
    out: Mapped[bool]
    source: Mapped[str] = mapped_column(String(16))
    by: Mapped[str] = mapped_column(String(64), default="")
    reason: Mapped[str] = mapped_column(String(200), default="")
    at: Mapped[datetime]


class Erasure(Base):
    """That somebody was erased, when and by whom; who it was is only a digest."""

    __tablename__ = "erasure"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    digest: Mapped[str] = mapped_column(String(64), index=True)
    by: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(200), default="")
    rows: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    returned_at: Mapped[datetime | None]


class SyncRun(Base):
    """One reading of all contacts of the corp; a stopped one is taken up where it was."""

    __tablename__ = "sync_run"
    __table_args__ = (Index("ix_sync_run_state", "state"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    state: Mapped[str] = mapped_column(String(16))
    phase: Mapped[str] = mapped_column(String(16))
    counts: Mapped[dict[str, Any]]
    calls: Mapped[int] = mapped_column(default=0)
    seconds: Mapped[float] = mapped_column(default=0.0)
    resumed: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    leased_until: Mapped[datetime | None]
    leased_by: Mapped[str | None] = mapped_column(String(120))


class SyncBatch(Base):
    """Up to a hundred guides who are read together, and the page where their reading stands."""

    __tablename__ = "sync_batch"

    run_id: Mapped[int] = mapped_column(
        ForeignKey("sync_run.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    cursor: Mapped[str] = mapped_column(Text, default="")
    done: Mapped[bool] = mapped_column(default=False)
    pages: Mapped[int] = mapped_column(default=0)
    reached: Mapped[int] = mapped_column(default=0)


class SyncMember(Base):
    """One guide in one run: waiting, done, or failed and why."""

    __tablename__ = "sync_member"
    __table_args__ = (Index("ix_sync_member_batch", "run_id", "batch"),)

    run_id: Mapped[int] = mapped_column(
        ForeignKey("sync_run.id", ondelete="CASCADE"), primary_key=True
    )
    userid: Mapped[str] = mapped_column(String(64), primary_key=True)
    batch: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    error: Mapped[str | None] = mapped_column(Text)


class Bookmark(Base):
    """How far a periodic reading has come, or what was begun and not heard of again."""

    __tablename__ = "bookmark"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[str] = mapped_column(String(128), default="")
    at: Mapped[datetime]


_PARKED = text("state <> 'applied'")
Index(
    "ix_behaviour_event_waiting",
    BehaviourEvent.state,
    BehaviourEvent.at,
    sqlite_where=_PARKED,
    postgresql_where=_PARKED,
)
