"""Moments in the ledger: how many a cohort's members see, and the corp's own task limits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

from .budget import Budget
from .calendars import WorkCalendar
from .enrolment import Enrolment
from .journey import Journey, StepKind
from .rules import Rule
from .timing import posting_days
from .touches import Touch

_MINUTE = 60


class MomentSchedule:
    """The days on which each cohort will see posts, past ones and those still to come.

    Posts never change their day, so a customer's other contacts can make room in advance.
    """

    def __init__(
        self,
        calendar: WorkCalendar,
        cohorts: Iterable[tuple[Journey, Enrolment]] = (),
    ) -> None:
        self._days: defaultdict[str, Counter[date]] = defaultdict(Counter)
        for journey, enrolment in cohorts:
            for at in posting_days(journey, enrolment, calendar):
                self._days[enrolment.subject][calendar.local_day(at)] += 1

    def on(self, cohorts: Sequence[str], day: date) -> int:
        return sum(self._days[name][day] for name in cohorts if name in self._days)


class MomentBook:
    """Counts posts by day and month for each cohort of each journey.

    One customer carries at most one cohort tag of a journey, so the most that anybody of a
    cohort can see is its own posts and, of each other journey, those of its busiest cohort.
    """

    def __init__(self, budget: Budget, calendar: WorkCalendar, schedule: MomentSchedule) -> None:
        self._budget = budget
        self._calendar = calendar
        self._schedule = schedule
        self._weight = budget.fatigue.weight(StepKind.MOMENT)
        self._periods: defaultdict[tuple[str, date], dict[str, Counter[str]]] = defaultdict(dict)
        self._tasks: Counter[date] = Counter()
        self._taken: Counter[int] = Counter()
        self._slot = -(-_MINUTE // budget.moment_tasks_per_minute)

    def book(self, touch: Touch, by: int) -> None:
        day = self._calendar.local_day(touch.due_at)
        for period in self._periods_of(day):
            journeys = self._periods[period]
            journeys.setdefault(touch.journey, Counter())[touch.subject] += by
        self._tasks[day.replace(day=1)] += by
        for slot in self._slots_of(touch.due_at):
            self._taken[slot] += by

    def refuse(self, journey: str, cohort: str, at: datetime) -> Rule | None:
        """The limit that forbids one more post for this cohort on that day."""
        day = self._calendar.local_day(at)
        daily, weekly, monthly = (
            self._most_seen(period, journey, cohort) for period in self._periods_of(day)
        )
        fatigue, weight = self._budget.fatigue, self._weight
        if daily + 1 > self._budget.moments_per_day:
            return Rule.MOMENT_DAY
        if monthly + 1 > self._budget.moments_per_month:
            return Rule.MOMENT_MONTH
        if (daily + 1) * weight > fatigue.per_day:
            return Rule.FATIGUE_DAY
        if (weekly + 1) * weight > fatigue.per_week:
            return Rule.FATIGUE_WEEK
        if self._tasks[day.replace(day=1)] >= self._budget.moment_tasks_per_month:
            return Rule.MOMENT_TASKS
        return None

    def free_slot(self, at: datetime) -> datetime:
        slot = -(-int(at.timestamp() * 1000) // (self._slot * 1000))
        while self._taken[slot] > 0:
            slot += 1
        return datetime.fromtimestamp(slot * self._slot, UTC)

    def planned_on(self, cohorts: Sequence[str], day: date) -> int:
        """The share of a member's daily measure that this day's posts may take."""
        if not cohorts:
            return 0
        return min(self._schedule.on(cohorts, day), self._budget.moments_per_day) * self._weight

    def planned_in_week(self, cohorts: Sequence[str], monday: date) -> int:
        if not cohorts:
            return 0
        return sum(self.planned_on(cohorts, monday + timedelta(days=day)) for day in range(7))

    def seen(self, cohorts: Sequence[str], period: tuple[str, date]) -> int:
        """Posts planned or sent to these cohorts in a day, week or month by its first day."""
        journeys = self._periods.get(period, {})
        return sum(posts[name] for posts in journeys.values() for name in cohorts)

    def _most_seen(self, period: tuple[str, date], journey: str, cohort: str) -> int:
        journeys = self._periods.get(period, {})
        own = journeys[journey][cohort] if journey in journeys else 0
        return own + sum(
            max(posts.values(), default=0) for name, posts in journeys.items() if name != journey
        )

    def _slots_of(self, at: datetime) -> tuple[int, ...]:
        slot, rest = divmod(at.timestamp(), self._slot)
        return (int(slot),) if rest == 0 else (int(slot), int(slot) + 1)

    @staticmethod
    def _periods_of(day: date) -> tuple[tuple[str, date], ...]:
        monday = day - timedelta(days=day.weekday())
        return ("day", day), ("week", monday), ("month", day.replace(day=1))
