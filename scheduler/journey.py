"""The journey (SOP): whom it takes in, its steps in time, what they say and when it ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from enum import StrEnum

from .content import Content


class StepKind(StrEnum):
    MOMENT = "moment"
    NUDGE = "nudge"
    MASS_SEND = "mass_send"
    GUIDE_TASK = "guide_task"
    GROUP_POST = "group_post"

    @property
    def zh(self) -> str:
        return _KIND_LABELS[self]

    @property
    def audience(self) -> Audience:
        return _AUDIENCES.get(self, Audience.CUSTOMER)


class Audience(StrEnum):
    """Who walks a step: one customer, a cohort under one tag, or one customer group."""

    CUSTOMER = "customer"
    COHORT = "cohort"
    GROUP = "group"


class Way(StrEnum):
    """The platform's road that a touch takes."""

    KF = "kf"
    MASS_SEND = "mass_send"
    GUIDE_CARD = "guide_card"
    MOMENT = "moment"
    GROUP_MASS_SEND = "group_mass_send"

    @property
    def zh(self) -> str:
        return _WAY_LABELS[self]


class TriggerKind(StrEnum):
    ADDED = "added"
    STAGE_ENTERED = "stage_entered"
    TAG_ADDED = "tag_added"
    EVENT = "event"
    SILENCE = "silence"
    DATE = "date"
    BIRTHDAY = "birthday"


class SignalKind(StrEnum):
    """What can happen to a customer while on a journey."""

    REPLIED = "replied"
    BOUGHT = "bought"
    OPTED_OUT = "opted_out"
    UNFRIENDED = "unfriended"
    STAGE_MOVED = "stage_moved"
    TAG_REMOVED = "tag_removed"
    EVENT = "event"


class CatchUp(StrEnum):
    """What becomes of a step whose time passed while nobody planned."""

    SKIP = "skip"
    MERGE = "merge"
    SEND_LATE = "send_late"


class Days(StrEnum):
    ANY = "any"
    WORKDAYS = "workdays"
    REST_DAYS = "rest_days"


class CohortBy(StrEnum):
    """Cohorts of the day people joined, or one standing cohort a segment."""

    JOINING_DAY = "joining_day"
    SEGMENT = "segment"


_KIND_LABELS = {
    StepKind.MOMENT: "朋友圈",
    StepKind.NUDGE: "一对一提醒",
    StepKind.MASS_SEND: "群发",
    StepKind.GUIDE_TASK: "导购任务",
    StepKind.GROUP_POST: "群内发布",
}
_WAY_LABELS = {
    Way.KF: "客服消息",
    Way.MASS_SEND: "群发",
    Way.GUIDE_CARD: "导购卡片",
    Way.MOMENT: "朋友圈",
    Way.GROUP_MASS_SEND: "群内发布",
}
_AUDIENCES = {StepKind.MOMENT: Audience.COHORT, StepKind.GROUP_POST: Audience.GROUP}
WAYS: Mapping[StepKind, tuple[Way, ...]] = {
    StepKind.MOMENT: (Way.MOMENT,),
    StepKind.NUDGE: (Way.KF, Way.MASS_SEND, Way.GUIDE_CARD),
    StepKind.MASS_SEND: (Way.MASS_SEND,),
    StepKind.GUIDE_TASK: (Way.GUIDE_CARD,),
    StepKind.GROUP_POST: (Way.GROUP_MASS_SEND,),
}


@dataclass(frozen=True, slots=True)
class Trigger:
    """What takes a customer in. `values` empty means any channel, stage, tag or event.

    A silence begins with one of the events in `values` (any customer message if empty) and
    the journey's clock starts when `hours` have passed without a reply. A date is one day,
    a day of each week (1 is Monday), of each month (31: its last day) or of each year; a
    birthday may be met `days_before`.
    """

    kind: TriggerKind
    values: tuple[str, ...] = ()
    hours: int = 0
    on: date | None = None
    weekly: int | None = None
    monthly: int | None = None
    yearly: tuple[int, int] | None = None
    days_before: int = 0


@dataclass(frozen=True, slots=True)
class Exit:
    """What ends a journey; `values` narrows to stages entered or tags lost."""

    signal: SignalKind
    values: tuple[str, ...] = ()

    def matches(self, signal: SignalKind, value: str | None) -> bool:
        return signal is self.signal and (not self.values or value in self.values)


@dataclass(frozen=True, slots=True)
class Segment:
    """A kind of customer, told by tags; one without tags takes whoever is left."""

    name: str
    zh: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offset:
    """How long after its base: so long, or so many days later at a time of the shop's day."""

    delay: timedelta = timedelta()
    days: int = 0
    at: time | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """When a step is due: from the trigger, from an earlier step, or from an awaited event."""

    offset: Offset
    after_step: str | None = None
    after_event: str | None = None
    within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """From `opens` to `closes` by the shop's wall clock, both on one day."""

    opens: time
    closes: time

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}-{self.closes:%H:%M}"


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold when the step is due; an empty condition always holds."""

    stages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    without_tags: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    without_signals: tuple[str, ...] = ()

    def holds(self, stage: str | None, tags: Collection[str], signals: Collection[str]) -> bool:
        return (
            (not self.stages or stage in self.stages)
            and all(tag in tags for tag in self.tags)
            and not any(tag in tags for tag in self.without_tags)
            and all(signal in signals for signal in self.signals)
            and not any(signal in signals for signal in self.without_signals)
        )


DEFAULT_SEGMENT = "default"


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm of an experiment; its share of people is `weight` over the sum of weights."""

    name: str
    weight: float
    content: Mapping[str, Content] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One contact of a journey. `late` bounds how long after its time it may still go out."""

    id: str
    purpose: str
    kind: StepKind
    timing: Timing
    content: Mapping[str, Content] = field(default_factory=dict, hash=False)
    variants: tuple[Variant, ...] = ()
    window: TimeWindow | None = None
    days: Days = Days.ANY
    condition: Condition = Condition()
    ways: tuple[Way, ...] = ()
    catch_up: CatchUp = CatchUp.SKIP
    late: timedelta = timedelta(hours=24)

    @property
    def roads(self) -> tuple[Way, ...]:
        """The ways this step may take, the preferred first."""
        return self.ways or WAYS[self.kind]

    def content_for(self, segment: str, variant: str | None = None) -> Content | None:
        """What people of `segment` get; None when the step has nothing for them."""
        arms = {arm.name: arm.content for arm in self.variants}
        written = arms.get(variant, self.content) if variant is not None else self.content
        return written.get(segment) or written.get(DEFAULT_SEGMENT)


@dataclass(frozen=True, slots=True)
class CohortSettings:
    """How a moments journey aims: the corp tag group, and when a used tag may go."""

    by: CohortBy = CohortBy.JOINING_DAY
    tag_group: str = "朋友圈批次"
    tag_prefix: str = "批次"
    retire_after_days: int = 3


@dataclass(frozen=True, slots=True)
class Repeat:
    """Whether somebody may walk the journey again, and after how many days of rest."""

    allowed: bool = False
    rest_days: int = 0


@dataclass(frozen=True, slots=True)
class Journey:
    id: str
    name: str
    triggers: tuple[Trigger, ...]
    segments: tuple[Segment, ...]
    steps: tuple[Step, ...]
    exits: tuple[Exit, ...] = ()
    priority: int = 50
    repeat: Repeat = Repeat()
    cohort: CohortSettings | None = None
    note: str | None = None
    _by_audience: Mapping[Audience, tuple[Step, ...]] = field(
        init=False, repr=False, compare=False, hash=False
    )

    def __post_init__(self) -> None:
        walks = {
            audience: tuple(step for step in self.steps if step.kind.audience is audience)
            for audience in Audience
        }
        object.__setattr__(self, "_by_audience", walks)

    def steps_for(self, audience: Audience) -> tuple[Step, ...]:
        """The steps that one kind of subject walks, in order."""
        return self._by_audience[audience]

    def step(self, step_id: str) -> Step | None:
        return next((step for step in self.steps if step.id == step_id), None)

    def segment_of(self, tags: Collection[str]) -> str | None:
        """The first segment whose tags meet the customer's; None if nobody takes them."""
        for segment in self.segments:
            if not segment.tags or any(tag in tags for tag in segment.tags):
                return segment.name
        return None
