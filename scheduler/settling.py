"""Settling one step of one enrolment: when, on which way, or why not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from .calendars import Span
from .context import PlanContext
from .drafts import Draft
from .enrolment import Customer, Enrolment, exit_rule, next_step, touch_id
from .experiments import share_of
from .journey import Audience, CatchUp, Journey, Step, Way
from .quotas import Ledger, Refusal
from .rules import Rule
from .timing import Due, allowed_span, due_of, open_span, posting_span
from .touches import Touch

_ATTEMPTS = 24
_OUTAGE = (Rule.MISSED, Rule.MERGED, Rule.CAUGHT_UP)
"""Rules of steps whose time passed while nobody planned."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The step is done with; `touch` is None if it had been planned before."""

    enrolment: Enrolment
    touch: Touch | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The step is not due yet, or the limits put it off until `enrolment.not_before`."""

    enrolment: Enrolment


@dataclass(frozen=True, slots=True)
class Claim:
    """When a journey that goes first will want the customer next."""

    journey: Journey
    at: datetime


@dataclass(frozen=True, slots=True)
class Settling:
    """One step of one enrolment before the ledger. `rival` got today's place before it.

    `claims` are of journeys planned before this one, for steps that are not due yet.
    """

    context: PlanContext
    ledger: Ledger
    journey: Journey
    step: Step
    enrolment: Enrolment
    customer: Customer
    rival: Journey | None = None
    claims: tuple[Claim, ...] = ()

    def settle(self) -> Settled | Waiting:
        known = self.ledger.touch(self._id)
        if known is not None:
            return Settled(self.enrolment.advanced(self.step, known.due_at), None)
        due = due_of(self.step, self.enrolment, self.context.calendar)
        if (left := self._exit()) is not None:
            return self._leave(left, due)
        if due.missing:
            return self._await(due)
        if self.enrolment.audience is Audience.COHORT:
            return self._settle_moment(due.at)
        return self._settle_contact(due.at)

    @property
    def _id(self) -> str:
        one = self.enrolment
        return touch_id(self.journey.id, self.step.id, one.subject, one.cycle)

    @property
    def _draft(self) -> Draft:
        return Draft(self.context, self.journey, self.step, self.enrolment, self.customer)

    @property
    def _winner(self) -> Journey | None:
        """To whom this journey gave way, if it did."""
        return self.rival or next((one.journey for one in self.claims), None)

    def _exit(self) -> Rule | None:
        return (
            Rule.OPTED_OUT if self.customer.opted_out else exit_rule(self.journey, self.enrolment)
        )

    def _leave(self, rule: Rule, due: Due) -> Settled:
        ended = replace(self.enrolment, ended_by=rule)
        if not self._reached(due.at):
            return Settled(ended, None)
        touch = self._draft.skipped(self._id, due.at, rule)
        self.ledger.record(touch)
        return Settled(ended, touch)

    def _await(self, due: Due) -> Settled | Waiting:
        if due.at > self.context.now:
            return Waiting(self.enrolment)
        return self._skip(due.at, Rule.SIGNAL_MISSING)

    def _settle_moment(self, due: datetime) -> Settled | Waiting:
        if not self._reached(due):
            return Waiting(self.enrolment)
        calendar, now = self.context.calendar, self.context.now
        span = posting_span(self.step, self.enrolment, calendar)
        if span is None:
            return self._skip(due, self._day_rule(due))
        rule, start = span.rule, span.start
        if now > start:
            late = open_span(self.step, max(now, start), calendar)
            if self._overdue(start) and self.step.catch_up is CatchUp.SKIP:
                return self._skip(due, Rule.MISSED)
            if late is None or calendar.local_day(late.start) != calendar.local_day(due):
                return self._skip(due, Rule.MISSED)
            rule = rule or (Rule.CAUGHT_UP if self._overdue(start) else None)
            span, start = late, late.start
        if self._draft.content is None:
            return self._skip(due, Rule.NO_CONTENT)
        refusal = self.ledger.refuse_moment(self.journey.id, self.enrolment.subject, start)
        if refusal is not None:
            return self._skip(due, refusal.rule)
        slot = self.ledger.moment_slot(start)
        if slot >= span.end:
            return self._skip(due, Rule.TOO_LATE)
        return self._send(due, slot, Way.MOMENT, rule)

    def _settle_contact(self, due: datetime) -> Settled | Waiting:
        calendar, now = self.context.calendar, self.context.now
        span = allowed_span(self.step, self.enrolment, calendar)
        if span is None:
            return self._skip(due, self._day_rule(due)) if self._reached(due) else self._wait()
        if not self._reached(span.start):
            return self._wait()
        overdue, limit = self._overdue(span.start) or self._is_behind(due), self._limit(due)
        if (rule := self._pointless() or (self._too_late(limit) if overdue else None)) is not None:
            return self._skip(due, rule)
        rule = self.enrolment.deferred_by or (Rule.CAUGHT_UP if overdue else span.rule)
        return self._place(due, max(span.start, now), limit, rule)

    def _place(
        self, due: datetime, start: datetime, limit: datetime, moved_by: Rule | None
    ) -> Settled | Waiting:
        """Find the first time up to `limit` that every limit allows, or put off, or give up."""
        moment, rule = start, moved_by
        for _ in range(_ATTEMPTS):
            span = open_span(self.step, moment, self.context.calendar)
            if span is None or span.start > limit:
                return self._skip(due, rule or Rule.TOO_LATE)
            rule = rule or span.rule
            if not self._reached(span.start) and rule is not None:
                return self._wait(span.start, rule)
            at = self._spread(span)
            way, refusal = self._try(at)
            if refusal is None:
                return self._send(due, at, way, rule)
            rule = self._named(refusal.rule)
            if refusal.retry_at is None:
                return self._skip(due, rule)
            moment = refusal.retry_at
        return self._skip(due, rule or Rule.TOO_LATE)

    def _try(self, at: datetime) -> tuple[Way | None, Refusal | None]:
        subject = (self.enrolment.audience, self.enrolment.subject)
        weight = self.ledger.budget.fatigue.weight(self.step.kind)
        tired = self.ledger.refuse_contact(subject, weight, at, self.customer.cohorts)
        if (refusal := tired or self._claimed(at)) is not None:
            return None, refusal
        refusals = []
        for way in self.step.roads:
            refusal = self.ledger.refuse_way(way, subject, self.customer, at, self._draft.messages)
            if refusal is None:
                return way, None
            refusals.append(refusal)
        hopeful = [(one.retry_at, one.rule) for one in refusals if one.retry_at is not None]
        if not hopeful:
            return None, refusals[0]
        soonest, rule = min(hopeful)
        return None, Refusal(rule, soonest)

    def _claimed(self, at: datetime) -> Refusal | None:
        """Room is left for what is more important and comes soon, as it would find none else."""
        budget = self.ledger.budget
        for claim in self.claims:
            free = claim.at + budget.spread + budget.gap
            before = claim.journey.priority > self.journey.priority
            if before and claim.at - budget.gap < at < free:
                return Refusal(Rule.PRIORITY, free)
        return None

    def _pointless(self) -> Rule | None:
        signals = {one.name for one in self.enrolment.signals if one.at > self.enrolment.since}
        if not self.step.condition.holds(self.customer.stage, self.customer.tags, signals):
            return Rule.CONDITION
        return Rule.NO_CONTENT if self._draft.content is None else None

    def _too_late(self, limit: datetime) -> Rule | None:
        """What an overdue step's own policy says; a merged one makes room for a later one."""
        if self.step.catch_up is CatchUp.MERGE and self._taken_over():
            return Rule.MERGED
        missed = self.step.catch_up is CatchUp.SKIP or self.context.now > limit
        return Rule.MISSED if missed else None

    def _taken_over(self) -> bool:
        """Whether a later step is overdue as well, and will be made up for."""
        after = self._next_overdue()
        return after is not None and (after._is_made_up_for() or after._taken_over())

    def _is_made_up_for(self) -> bool:
        in_time = self.context.now <= self._limit(self._nominal)
        return self.step.catch_up is not CatchUp.SKIP and in_time and self._pointless() is None

    def _next_overdue(self) -> Settling | None:
        walked = self.enrolment.advanced(self.step, self._after_previous(self._nominal))
        step = next_step(self.journey, walked)
        if step is None:
            return None
        due = due_of(step, walked, self.context.calendar)
        if due.missing or not self._overdue(due.at):
            return None
        return replace(self, step=step, enrolment=walked)

    def _limit(self, due: datetime) -> datetime:
        """Until when the step may go out: `late` after the first time that its hours allow."""
        return self._first_hour(due) + self.step.late

    def _first_hour(self, due: datetime) -> datetime:
        first = open_span(self.step, due, self.context.calendar)
        return first.start if first is not None else due

    def _is_behind(self, due: datetime) -> bool:
        """Whether an outage, and not a limit, made the steps before it pass this one's time."""
        one = self.enrolment
        passed = (step for step, at in one.settled if at > due)
        known = (
            self.ledger.touch(touch_id(one.journey, step, one.subject, one.cycle))
            for step in passed
        )
        late = any(touch is not None and touch.rule in _OUTAGE for touch in known)
        return late and self._overdue(self._first_hour(due))

    @property
    def _nominal(self) -> datetime:
        return due_of(self.step, self.enrolment, self.context.calendar).at

    def _spread(self, span: Span) -> datetime:
        """Somewhere in the next hour by hash, so that a crowd does not arrive in one second.

        Mass sends of one step to one guide stay together: they become one task.
        """
        key = self._id
        if self.step.roads == (Way.MASS_SEND,):
            key = "\x1f".join((self.journey.id, self.step.id, *self.customer.guides[:1]))
        room = min(self.ledger.budget.spread, span.end - span.start)
        at = span.start + room * share_of(key)
        return at.replace(microsecond=0) if at.replace(microsecond=0) >= span.start else at

    def _send(self, due: datetime, at: datetime, way: Way | None, rule: Rule | None) -> Settled:
        touch = self._draft.planned(self._id, due, at, way, rule, self._winner)
        self.ledger.record(touch)
        return Settled(self.enrolment.advanced(self.step, at), touch)

    def _skip(self, due: datetime, rule: Rule) -> Settled:
        touch = self._draft.skipped(self._id, due, rule, self._winner)
        self.ledger.record(touch)
        return Settled(self.enrolment.advanced(self.step, self._after_previous(due)), touch)

    def _wait(self, until: datetime | None = None, rule: Rule | None = None) -> Waiting:
        if until is None:
            return Waiting(self.enrolment)
        return Waiting(replace(self.enrolment, not_before=until, deferred_by=rule))

    def _named(self, rule: Rule) -> Rule:
        outranked = self.rival is not None and self.rival.priority > self.journey.priority
        return Rule.PRIORITY if outranked and rule in (Rule.GAP, Rule.FATIGUE_DAY) else rule

    def _day_rule(self, due: datetime) -> Rule:
        calendar = self.context.calendar
        if calendar.silent_name(calendar.local_day(due)) is not None:
            return Rule.SILENT_DAY
        return Rule.QUIET_HOURS

    def _after_previous(self, moment: datetime) -> datetime:
        return max(moment, self.enrolment.last_settled or moment)

    def _reached(self, moment: datetime) -> bool:
        return moment < self.context.until

    def _overdue(self, moment: datetime) -> bool:
        return self.context.now > moment + self.ledger.budget.grace
