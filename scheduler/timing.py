"""When the next step of an enrolment is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .calendars import Span, WorkCalendar
from .enrolment import Enrolment, next_step
from .journey import Audience, Journey, Offset, Step


@dataclass(frozen=True, slots=True)
class Due:
    """The nominal time of a step; `missing` when it is the end of waiting for an event."""

    at: datetime
    missing: bool = False


def due_of(step: Step, enrolment: Enrolment, calendar: WorkCalendar) -> Due:
    """When `step` should go out by the journey alone, before any limit."""
    timing = step.timing
    base = enrolment.started_at
    if timing.after_step is not None:
        base = enrolment.settled_at(timing.after_step) or enrolment.last_settled or base
    if timing.after_event is None:
        return Due(_after(base, timing.offset, calendar))
    times = [
        signal.at
        for signal in enrolment.signals
        if signal.name == timing.after_event and signal.at > enrolment.since
    ]
    if times:
        return Due(_after(min(times), timing.offset, calendar))
    within = timing.within or timedelta(days=3)
    return Due(_after(base, Offset(within), calendar), missing=True)


def allowed_span(step: Step, enrolment: Enrolment, calendar: WorkCalendar) -> Span | None:
    """The first stretch in which the step may go out, by calendar and earlier steps."""
    due = due_of(step, enrolment, calendar)
    if due.missing:
        return Span(due.at, due.at + timedelta(minutes=1))
    return open_span(step, earliest(due.at, enrolment), calendar)


def open_span(step: Step, moment: datetime, calendar: WorkCalendar) -> Span | None:
    """The first stretch from `moment` on that the step's window and days allow."""
    return calendar.next_span(moment, window=step.window, days=step.days)


def earliest(moment: datetime, enrolment: Enrolment) -> datetime:
    """No earlier than `moment`, than the step before, and than the limits allowed."""
    return max(filter(None, (moment, enrolment.last_settled, enrolment.not_before)))


def next_due(journey: Journey, enrolment: Enrolment, calendar: WorkCalendar) -> datetime | None:
    """When to feed this enrolment to the planner next; None when it is over.

    Store it beside the enrolment and select by it: only due ones cost anything. Compute it
    anew whenever the planner returns an enrolment or a signal arrives.
    """
    step = next_step(journey, enrolment)
    if not enrolment.active or step is None:
        return None
    span = allowed_span(step, enrolment, calendar)
    nominal = earliest(due_of(step, enrolment, calendar).at, enrolment)
    return span.start if span is not None else nominal


def posting_span(step: Step, enrolment: Enrolment, calendar: WorkCalendar) -> Span | None:
    """Where in its own day a moment may be posted: it is never moved to another day."""
    due = due_of(step, enrolment, calendar).at
    span = open_span(step, earliest(due, enrolment), calendar)
    if span is None or calendar.local_day(span.start) != calendar.local_day(due):
        return None
    return span


def posting_days(journey: Journey, enrolment: Enrolment, calendar: WorkCalendar) -> list[datetime]:
    """When each moment of a cohort is due, sent or still to come."""
    steps = journey.steps_for(Audience.COHORT)
    return [due_of(step, enrolment, calendar).at for step in steps]


def _after(base: datetime, offset: Offset, calendar: WorkCalendar) -> datetime:
    if offset.at is None:
        return (base + offset.delay + timedelta(days=offset.days)).astimezone(UTC)
    day = calendar.local_day(base) + timedelta(days=offset.days)
    return max(calendar.at(day, offset.at), base.astimezone(UTC))
