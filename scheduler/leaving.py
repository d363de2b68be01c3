"""Steps that limits keep waiting: how they stand, and what becomes of them at an exit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .context import PlanContext
from .drafts import Draft
from .enrolment import Customer, Enrolment, next_step, touch_id
from .timing import due_of
from .touches import Touch


def left_behind(context: PlanContext, enrolment: Enrolment, customer: Customer) -> Iterator[Touch]:
    """The steps that were due at `context.now` when the enrolment ended, skipped for its exit.

    Those that were planned before have their touches already.
    """
    journey, rule = context.journey(enrolment.journey), enrolment.ended_by
    walk = replace(enrolment, not_before=None)
    while rule is not None and (step := next_step(journey, walk)) is not None:
        due = due_of(step, walk, context.calendar)
        if due.missing or due.at > context.now:
            return
        key = touch_id(journey.id, step.id, walk.subject, walk.cycle)
        yield Draft(context, journey, step, walk, customer).skipped(key, due.at, rule)
        walk = walk.advanced(step, due.at)


def put_off_step(context: PlanContext, enrolment: Enrolment, customer: Customer) -> Touch | None:
    """The next step as moved to when it is looked at again; None while no limit keeps it."""
    until, rule = enrolment.not_before, enrolment.deferred_by
    journey = context.journey(enrolment.journey)
    step = next_step(journey, enrolment)
    if until is None or rule is None or step is None or not enrolment.active:
        return None
    due = due_of(step, enrolment, context.calendar)
    key = touch_id(journey.id, step.id, enrolment.subject, enrolment.cycle)
    draft = Draft(context, journey, step, enrolment, customer)
    return draft.planned(key, due.at, until, None, rule)
