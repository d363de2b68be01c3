"""What an exit leaves behind: steps whose time had come, put off by a limit until then."""

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
