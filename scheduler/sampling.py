"""The sample customer, cohort and group of a rehearsal, and how they come onto journeys."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta

from .calendars import WorkCalendar
from .cohorts import begin_cohort, cohort_of
from .enrolling import begin, starting_on
from .enrolment import Enrolment, Signal, next_step
from .journey import Audience, Journey, SignalKind, TriggerKind
from .timing import due_of

SAMPLE_CUSTOMER = "sample-customer"
SAMPLE_GROUP = "sample-group"
SAMPLE_GUIDE = "sample-guide"
_LOOK_BACK = 40


def on_journey(
    journey: Journey,
    segment: str,
    start: datetime,
    calendar: WorkCalendar,
    signals: Iterable[Signal] = (),
    *,
    audiences: Collection[Audience] = tuple(Audience),
) -> list[Enrolment]:
    """The walks of the samples who start `journey` at `start`.

    Events that steps wait for happen at once unless `signals` tells another story.
    """
    begun, guides = start.astimezone(UTC), (SAMPLE_GUIDE,)
    walks = []
    if Audience.CUSTOMER in audiences and journey.steps_for(Audience.CUSTOMER):
        one = begin(journey, SAMPLE_CUSTOMER, segment, begun)
        for signal in tuple(signals) or _awaited(journey, begun):
            one = one.with_signal(journey, signal)
        walks.append(one)
    if Audience.COHORT in audiences and journey.steps_for(Audience.COHORT):
        cohort = cohort_of(journey, segment, begun, calendar)
        walks.append(begin_cohort(journey, cohort, calendar.local_day(begun), guides, calendar))
    if Audience.GROUP in audiences and journey.steps_for(Audience.GROUP):
        group = Audience.GROUP
        walks.append(begin(journey, SAMPLE_GROUP, segment, begun, audience=group, guides=guides))
    return walks


def beside(
    journey: Journey,
    main: Journey,
    segment: str,
    start: datetime,
    until: datetime,
    calendar: WorkCalendar,
) -> list[Enrolment]:
    """The walks of the samples on another `journey` while they walk `main` in `segment`.

    The fullest case: whatever begins by something that a customer does begins at `start`, a
    silence so many hours after the same last word; what has its own days keeps to them, with
    steps before `start` behind it. Groups only count where `main` posts in groups.
    """
    audiences = _reached_by(main)
    name = _segment_beside(journey, main, segment)
    walks: list[Enrolment] = []
    for begun in _beginnings(journey, main, start, until, calendar):
        some = on_journey(journey, name, begun, calendar, audiences=audiences)
        walks += [_caught_up(journey, one, start, calendar) for one in some]
    return walks


def segment_named(journey: Journey, segment: str) -> str:
    """`segment` if the journey has it, else its first one."""
    names = [one.name for one in journey.segments]
    return segment if segment in names else names[0]


def _reached_by(main: Journey) -> set[Audience]:
    personal = {Audience.CUSTOMER, Audience.COHORT}
    mine = {step.kind.audience for step in main.steps}
    return (personal if mine & personal else set()) | (mine & {Audience.GROUP})


def _segment_beside(journey: Journey, main: Journey, segment: str) -> str:
    names = [one.name for one in journey.segments]
    if segment in names:
        return segment
    tags = next((one.tags for one in main.segments if one.name == segment), ())
    return journey.segment_of(tags) or names[-1]


def _beginnings(
    journey: Journey, main: Journey, start: datetime, until: datetime, calendar: WorkCalendar
) -> list[datetime]:
    dates = [calendar.at(day, time(0)) for day in _own_days(journey, start, until, calendar)]
    past = [day for day in dates if day <= start]
    found = [*past[-1:], *(day for day in dates if day > start)]
    others = [one for one in journey.triggers if one.kind is not TriggerKind.DATE]
    if others:
        spoke = start - timedelta(hours=min(one.hours for one in main.triggers))
        found.append(max(start, spoke + timedelta(hours=min(one.hours for one in others))))
    return found if journey.repeat.allowed else found[:1]


def _own_days(
    journey: Journey, start: datetime, until: datetime, calendar: WorkCalendar
) -> list[date]:
    first, last = calendar.local_day(start) - timedelta(_LOOK_BACK), calendar.local_day(until)
    days = (first + timedelta(days=place) for place in range((last - first).days + 1))
    return [day for day in days if any(starting_on([journey], day))]


def _caught_up(
    journey: Journey, walk: Enrolment, start: datetime, calendar: WorkCalendar
) -> Enrolment:
    """With the steps behind it that were due before `start`."""
    while (step := next_step(journey, walk)) is not None:
        due = due_of(step, walk, calendar)
        if due.missing or due.at >= start:
            break
        walk = walk.advanced(step, due.at)
    return walk


def _awaited(journey: Journey, start: datetime) -> tuple[Signal, ...]:
    names = {step.timing.after_event for step in journey.steps} - {None}
    moment = start + timedelta(seconds=1)
    return tuple(Signal(SignalKind.EVENT, moment, name) for name in sorted(filter(None, names)))
