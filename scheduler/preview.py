"""Rehearsal: what a sample customer, cohort and group would get, before anything is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from .budget import Budget
from .calendars import WorkCalendar
from .conflicts import Conflict, find_conflicts
from .content import Content
from .context import PlanContext
from .enrolment import Customer, Enrolment, KfWindow, Signal
from .journey import Audience, Journey, Step
from .planner import Progress, plan_chunk, schedule_of
from .quotas import Ledger
from .sampling import SAMPLE_CUSTOMER, SAMPLE_GUIDE, beside, on_journey, segment_named
from .timing import next_due
from .touches import Touch

_HORIZON = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the rehearsal; `day` counts from 0, `at` is the shop's wall clock.

    `other` marks a line of a journey that is walked beside the one rehearsed, `conflict` what
    the other side did to this touch.
    """

    day: int
    at: datetime
    touch: Touch
    journey: str
    purpose: str
    content: Content | None
    quota: str
    other: bool = False
    conflict: Conflict | None = None

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
            "other": self.other,
            "conflict": self.conflict.as_dict() if self.conflict else None,
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
    others: Iterable[Journey] = (),
    signals: Iterable[Signal] = (),
    kf_opened_at: datetime | None = None,
) -> Rehearsal:
    """Walk the journeys with one sample customer of `segment` who starts them all at `start`.

    Events that steps wait for happen at once, so that every step shows, unless `signals`
    tells another story. A journey without the segment shows its first one. With `others` the
    same customer is on these, too (see `beside`): their touches are rows marked `other`, and
    whatever one side does to the other is the row's `conflict`.
    """
    mine, told = {one.id: one for one in journeys}, tuple(signals)
    rivals = {one.id: one for one in others if one.id not in mine}
    until = start + timedelta(days=days)
    own = [
        walk
        for one in mine.values()
        for walk in on_journey(one, segment_named(one, segment), start, calendar, told)
    ]
    stage = _Stage({**mine, **rivals}, calendar, budget, start, until, kf_opened_at)
    if not rivals or not mine:
        return Rehearsal(stage.rows(own))
    main = next(iter(mine.values()))
    theirs = [
        walk
        for one in rivals.values()
        for walk in beside(one, main, segment, start, until, calendar)
    ]
    rows = stage.rows([*own, *theirs], alone=(own, theirs))
    return Rehearsal(tuple(_marked(rows, frozenset(mine))))


def _marked(rows: Iterable[Row], mine: Collection[str]) -> Iterator[Row]:
    """Rows of other journeys marked, without what they skip for reasons of their own."""
    for row in rows:
        if row.touch.journey in mine:
            yield row
        elif row.touch.status.counts or row.conflict is not None:
            yield replace(row, other=True)


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where walks are played: the limits, the days, and when the customer last wrote."""

    journeys: Mapping[str, Journey]
    calendar: WorkCalendar
    budget: Budget
    start: datetime
    until: datetime
    kf_opened_at: datetime | None

    def rows(
        self, walks: Iterable[Enrolment], *, alone: Iterable[Iterable[Enrolment]] = ()
    ) -> tuple[Row, ...]:
        """The rows of all, each with the conflict that it has not among its own kind `alone`."""
        played, ledger, person = self._play(walks)
        shown = {touch.id for touch in played if touch.due_at < self.until}
        conflicts: dict[str, Conflict] = {}
        for some in alone:
            before = [one for one in self._play(some)[0] if one.due_at < self.until]
            conflicts |= find_conflicts(before, played, self.journeys, self.budget, self.calendar)
        ordered = sorted(played, key=lambda touch: (touch.due_at, touch.id))
        return tuple(
            replace(self._row(touch, ledger, person), conflict=conflicts.get(touch.id))
            for touch in ordered
            if touch.id in shown or touch.id in conflicts
        )

    def _play(self, walks: Iterable[Enrolment]) -> tuple[list[Touch], Ledger, Customer]:
        """Plan hour by hour, as the service does, so that what is put off comes back.

        Somewhat beyond the end, to show where a step of these days was put off to.
        """
        running = tuple(walks)
        end = self.until + max((one.late for one in self._steps()), default=timedelta())
        context = PlanContext(self.journeys, self.calendar, self.start, end)
        ledger = Ledger(self.budget, self.calendar, schedule=schedule_of(context, running))
        cohorts = tuple(one.subject for one in running if one.audience is Audience.COHORT)
        window = KfWindow(self.kf_opened_at) if self.kf_opened_at is not None else None
        person = Customer(SAMPLE_CUSTOMER, (SAMPLE_GUIDE,), cohorts, kf=window)
        return list(_walked(context, running, ledger, person)), ledger, person

    def _steps(self) -> Iterator[Step]:
        return (step for one in self.journeys.values() for step in one.steps)

    def _row(self, touch: Touch, ledger: Ledger, person: Customer) -> Row:
        journey, calendar = self.journeys[touch.journey], self.calendar
        step = journey.step(touch.step)
        day = calendar.local_day(touch.due_at) - calendar.local_day(self.start)
        return Row(
            day=day.days,
            at=touch.due_at.astimezone(calendar.zone),
            touch=touch,
            journey=journey.name,
            purpose=step.purpose if step is not None else "",
            content=step.content_for(touch.content.segment, touch.variant) if step else None,
            quota=ledger.usage(person, touch.due_at).summary(),
        )


def _walked(
    context: PlanContext, walks: Iterable[Enrolment], ledger: Ledger, person: Customer
) -> Iterator[Touch]:
    waiting = [
        Progress(one, next_due(context.journey(one.journey), one, context.calendar))
        for one in walks
    ]
    people, now = {person.external_userid: person}, context.now
    while soonest := min((one.next_due for one in waiting if one.next_due), default=None):
        now = max(now, soonest.replace(minute=0, second=0, microsecond=0))
        if now >= context.until:
            return
        hour = PlanContext(context.journeys, context.calendar, now, now + _HORIZON)
        running = [one.enrolment for one in waiting if one.next_due is not None]
        done = plan_chunk(hour, running, ledger, people)
        yield from done.touches
        waiting = list(done.progress)
        now = hour.until
