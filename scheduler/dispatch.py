"""A last look at a planned touch before it is sent: much may have happened since."""

from __future__ import annotations

from datetime import datetime

from .calendars import WorkCalendar
from .context import PlanContext
from .enrolment import Customer, Enrolment, exit_rule
from .journey import Audience, Step, Way
from .quotas import Ledger
from .rules import Rule
from .timing import open_span
from .touches import Touch


def dispatch_refusal(
    context: PlanContext, touch: Touch, enrolment: Enrolment, customer: Customer, ledger: Ledger
) -> Rule | None:
    """Why the touch must not go out at `context.now`; None if it may.

    The ledger holds the history of the customer; the touch itself does not count against it.
    """
    journey = context.journey(touch.journey)
    step = journey.step(touch.step)
    if step is None:
        return Rule.NO_CONTENT
    if customer.opted_out:
        return Rule.OPTED_OUT
    left = enrolment.ended_by or exit_rule(journey, enrolment)
    if left is not None and left is not Rule.FINISHED:
        return left
    if touch.audience is not Audience.COHORT:
        signals = {one.name for one in enrolment.signals if one.at > enrolment.since}
        if not step.condition.holds(customer.stage, customer.tags, signals):
            return Rule.CONDITION
    hours = hours_refusal(step, touch, context.calendar, context.now)
    return hours or _quota_refusal(context, touch, customer, ledger)


def hours_refusal(step: Step, touch: Touch, calendar: WorkCalendar, now: datetime) -> Rule | None:
    """Why the touch is out of its hours at `now`, or later than its step allows."""
    span = open_span(step, now, calendar)
    if span is None or span.start > now:
        return span.rule if span is not None and span.rule is not None else Rule.QUIET_HOURS
    moment = touch.audience is Audience.COHORT
    if moment and calendar.local_day(now) != calendar.local_day(touch.due_at):
        return Rule.MISSED
    return Rule.MISSED if now > touch.due_at + step.late else None


def _quota_refusal(
    context: PlanContext, touch: Touch, customer: Customer, ledger: Ledger
) -> Rule | None:
    """Ask the ledger as if the touch had not been planned, then put it back."""
    known = ledger.touch(touch.id)
    if known is not None:
        ledger.release(touch.id)
    try:
        return _refused(context, touch, customer, ledger)
    finally:
        if known is not None:
            ledger.restore(known)


def _refused(
    context: PlanContext, touch: Touch, customer: Customer, ledger: Ledger
) -> Rule | None:
    if touch.way is Way.MOMENT:
        refusal = ledger.refuse_moment(touch.journey, touch.subject, context.now)
        return refusal.rule if refusal is not None else None
    subject = (touch.audience, touch.subject)
    weight = ledger.budget.fatigue.weight(touch.kind)
    refusal = ledger.refuse_contact(subject, weight, context.now, customer.cohorts, sent_only=True)
    if refusal is None and touch.way is not None:
        refusal = ledger.refuse_way(touch.way, subject, customer, context.now, touch.messages)
    return refusal.rule if refusal is not None else None
