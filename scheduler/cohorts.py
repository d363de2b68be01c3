"""Cohorts: the corp tags at which moments are aimed.

A moments task can only be aimed by corp tags, so everybody who joins on one day and belongs
to one segment carries one tag. Posts begin the day after, when the tag is surely on all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from .calendars import WorkCalendar
from .enrolling import begin
from .enrolment import Enrolment
from .journey import Audience, CohortBy, CohortSettings, Journey

_TAG_LIMIT = 30
_STANDING = "all"


@dataclass(frozen=True, slots=True)
class Cohort:
    """People of one segment who joined on one day (None: a standing cohort)."""

    journey: str
    segment: str
    day: date | None

    @property
    def key(self) -> str:
        """The subject of the cohort's enrolment, and what customers carry in `cohorts`."""
        day = f"{self.day:%Y%m%d}" if self.day is not None else _STANDING
        return f"{self.journey}:{self.segment}:{day}"

    @classmethod
    def of_key(cls, key: str) -> Cohort:
        """The cohort that `key` names; a segment may have colons in its name, a journey not."""
        journey, _, rest = key.partition(":")
        segment, _, day = rest.rpartition(":")
        return cls(journey, segment, None if day == _STANDING else date.fromisoformat(day))


def cohort_of(
    journey: Journey, segment: str, tagged_at: datetime, calendar: WorkCalendar
) -> Cohort:
    """The cohort of somebody whose tag is put on at `tagged_at`.

    Give the time of tagging, not of joining: whoever is tagged late goes with a later cohort
    and sees every day once. Ask again for each attempt of a tagging that has failed.
    """
    by_day = journey.cohort is None or journey.cohort.by is CohortBy.JOINING_DAY
    return Cohort(journey.id, segment, calendar.local_day(tagged_at) if by_day else None)


def tag_name(journey: Journey, cohort: Cohort) -> str:
    """The corp tag's name, at most 30 characters: prefix, segment and day."""
    settings = journey.cohort or CohortSettings()
    labels = {segment.name: segment.zh for segment in journey.segments}
    ending = f"{cohort.day:%y%m%d}" if cohort.day is not None else "常设"
    label = labels.get(cohort.segment, cohort.segment)
    room = _TAG_LIMIT - len(ending) - len(settings.tag_prefix) - 2
    return f"{settings.tag_prefix}·{label[:room]}·{ending}"


def share_tags(one: Journey, other: Journey) -> bool:
    """Whether both would aim posts at one tag, so that people of one saw those of the other."""
    if one.id == other.id or one.cohort is None or other.cohort is None:
        return False
    mine, theirs = one.cohort, other.cohort
    if (mine.by, mine.tag_group, mine.tag_prefix) != (
        theirs.by,
        theirs.tag_group,
        theirs.tag_prefix,
    ):
        return False
    labels = {segment.zh for segment in one.segments}
    return any(segment.zh in labels for segment in other.segments)


def begin_cohort(
    journey: Journey,
    cohort: Cohort,
    day: date,
    guides: tuple[str, ...],
    calendar: WorkCalendar,
) -> Enrolment:
    """The cohort's walk through the moments; `day` is the joining day or the date journey's."""
    start = calendar.at(day, time(0))
    return begin(
        journey, cohort.key, cohort.segment, start, audience=Audience.COHORT, guides=guides
    )


def retire_on(journey: Journey, enrolment: Enrolment, calendar: WorkCalendar) -> date:
    """The first day on which the cohort's tag may be deleted."""
    settings = journey.cohort or CohortSettings()
    days = max((one.timing.offset.days for one in journey.steps_for(Audience.COHORT)), default=0)
    return calendar.local_day(enrolment.started_at) + timedelta(
        days=days + settings.retire_after_days
    )


def retired(
    journeys: Iterable[Journey], enrolments: Iterable[Enrolment], day: date, calendar: WorkCalendar
) -> list[Enrolment]:
    """Cohorts of joining days whose tag is no longer needed on `day`; standing ones stay."""
    known = {journey.id: journey for journey in journeys}
    return [
        one
        for one in enrolments
        if one.audience is Audience.COHORT
        and Cohort.of_key(one.subject).day is not None
        and (journey := known.get(one.journey)) is not None
        and retire_on(journey, one, calendar) <= day
    ]
