"""Tables of channels and greetings: codes, new friends, notices to guides, enrolments."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.columns import BigId
from bot.store.tables import Base, Work


class ChannelStatus(StrEnum):
    """`creating`: WeCom was asked, and whether it made the code is not known yet."""

    CREATING = "creating"
    ACTIVE = "active"
    FAILED = "failed"
    DELETED = "deleted"


class GreetingOutcome(StrEnum):
    """`unsure`: it may have been sent, and nobody can tell any more."""

    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNSURE = "unsure"


class Channel(Base):
    """Where customers come from: a code of guides, or a link of the acquisition assistant.

    `state` is ours and unique, so that a code whose `config_id` was lost is found again by it.
    `on_duty` is whom WeCom was last told to put behind the code; `look_at` when to see again.
    `paused_at`: the code still leads to a guide, but the channel's own words and journey rest.
    """

    __tablename__ = "channel"
    __table_args__ = (Index("ix_channel_look", "status", "look_at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    state: Mapped[str] = mapped_column(String(30), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16), default=ChannelStatus.CREATING)
    config_id: Mapped[str | None] = mapped_column(String(128), unique=True)
    qr_code: Mapped[str] = mapped_column(String(1024), default="")
    guides: Mapped[list[Any]]
    backups: Mapped[list[Any]] = mapped_column(default=list)
    shifts: Mapped[list[Any]] = mapped_column(default=list)
    daily_cap: Mapped[int | None]
    caps: Mapped[dict[str, Any]] = mapped_column(default=dict)
    tags: Mapped[list[Any]] = mapped_column(default=list)
    remark: Mapped[str] = mapped_column(String(30), default="")
    skip_verify: Mapped[bool] = mapped_column(default=True)
    greeting: Mapped[dict[str, Any]] = mapped_column(default=dict)
    journey: Mapped[str | None] = mapped_column(String(64))
    on_duty: Mapped[list[Any]] = mapped_column(default=list)
    error: Mapped[str | None] = mapped_column(Text)
    look_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    paused_by: Mapped[str | None] = mapped_column(String(64))
    pause_reason: Mapped[str | None] = mapped_column(String(200))


class ShopGreeting(Base):
    """The shop's own greeting as operators edited it; the newest row counts.

    `words` holds only what was edited: everything else comes from the settings.
    """

    __tablename__ = "shop_greeting"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    words: Mapped[dict[str, Any]]
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime]


class Greeting(Work, Base):
    """A new friend of a guide, and how the greeting went.

    `ended_at`: the two stopped being friends, so that the next time is a return.
    """

    __tablename__ = "greeting"

    key: Mapped[str] = mapped_column(String(64), unique=True)
    userid: Mapped[str] = mapped_column(String(64), index=True)
    external_userid: Mapped[str] = mapped_column(String(64), index=True)
    change_type: Mapped[str] = mapped_column(String(32))
    channel_state: Mapped[str] = mapped_column(String(64), default="")
    channel_id: Mapped[int | None] = mapped_column(ForeignKey("channel.id"), index=True)
    welcome_code: Mapped[str] = mapped_column(String(256), default="")
    added_at: Mapped[datetime]
    received_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    relation: Mapped[str] = mapped_column(String(16), default="")
    outcome: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(300), default="")
    text: Mapped[str] = mapped_column(Text, default="")
    attachments: Mapped[list[Any]] = mapped_column(default=list)
    called_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    errcode: Mapped[int | None]


class GuideNotice(Work, Base):
    """Something that a guide should know, told once by a message of the app."""

    __tablename__ = "guide_notice"

    key: Mapped[str] = mapped_column(String(64), unique=True)
    userid: Mapped[str] = mapped_column(String(64), index=True)
    external_userid: Mapped[str] = mapped_column(String(64), index=True, default="")
    kind: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    errcode: Mapped[int | None]


class Enrolment(Base):
    """A customer on a journey, from the moment that the channel brought them."""

    __tablename__ = "enrolment"
    __table_args__ = (UniqueConstraint("journey", "external_userid"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    journey: Mapped[str] = mapped_column(String(64))
    external_userid: Mapped[str] = mapped_column(
        ForeignKey("customer.external_userid"), index=True
    )
    userid: Mapped[str] = mapped_column(String(64))
    channel_id: Mapped[int | None] = mapped_column(ForeignKey("channel.id"))
    enrolled_at: Mapped[datetime]


Index("ix_greeting_day", Greeting.channel_id, Greeting.added_at, Greeting.userid)
