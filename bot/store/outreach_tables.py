"""Tables of outreach: journeys under way, touches, and the tasks that guides must confirm."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bot.store.columns import BigId
from bot.store.contact_tables import BehaviourEvent
from bot.store.tables import Base, Work


class TouchState(StrEnum):
    """`sending`: handed to the outbox; `asked`: a guide must confirm; `unknown`: a person must
    look whether it went out."""

    PLANNED = "planned"
    MOVED = "moved"
    SENDING = "sending"
    ASKED = "asked"
    SENT = "sent"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    FAILED = "failed"
    UNKNOWN = "unknown"


class TaskKind(StrEnum):
    MASS_SEND = "mass_send"
    GROUP_MASS_SEND = "group_mass_send"
    MOMENT = "moment"


class TaskPhase(StrEnum):
    """`creating`: WeCom makes it in the background; `asked`: guides confirm it now;
    `renewing`: it is being cancelled, to be asked again without those who left."""

    NEW = "new"
    CREATING = "creating"
    ASKED = "asked"
    RENEWING = "renewing"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    UNKNOWN = "unknown"


TURN = "outreach"
"""Listening, planning and dispatching take turns among replicas under this name, and so does
whoever erases somebody: a page under way would write them down again."""
_RUNNING = text("next_due IS NOT NULL")
OPEN_TOUCH = text("status IN ('planned', 'moved', 'sending')")
SENDING_TOUCH = text("status = 'sending'")
"""Conditions of indexes, to be repeated word for word by whoever wants them used."""


class JourneyWalk(Base):
    """One subject on one journey: a customer, a cohort under one tag, or a group.

    `next_due` is when the planner must see it again, empty once it is over.
    """

    __tablename__ = "journey_walk"
    __table_args__ = (
        Index("ix_journey_walk_due", "next_due", sqlite_where=_RUNNING, postgresql_where=_RUNNING),
        Index("ix_journey_walk_customer", "external_userid"),
        Index(
            "ix_journey_walk_running",
            "journey",
            "audience",
            "subject",
            sqlite_where=_RUNNING,
            postgresql_where=_RUNNING,
        ),
    )

    audience: Mapped[str] = mapped_column(String(16), primary_key=True)
    subject: Mapped[str] = mapped_column(String(160), primary_key=True)
    journey: Mapped[str] = mapped_column(String(64), primary_key=True)
    external_userid: Mapped[str | None] = mapped_column(String(64))
    segment: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime]
    since: Mapped[datetime]
    cycle: Mapped[str] = mapped_column(String(32))
    guides: Mapped[list[Any]] = mapped_column(default=list)
    signals: Mapped[list[Any]] = mapped_column(default=list)
    position: Mapped[int] = mapped_column(default=0)
    settled: Mapped[list[Any]] = mapped_column(default=list)
    not_before: Mapped[datetime | None]
    deferred_by: Mapped[str | None] = mapped_column(String(32))
    ended_by: Mapped[str | None] = mapped_column(String(32))
    next_due: Mapped[datetime | None]


class OutreachTask(Work, Base):
    """A mass send or a moment at WeCom; neither call has a key of its own.

    `called_at` is set before the call, so that a call of unknown outcome is read back first.
    `guides` holds whether each one confirmed; of a post since when (ISO time) it is out.
    """

    __tablename__ = "outreach_task"

    kind: Mapped[str] = mapped_column(String(24))
    phase: Mapped[str] = mapped_column(String(16), default=TaskPhase.NEW)
    body: Mapped[dict[str, Any]]
    audience: Mapped[list[Any]] = mapped_column(default=list)
    sender: Mapped[str] = mapped_column(String(64), default="")
    summary: Mapped[str] = mapped_column(Text, default="")
    called_at: Mapped[datetime | None]
    looks: Mapped[int] = mapped_column(default=0)
    job_id: Mapped[str | None] = mapped_column(String(128))
    remote_id: Mapped[str | None] = mapped_column(String(128), unique=True)
    created_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    valid_until: Mapped[datetime]
    poll_at: Mapped[datetime | None]
    reminders: Mapped[list[Any]] = mapped_column(default=list)
    guides: Mapped[dict[str, Any]] = mapped_column(default=dict)


class TouchRow(Base):
    """One planned contact and what became of it; the id is the planner's stable one.

    `look_at` puts a due touch off for a while; `unwanted` is an exit that came true while
    a guide was asked already.
    """

    __tablename__ = "touch"
    __table_args__ = (
        Index(
            "ix_touch_due",
            "audience",
            "look_at",
            "id",
            sqlite_where=OPEN_TOUCH,
            postgresql_where=OPEN_TOUCH,
        ),
        Index(
            "ix_touch_sending",
            "id",
            sqlite_where=SENDING_TOUCH,
            postgresql_where=SENDING_TOUCH,
        ),
        Index("ix_touch_subject", "audience", "subject", "due_at"),
        Index("ix_touch_listing", "due_at", "id"),
        Index("ix_touch_task", "task_id"),
        Index("ix_touch_journey", "journey", "due_at", "id"),
        Index(
            "ix_touch_results", "journey", "step", "variant", "kind", "status", "rule", "due_at"
        ),
        Index("ix_touch_way", "way", "due_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    journey: Mapped[str] = mapped_column(String(64))
    step: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    audience: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(String(160))
    external_userid: Mapped[str | None] = mapped_column(String(64), index=True)
    segment: Mapped[str] = mapped_column(String(64))
    variant: Mapped[str | None] = mapped_column(String(64))
    guides: Mapped[list[Any]] = mapped_column(default=list)
    messages: Mapped[int] = mapped_column(default=1)
    way: Mapped[str | None] = mapped_column(String(24))
    due_at: Mapped[datetime]
    look_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(16))
    rule: Mapped[str | None] = mapped_column(String(32))
    explanation: Mapped[str] = mapped_column(Text, default="")
    unwanted: Mapped[str | None] = mapped_column(String(32))
    task_id: Mapped[int | None] = mapped_column(ForeignKey("outreach_task.id"))
    receipt: Mapped[str | None] = mapped_column(String(64))
    sent_at: Mapped[datetime | None]
    outcome: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]


class TouchEcho(Base):
    """What came back of a touch, beside it so that figures are sums over an index.

    A reply or purchase counts once `by` each customer, who is kept as a digest only; what a
    post's viewers did comes as a total and has an empty `by`.
    """

    __tablename__ = "touch_echo"
    __table_args__ = (
        Index("ix_touch_echo_journey", "journey", "step", "variant", "what", "due_at", "count"),
    )

    touch_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    what: Mapped[str] = mapped_column(String(16), primary_key=True)
    by: Mapped[str] = mapped_column(String(32), primary_key=True, default="")
    journey: Mapped[str] = mapped_column(String(64))
    step: Mapped[str] = mapped_column(String(64))
    variant: Mapped[str | None] = mapped_column(String(64))
    due_at: Mapped[datetime]
    count: Mapped[int]


class TouchTally(Base):
    """How many touches of one day were deleted, by what became of them; nobody is named.

    `variant` and `rule` are empty where a touch had none, `day` is the day's first moment in UTC.
    """

    __tablename__ = "touch_tally"

    journey: Mapped[str] = mapped_column(String(64), primary_key=True)
    step: Mapped[str] = mapped_column(String(64), primary_key=True)
    variant: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    status: Mapped[str] = mapped_column(String(16), primary_key=True)
    rule: Mapped[str] = mapped_column(String(32), primary_key=True)
    day: Mapped[datetime] = mapped_column(primary_key=True)
    count: Mapped[int]


class CohortTag(Base):
    """The corp tag of one cohort; `retired_at` once it was deleted at WeCom."""

    __tablename__ = "cohort_tag"

    cohort: Mapped[str] = mapped_column(String(160), primary_key=True)
    journey: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(64))
    group_name: Mapped[str] = mapped_column(String(64))
    retired_at: Mapped[datetime | None]


class CohortMember(Base):
    """A customer's cohort on one journey, through the tag of one guide."""

    __tablename__ = "cohort_member"
    __table_args__ = (Index("ix_cohort_member_cohort", "cohort"),)

    external_userid: Mapped[str] = mapped_column(String(64), primary_key=True)
    journey: Mapped[str] = mapped_column(String(64), primary_key=True)
    cohort: Mapped[str] = mapped_column(String(160))
    userid: Mapped[str] = mapped_column(String(64))
    tag_job_id: Mapped[int | None] = mapped_column(BigId, index=True)
    joined_at: Mapped[datetime]
    left_at: Mapped[datetime | None]


class JourneyVersion(Base):
    """One text of a journey as somebody saved it in the console; never changed afterwards."""

    __tablename__ = "journey_version"
    __table_args__ = (UniqueConstraint("journey", "number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    journey: Mapped[str] = mapped_column(String(64))
    number: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(String(200), default="")
    saved_by: Mapped[str] = mapped_column(String(64), default="")
    saved_at: Mapped[datetime]


class JourneyChoice(Base):
    """Whether a journey runs, and by which text: `version` is empty for the one in the files."""

    __tablename__ = "journey_choice"

    journey: Mapped[str] = mapped_column(String(64), primary_key=True)
    enabled: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int | None]
    changed_by: Mapped[str] = mapped_column(String(64), default="")
    changed_at: Mapped[datetime]


Index("ix_outreach_task_poll", OutreachTask.poll_at)
Index("ix_outreach_task_phase", OutreachTask.phase)
Index("ix_behaviour_event_applied", BehaviourEvent.applied_at, BehaviourEvent.id)
