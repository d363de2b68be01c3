"""The planner: a pure function from who is due and what was done to what will be done.

Cohorts go first, because a moment is for many and the contacts of one person make room for
it; then each customer and group, the journeys of higher priority before the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from .budget import Budget
from .calendars import WorkCalendar
from .context import PlanContext
from .drafts import Draft
from .edits import in_segment, is_overtaken
from .enrolment import Customer, Enrolment, by_subject, next_step, touch_id
from .journey import Audience, Journey, Step
from .moments import MomentSchedule
from .quotas import Ledger, Subject
from .rules import Rule
from .settling import Claim, Settled, Settling
from .timing import due_of, next_due
from .touches import Touch

CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Progress:
    """An enrolment after planning, and when to feed it again (None: it is over)."""

    enrolment: Enrolment
    next_due: datetime | None


@dataclass(frozen=True, slots=True)
class Plan:
    """New touches and the enrolments as they now stand; store both in one transaction."""

    touches: tuple[Touch, ...]
    progress: tuple[Progress, ...]


def plan(
    journeys: Iterable[Journey],
    enrolments: Iterable[Enrolment],
    history: Iterable[Touch],
    budget: Budget,
    calendar: WorkCalendar,
    now: datetime,
    *,
    customers: Iterable[Customer] = (),
    horizon: timedelta = timedelta(hours=1),
) -> Plan:
    """Plan everything due until `now + horizon`; the same input gives the same plan.

    `history` holds earlier touches of these subjects, planned, sent and skipped, at least
    since `history_since(now, calendar, budget)`, and all posts to cohorts. For many enrolments
    use `plan_chunk`.
    """
    enrolments = tuple(enrolments)
    known = {journey.id: journey for journey in journeys}
    context = PlanContext(known, calendar, now, now + horizon)
    schedule = schedule_of(context, enrolments)
    ledger = Ledger(budget, calendar, schedule=schedule, history=history)
    people = {customer.external_userid: customer for customer in customers}
    return plan_chunk(context, enrolments, ledger, people)


def plan_chunk(
    context: PlanContext,
    enrolments: Iterable[Enrolment],
    ledger: Ledger,
    customers: Mapping[str, Customer],
) -> Plan:
    """Plan some of the due enrolments and book their touches in `ledger`.

    A customer's due enrolments belong in one chunk (`chunks` sees to it), cohorts in the
    first. The ledger must hold the history of the chunk's subjects.
    """
    run = _Run(context, ledger, customers)
    subjects = by_subject(enrolments)
    cohorts = [key for key in subjects if key[0] is Audience.COHORT]
    run.walk_cohorts([one for key in sorted(cohorts) for one in subjects.pop(key)])
    for key in sorted(subjects):
        run.walk_person(key, subjects[key])
    return Plan(tuple(run.touches), tuple(run.progress))


def chunks(enrolments: Iterable[Enrolment], size: int = CHUNK) -> Iterator[list[Enrolment]]:
    """Cut a stream ordered by subject into chunks that never part one subject's enrolments."""
    chunk: list[Enrolment] = []
    for enrolment in enrolments:
        if len(chunk) >= size and _key(chunk[-1]) != _key(enrolment):
            yield chunk
            chunk = []
        chunk.append(enrolment)
    if chunk:
        yield chunk


def schedule_of(context: PlanContext, enrolments: Iterable[Enrolment]) -> MomentSchedule:
    """The posting days of all cohorts among `enrolments`; give it all that are running."""
    cohorts = (each for each in enrolments if each.audience is Audience.COHORT)
    return MomentSchedule(
        context.calendar, [(context.journey(each.journey), each) for each in cohorts]
    )


def history_since(now: datetime, calendar: WorkCalendar, budget: Budget) -> datetime:
    """How far back the ledger must know touches: to the start of month and week, and a gap."""
    day = calendar.local_day(now)
    monday = day - timedelta(days=day.weekday())
    return min(calendar.at(min(day.replace(day=1), monday), time(0)), now - budget.gap)


class _Run:
    """One pass over a chunk; keeps the touches and the enrolments as they come out."""

    def __init__(
        self, context: PlanContext, ledger: Ledger, customers: Mapping[str, Customer]
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._customers = customers
        self.touches: list[Touch] = []
        self.progress: list[Progress] = []

    def walk_cohorts(self, enrolments: Iterable[Enrolment]) -> None:
        for journey, enrolment in self._ranked(enrolments):
            self._walk(journey, enrolment, Customer(enrolment.subject))

    def walk_person(self, key: Subject, enrolments: Iterable[Enrolment]) -> None:
        audience, subject = key
        rival: Journey | None = None
        claims: list[Claim] = []
        for journey, enrolment in self._ranked(enrolments):
            if audience is Audience.GROUP:
                person = Customer(subject, guides=enrolment.guides)
            else:
                person = self._customers.get(subject) or Customer(subject, enrolment.guides)
            if self._walk(journey, enrolment, person, rival, tuple(claims)) and rival is None:
                rival = journey
            claims += self._claims(journey, self.progress[-1])

    def _claims(self, journey: Journey, progress: Progress) -> Iterator[Claim]:
        step = next_step(journey, progress.enrolment)
        if step is None or progress.next_due is None:
            return
        if not due_of(step, progress.enrolment, self._context.calendar).missing:
            yield Claim(journey, progress.next_due)

    def _ranked(self, enrolments: Iterable[Enrolment]) -> list[tuple[Journey, Enrolment]]:
        pairs = [(self._context.journey(each.journey), each) for each in enrolments]
        return sorted(pairs, key=_rank)

    def _walk(
        self,
        journey: Journey,
        enrolment: Enrolment,
        person: Customer,
        rival: Journey | None = None,
        claims: tuple[Claim, ...] = (),
    ) -> bool:
        """Settle all steps that are due; whether one of them will go out."""
        contacted = False
        enrolment = in_segment(journey, enrolment, person)
        while enrolment.active and (step := next_step(journey, enrolment)) is not None:
            if is_overtaken(journey, step, enrolment, self._context.calendar):
                enrolment = self._pass_by(journey, step, enrolment, person)
                continue
            settling = Settling(
                self._context, self._ledger, journey, step, enrolment, person, rival, claims
            )
            outcome = settling.settle()
            enrolment = outcome.enrolment
            if not isinstance(outcome, Settled):
                break
            if outcome.touch is not None:
                self.touches.append(outcome.touch)
                contacted = contacted or outcome.touch.status.counts
        if enrolment.active and next_step(journey, enrolment) is None:
            enrolment = replace(enrolment, ended_by=Rule.FINISHED)
        again = next_due(journey, enrolment, self._context.calendar)
        self.progress.append(Progress(enrolment, again))
        return contacted

    def _pass_by(
        self, journey: Journey, step: Step, enrolment: Enrolment, person: Customer
    ) -> Enrolment:
        """Note that a step, written in behind the walker, is not made up for."""
        due = due_of(step, enrolment, self._context.calendar).at
        key = touch_id(journey.id, step.id, enrolment.subject, enrolment.cycle)
        if not self._ledger.knows(key):
            draft = Draft(self._context, journey, step, enrolment, person)
            touch = draft.skipped(key, due, Rule.OVERTAKEN)
            self._ledger.record(touch)
            self.touches.append(touch)
        return enrolment.advanced(step, due)


def _rank(pair: tuple[Journey, Enrolment]) -> tuple[int, datetime, str, str, str]:
    journey, one = pair
    return -journey.priority, one.started_at, journey.id, one.subject, one.cycle


def _key(enrolment: Enrolment) -> Subject:
    return enrolment.audience, enrolment.subject
