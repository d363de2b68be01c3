"""Beginnings: what happened, on which day it is, and who therefore starts a journey."""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from .calendars import WorkCalendar
from .enrolment import Customer, Enrolment
from .journey import Audience, Journey, Trigger, TriggerKind
from .rules import Rule

CUSTOMER_MESSAGE = "message"

_MOST_OF_A_YEAR = timedelta(days=300)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that may begin a journey.

    `kind` is `added` (value: channel), `stage_entered`, `tag_added` or `event`. Any customer
    message is the event `message`; silences begin with events, too.
    """

    kind: TriggerKind
    at: datetime
    value: str | None = None


def enrol(
    journeys: Iterable[Journey],
    occurrence: Occurrence,
    customer: Customer,
    current: Mapping[str, Enrolment] | None = None,
) -> tuple[Enrolment, ...]:
    """The enrolments that `occurrence` begins for `customer`, to be stored in place of old ones.

    `current` holds the customer's latest enrolment of each journey, ended ones too. Give the
    customer's signals to running enrolments first (`Enrolment.with_signal`).
    """
    if customer.opted_out:
        return ()
    begun = []
    for journey in journeys:
        trigger = _matching(journey, occurrence)
        segment = journey.segment_of(customer.tags)
        if trigger is None or segment is None or not journey.steps_for(Audience.CUSTOMER):
            continue
        started_at = occurrence.at + timedelta(hours=trigger.hours)
        old = (current or {}).get(journey.id)
        if old is None or _may_begin(journey, trigger, old, started_at):
            one = begin(
                journey, customer.external_userid, segment, started_at, since=occurrence.at
            )
            begun.append(replace(one, guides=customer.guides))
    return tuple(begun)


def begin(
    journey: Journey,
    subject: str,
    segment: str,
    started_at: datetime,
    *,
    audience: Audience = Audience.CUSTOMER,
    since: datetime | None = None,
    guides: tuple[str, ...] = (),
) -> Enrolment:
    """An enrolment from its start; the same start always gives the same cycle."""
    start = started_at.astimezone(UTC)
    return Enrolment(
        journey=journey.id,
        audience=audience,
        subject=subject,
        segment=segment,
        started_at=start,
        since=(since or started_at).astimezone(UTC),
        cycle=f"{start:%Y%m%dT%H%M%S}",
        guides=guides,
    )


def enrol_on(
    journey: Journey,
    day: date,
    customer: Customer,
    calendar: WorkCalendar,
    current: Enrolment | None = None,
) -> Enrolment | None:
    """The customer's enrolment on a date journey that starts on `day` (see `starting_on`)."""
    segment = journey.segment_of(customer.tags)
    steps = journey.steps_for(Audience.CUSTOMER)
    if customer.opted_out or segment is None or not steps:
        return None
    start = calendar.at(day, time(0))
    if current is not None and not _rested(journey, current, start):
        return None
    one = begin(journey, customer.external_userid, segment, start)
    return replace(one, guides=customer.guides)


def enrol_group(
    journey: Journey,
    day: date,
    chat_id: str,
    owner: str,
    calendar: WorkCalendar,
    segment: str | None = None,
) -> Enrolment | None:
    """A customer group's enrolment on a journey with group posts; its owner confirms them."""
    if not journey.steps_for(Audience.GROUP):
        return None
    start = calendar.at(day, time(0))
    name = segment or journey.segments[0].name
    return begin(journey, chat_id, name, start, audience=Audience.GROUP, guides=(owner,))


def starting_on(journeys: Iterable[Journey], day: date) -> Iterator[Journey]:
    """The journeys that a date trigger begins on `day`."""
    for journey in journeys:
        if any(_falls_on(trigger, day) for trigger in journey.triggers):
            yield journey


def birthday_start(journey: Journey, birthday: tuple[int, int], day: date) -> date | None:
    """The birthday (month, day) that the journey meets if it begins on `day`, else None.

    29 February is kept on 28 February in years without it.
    """
    for trigger in journey.triggers:
        if trigger.kind is not TriggerKind.BIRTHDAY:
            continue
        meant = day + timedelta(days=trigger.days_before)
        if _birthday_in(birthday, meant.year) == meant:
            return meant
    return None


def birthdays_met(journey: Journey, day: date) -> set[tuple[int, int]]:
    """The birthdays (month, day) for which the journey begins on `day`."""
    met: set[tuple[int, int]] = set()
    for trigger in journey.triggers:
        if trigger.kind is not TriggerKind.BIRTHDAY:
            continue
        meant = day + timedelta(days=trigger.days_before)
        met.add((meant.month, meant.day))
        if (meant.month, meant.day) == (2, 28) and not isleap(meant.year):
            met.add((2, 29))
    return met


def enrol_birthday(
    journey: Journey,
    day: date,
    customer: Customer,
    calendar: WorkCalendar,
    current: Enrolment | None = None,
) -> Enrolment | None:
    """The customer's enrolment on a birthday journey, once a year though it says no `repeat`."""
    start = calendar.at(day, time(0))
    if current is not None:
        rested = start >= current.started_at + _MOST_OF_A_YEAR
        if current.active or current.ended_by is Rule.OPTED_OUT or not rested:
            return None
    return enrol_on(journey, day, customer, calendar)


def _birthday_in(birthday: tuple[int, int], year: int) -> date:
    if birthday == (2, 29) and not isleap(year):
        return date(year, 2, 28)
    return date(year, *birthday)


def _falls_on(trigger: Trigger, day: date) -> bool:
    if trigger.kind is not TriggerKind.DATE:
        return False
    if trigger.monthly is not None:
        return day.day == min(trigger.monthly, monthrange(day.year, day.month)[1])
    if trigger.weekly is not None:
        return day.isoweekday() == trigger.weekly
    if trigger.yearly is not None:
        return _birthday_in(trigger.yearly, day.year) == day
    return trigger.on == day


def _matching(journey: Journey, occurrence: Occurrence) -> Trigger | None:
    return next((one for one in journey.triggers if _begins(one, occurrence)), None)


def _begins(trigger: Trigger, occurrence: Occurrence) -> bool:
    value = occurrence.value
    if trigger.kind is TriggerKind.SILENCE:
        is_event = occurrence.kind is TriggerKind.EVENT
        return is_event and (
            value in trigger.values if trigger.values else value == CUSTOMER_MESSAGE
        )
    if trigger.kind is not occurrence.kind:
        return False
    return not trigger.values or value in trigger.values


def _may_begin(journey: Journey, trigger: Trigger, old: Enrolment, started_at: datetime) -> bool:
    if started_at <= old.started_at:
        return False
    if trigger.kind is TriggerKind.SILENCE and not old.settled:
        return True
    return _rested(journey, old, started_at)


def _rested(journey: Journey, old: Enrolment, started_at: datetime) -> bool:
    if old.active or not journey.repeat.allowed or old.ended_by is Rule.OPTED_OUT:
        return False
    rest = timedelta(days=journey.repeat.rest_days)
    return started_at > old.started_at and started_at >= old.started_at + rest
