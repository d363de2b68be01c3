"""Rehearsal: what a sample customer, cohort and group would get, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .budget import Budget
from .calendars import WorkCalendar
from .cohorts import begin_cohort, cohort_of
from .content import Content
from .context import PlanContext
from .enrolling import begin
from .enrolment import Customer, Enrolment, KfWindow, Signal
from .journey import Audience, Journey, SignalKind
from .planner import Plan, plan_chunk, schedule_of
from .quotas import Ledger
from .touches import Touch

SAMPLE_CUSTOMER = "sample-customer"
SAMPLE_GROUP = "sample-group"
SAMPLE_GUIDE = "sample-guide"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the rehearsal; `day` counts from 0, `at` is the shop's wall clock."""

    day: int
    at: datetime
    touch: Touch
    journey: str
    purpose: str
    content: Content | None
    quota: str

    @property
    def skipped_by(self) -> str | None:
        rule = self.touch.rule
        return rule.zh if rule is not None and not self.touch.status.counts else None

    def as_dict(self) -> dict[str, Any]:
        return {
            "day": self.day,
            "at": self.at.isoformat(),
            "kind": self.touch.kind.value,
            "kind_zh": self.touch.kind.zh,
            "way": self.touch.way.value if self.touch.way else None,
            "journey": self.touch.journey,
            "step": self.touch.step,
            "purpose": self.purpose,
            "content": self.content.as_dict() if self.content else None,
            "variant": self.touch.variant,
            "status": self.touch.status.value,
            "rule": self.touch.rule.value if self.touch.rule else None,
            "skipped_by": self.skipped_by,
            "explanation": self.touch.explanation,
            "quota": self.quota,
        }


@dataclass(frozen=True, slots=True)
class Rehearsal:
    rows: tuple[Row, ...]

    @property
    def touches(self) -> tuple[Touch, ...]:
        return tuple(row.touch for row in self.rows)


def rehearse(
    journeys: Iterable[Journey],
    *,
    segment: str,
    days: int,
    start: datetime,
    budget: Budget,
    calendar: WorkCalendar,
    signals: Iterable[Signal] = (),
    kf_opened_at: datetime | None = None,
) -> Rehearsal:
    """Walk the journeys with one sample customer of `segment` who starts them all at `start`.

    Events that steps wait for happen at once, so that every step shows, unless `signals`
    tells another story. A journey without the segment shows its first one.
    """
    chosen = tuple(journeys)
    enrolments: list[Enrolment] = []
    for journey in chosen:
        enrolments += _sample(journey, segment, start, calendar, tuple(signals))
    until = start + timedelta(days=days)
    context = PlanContext({one.id: one for one in chosen}, calendar, start, until)
    ledger = Ledger(budget, calendar, schedule=schedule_of(context, enrolments))
    cohorts = tuple(one.subject for one in enrolments if one.audience is Audience.COHORT)
    window = KfWindow(kf_opened_at) if kf_opened_at is not None else None
    person = Customer(SAMPLE_CUSTOMER, (SAMPLE_GUIDE,), cohorts, kf=window)
    touches = _walk(context, enrolments, ledger, person)
    ordered = sorted(touches, key=lambda touch: (touch.due_at, touch.id))
    return Rehearsal(tuple(_row(context, touch, ledger, person) for touch in ordered))


def _walk(
    context: PlanContext, enrolments: Iterable[Enrolment], ledger: Ledger, person: Customer
) -> list[Touch]:
    """Plan day by day, as the service would, so that what is put off comes back."""
    touches: list[Touch] = []
    running = list(enrolments)
    now = context.now
    while now < context.until and running:
        until = min(now + timedelta(days=1), context.until)
        today = PlanContext(context.journeys, context.calendar, now, until)
        done: Plan = plan_chunk(today, running, ledger, {person.external_userid: person})
        touches += done.touches
        running = [one.enrolment for one in done.progress if one.next_due is not None]
        now = until
    return touches


def _sample(
    journey: Journey,
    segment: str,
    start: datetime,
    calendar: WorkCalendar,
    signals: tuple[Signal, ...],
) -> list[Enrolment]:
    names = [one.name for one in journey.segments]
    name = segment if segment in names else names[0]
    begun = start.astimezone(UTC)
    enrolments = []
    if journey.steps_for(Audience.CUSTOMER):
        one = begin(journey, SAMPLE_CUSTOMER, name, begun)
        for signal in signals or _awaited(journey, begun):
            one = one.with_signal(journey, signal)
        enrolments.append(one)
    if journey.steps_for(Audience.COHORT):
        cohort = cohort_of(journey, name, begun, calendar)
        day = calendar.local_day(begun)
        enrolments.append(begin_cohort(journey, cohort, day, (SAMPLE_GUIDE,), calendar))
    if journey.steps_for(Audience.GROUP):
        guides = (SAMPLE_GUIDE,)
        group = begin(journey, SAMPLE_GROUP, name, begun, audience=Audience.GROUP, guides=guides)
        enrolments.append(group)
    return enrolments


def _awaited(journey: Journey, start: datetime) -> tuple[Signal, ...]:
    names = {step.timing.after_event for step in journey.steps} - {None}
    moment = start + timedelta(seconds=1)
    return tuple(Signal(SignalKind.EVENT, moment, name) for name in sorted(filter(None, names)))


def _row(context: PlanContext, touch: Touch, ledger: Ledger, person: Customer) -> Row:
    journey = context.journey(touch.journey)
    step = journey.step(touch.step)
    calendar = context.calendar
    day = calendar.local_day(touch.due_at) - calendar.local_day(context.now)
    return Row(
        day=day.days,
        at=touch.due_at.astimezone(calendar.zone),
        touch=touch,
        journey=journey.name,
        purpose=step.purpose if step is not None else "",
        content=step.content_for(touch.content.segment, touch.variant) if step else None,
        quota=ledger.usage(person, touch.due_at).summary(),
    )
