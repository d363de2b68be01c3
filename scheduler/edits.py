"""Edits: what becomes of walks and touches under way when their journey is written anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .calendars import WorkCalendar
from .enrolment import Customer, Enrolment, position_in
from .experiments import choose_variant
from .journey import Audience, Journey, Step
from .rules import Rule
from .timing import due_of
from .touches import Touch


def changed_steps(old: Journey, new: Journey) -> set[str]:
    """The steps that both have and that say or do something else now."""
    return {step.id for step in old.steps if (now := new.step(step.id)) and now != step}


def step_now(journey: Journey | None, touch: Touch) -> Step | None:
    """The touch's step as it is written now; None if nobody of its audience walks it any more."""
    step = journey.step(touch.step) if journey is not None else None
    return step if step is not None and step.kind.audience is touch.audience else None


def as_now(journey: Journey, step: Step, touch: Touch, customer: Customer) -> Touch:
    """The touch with the kind, segment and arm that its `step` has now.

    An arm that is gone is drawn anew, as for somebody who comes today.
    """
    segment = segment_now(journey, touch.audience, touch.content.segment, customer)
    arms = {arm.name for arm in step.variants}
    variant = touch.variant
    if (variant or "") not in arms:
        arm = choose_variant(f"{journey.id}/{step.id}", touch.subject, step.variants)
        variant = arm.name if arm is not None else None
    content = replace(touch.content, segment=segment, variant=variant)
    return replace(touch, kind=step.kind, content=content)


def segment_now(journey: Journey, audience: Audience, segment: str, customer: Customer) -> str:
    """The segment itself while the journey has it, else the one that takes the customer now.

    A cohort keeps its own: its tag says no more about its members.
    """
    if audience is not Audience.CUSTOMER or any(one.name == segment for one in journey.segments):
        return segment
    return journey.segment_of(customer.tags) or segment


def in_segment(journey: Journey, walk: Enrolment, customer: Customer) -> Enrolment:
    """The walk in a segment that its journey has."""
    segment = segment_now(journey, walk.audience, walk.segment, customer)
    return walk if segment == walk.segment else replace(walk, segment=segment)


def is_overtaken(journey: Journey, step: Step, walk: Enrolment, calendar: WorkCalendar) -> bool:
    """Whether `step`, new to the walk, stands where it has been.

    Told by the time, and only beside a settled step that is gone: what was due before that was
    written in behind the walker, or is the same step under another name.
    """
    gone = [at for name, at in walk.settled if journey.step(name) is None]
    if not gone:
        return False
    due = due_of(step, walk, calendar)
    return not due.missing and due.at <= max(gone)


def taken_back(journey: Journey, walk: Enrolment, step_id: str) -> Enrolment | None:
    """The walk as it was before `step_id` was settled; None if it was not, or the walk is over
    for another reason than its end."""
    place = next((at for at, (name, _) in enumerate(walk.settled) if name == step_id), None)
    if place is None or walk.ended_by not in (None, Rule.FINISHED):
        return None
    before = replace(
        walk,
        settled=walk.settled[:place],
        position=place,
        ended_by=None,
        not_before=None,
        deferred_by=None,
    )
    return replace(before, position=position_in(journey, before))


def later_than_planned(
    journey: Journey, touches: Iterable[Touch], walk: Enrolment, calendar: WorkCalendar
) -> list[Touch]:
    """Of the walk's planned touches, in their order, the first whose step is due later now and
    all behind it."""
    found: list[Touch] = []
    for touch in touches:
        step = step_now(journey, touch)
        before = taken_back(journey, walk, touch.step) if step is not None else None
        if step is None or before is None:
            continue
        due = due_of(step, before, calendar)
        if found or due.missing or due.at > touch.due_at:
            found.append(touch)
    return found
