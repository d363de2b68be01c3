"""The shape of a journey as people write it, and its reading into a `Journey`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from ..journey import (
    DEFAULT_SEGMENT,
    CatchUp,
    CohortBy,
    CohortSettings,
    Condition,
    Days,
    Exit,
    Journey,
    Repeat,
    Segment,
    SignalKind,
    Step,
    StepKind,
    Timing,
    Variant,
    Way,
)
from .entries import (
    ContentEntry,
    Entry,
    Filled,
    Hours,
    Identifier,
    OffsetEntry,
    Window,
    Word,
    Words,
    listed,
    refuse,
)
from .faults import Finding, finding_of
from .trigger_entries import TriggerEntry


def _segments_or_one(value: object) -> object:
    """Content may be written straight, without naming segments."""
    if isinstance(value, dict) and value.keys() & ContentEntry.model_fields.keys():
        return {DEFAULT_SEGMENT: value}
    return value


BySegment = Annotated[dict[str, ContentEntry], BeforeValidator(_segments_or_one)]


class AfterEntry(OffsetEntry):
    step: Identifier | None = None
    event: Word | None = None
    within_hours: Hours | None = None

    @model_validator(mode="after")
    def _one_base(self) -> AfterEntry:
        if (self.step is None) == (self.event is None):
            refuse("after 要写明在什么之后", "写 step（某一步）或 event（某个事件）之一")
        if self.event is None and self.within_hours is not None:
            refuse("within_hours 只和 event 一起用", "删掉 within_hours")
        return self


class VariantEntry(Entry):
    name: Word
    weight: Annotated[float, Field(gt=0, le=100, strict=True)] = 1.0
    content: BySegment

    def variant(self) -> Variant:
        return Variant(self.name, self.weight, _contents(self.content))


class ConditionEntry(Entry):
    stages: Words = ()
    tags: Words = ()
    without_tags: Words = ()
    signals: Words = ()
    without_signals: Words = ()

    def condition(self) -> Condition:
        return Condition(**{name: tuple(words) for name, words in self.model_dump().items()})


class CatchUpEntry(Entry):
    send_late: Hours | None = None
    merge: Hours | None = None

    @model_validator(mode="after")
    def _one(self) -> CatchUpEntry:
        if len(self.model_fields_set) != 1:
            refuse("catch_up 只能写一种", "写 skip、merge、{merge: 小时} 或 {send_late: 小时}")
        return self


def _catch_up(value: object) -> object:
    if value == CatchUp.MERGE:
        return {"merge": 72}
    if value == CatchUp.SEND_LATE:
        mend = "写成 {send_late: 24} 这样，数字是最多晚几小时"
        raise PydanticCustomError("catch_up", "send_late 要写最多晚几小时", {"mend": mend})
    return None if value == CatchUp.SKIP else value


class StepEntry(Entry):
    id: Identifier
    purpose: Filled
    kind: StepKind
    at: OffsetEntry | None = None
    after: AfterEntry | None = None
    window: Window = None
    days: Days = Days.ANY
    only_if: ConditionEntry = ConditionEntry()
    content: BySegment = Field(default_factory=dict)
    variants: Annotated[list[VariantEntry], Field(min_length=2, max_length=5)] | None = None
    ways: Annotated[tuple[Way, ...], BeforeValidator(listed)] = ()
    catch_up: Annotated[CatchUpEntry | None, BeforeValidator(_catch_up)] = None

    @model_validator(mode="after")
    def _whole(self) -> StepEntry:
        if self.at is not None and self.after is not None:
            refuse("at 和 after 只能写一个", "从触发算起留 at，从某步、某事件算起留 after")
        if self.at is None and self.after is None:
            refuse("要写明什么时候发", "写 at（从触发算起）或 after（在某步、某事件之后）之一")
        if not self.content and self.variants is None:
            refuse("这一步没有内容", "写 content，或写 variants 做 A/B 试验")
        if self.content and self.variants is not None:
            refuse("content 和 variants 只能写一个", "把原来的内容写成 variants 的第一项")
        return self

    def step(self) -> Step:
        policy, late = self._policy()
        return Step(
            id=self.id,
            purpose=self.purpose,
            kind=self.kind,
            timing=self._timing(),
            content=_contents(self.content),
            variants=tuple(entry.variant() for entry in self.variants or ()),
            window=self.window,
            days=self.days,
            condition=self.only_if.condition(),
            ways=tuple(self.ways),
            catch_up=policy,
            **({"late": late} if late is not None else {}),
        )

    def _timing(self) -> Timing:
        if self.at is not None:
            return Timing(self.at.offset())
        after = self.after or AfterEntry()
        return Timing(after.offset(), after.step, after.event, after.within_hours)

    def _policy(self) -> tuple[CatchUp, Any]:
        if self.catch_up is None:
            return CatchUp.SKIP, None
        if self.catch_up.merge is not None:
            return CatchUp.MERGE, self.catch_up.merge
        return CatchUp.SEND_LATE, self.catch_up.send_late


class SegmentEntry(Entry):
    zh: Filled
    tags: Words = ()


class CohortEntry(Entry):
    by: CohortBy = CohortBy.JOINING_DAY
    tag_group: Annotated[Word, Field(max_length=30)] = "朋友圈批次"
    tag_prefix: Annotated[Word, Field(max_length=12)] = "批次"
    retire_after_days: Annotated[int, Field(ge=1, le=60, strict=True)] = 3


class RepeatEntry(Entry):
    rest_days: Annotated[int, Field(ge=0, le=3650, strict=True)]


def _repeat(value: object) -> object:
    if isinstance(value, bool):
        return {"rest_days": 0} if value else None
    return value


def _exit(value: object) -> object:
    if isinstance(value, str):
        return {value: []}
    return value


class ExitEntry(Entry):
    replied: list[str] | None = None
    bought: list[str] | None = None
    opted_out: list[str] | None = None
    stage_moved: Words | None = None
    tag_removed: Words | None = None

    @model_validator(mode="after")
    def _one(self) -> ExitEntry:
        if len(self.model_fields_set) != 1:
            refuse("一个退出条件只写一种", "每种退出条件单独一行，前面写「- 」")
        return self

    def exit(self) -> Exit:
        name = next(iter(self.model_fields_set))
        return Exit(SignalKind(name), tuple(getattr(self, name) or ()))


class JourneyEntry(Entry):
    id: Identifier
    name: Annotated[str, Field(min_length=1, max_length=64)]
    priority: Annotated[int, Field(ge=0, le=100, strict=True)] = 50
    triggers: Annotated[list[TriggerEntry], Field(min_length=1)]
    segments: dict[Word, SegmentEntry] = Field(default_factory=dict)
    steps: Annotated[list[StepEntry], Field(min_length=1, max_length=60)]
    exits: tuple[Annotated[ExitEntry, BeforeValidator(_exit)], ...] = ()
    repeat: Annotated[RepeatEntry | None, BeforeValidator(_repeat)] = None
    cohort: CohortEntry | None = None
    note: Filled | None = None

    def journey(self) -> Journey:
        return Journey(
            id=self.id,
            name=self.name,
            triggers=tuple(entry.trigger() for entry in self.triggers),
            segments=self._segments(),
            steps=tuple(entry.step() for entry in self.steps),
            exits=tuple(entry.exit() for entry in self.exits),
            priority=self.priority,
            repeat=Repeat(True, self.repeat.rest_days) if self.repeat else Repeat(),
            cohort=CohortSettings(**self.cohort.model_dump()) if self.cohort else None,
            note=self.note,
        )

    def _segments(self) -> tuple[Segment, ...]:
        if not self.segments:
            return (Segment(DEFAULT_SEGMENT, "全部客户"),)
        return tuple(
            Segment(name, entry.zh, tuple(entry.tags)) for name, entry in self.segments.items()
        )


def read_entry(data: object) -> Journey | list[Finding]:
    """The journey that `data` describes, or everything that keeps it from being one."""
    try:
        return JourneyEntry.model_validate(data).journey()
    except ValidationError as refusal:
        return [finding_of(error) for error in refusal.errors(include_url=False)]


def _contents(entries: dict[str, ContentEntry]) -> dict[str, Any]:
    return {segment: entry.content() for segment, entry in entries.items()}
