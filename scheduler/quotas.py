"""The ledger: what each customer, guide and the corp have used up, planned and sent alike."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from .budget import Budget
from .calendars import WorkCalendar
from .enrolment import Customer, KfWindow
from .journey import Audience, StepKind, Way
from .moments import MomentBook, MomentSchedule
from .rules import Rule
from .touches import Touch, TouchStatus

Subject = tuple[Audience, str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The rule that forbids a touch now, and when it may be asked again; None is never."""

    rule: Rule
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """How much of one limit is used."""

    used: int
    limit: int

    def __str__(self) -> str:
        return f"{self.used}/{self.limit}"


@dataclass(frozen=True, slots=True)
class Usage:
    """The ledger as one customer sees it at a moment."""

    day: Use
    week: Use
    mass_send: Use
    mass_period: str
    moments_day: Use
    moments_month: Use
    kf: Use
    kf_closes_at: datetime | None

    def summary(self) -> str:
        mass = f"群发{self.mass_period} {self.mass_send}"
        return f"疲劳度今日 {self.day}、本周 {self.week}；{mass}；朋友圈今日 {self.moments_day}"


class Ledger:
    """Counts touches by natural periods of the shop's zone and says what a limit forbids.

    `record` reserves a planned touch or books a sent one, `commit` turns a reservation into
    a sending, `release` gives it back. Fed with history first, it never lets a limit be
    passed, in whatever order touches are asked for. `cards` are those of guides, by day, for
    customers whose history it is not given.
    """

    def __init__(
        self,
        budget: Budget,
        calendar: WorkCalendar,
        *,
        schedule: MomentSchedule | None = None,
        history: Iterable[Touch] = (),
        cards: Mapping[tuple[str, date], int] | None = None,
    ) -> None:
        self.budget = budget
        self._calendar = calendar
        self._moments = MomentBook(budget, calendar, schedule or MomentSchedule(calendar))
        self._touches: dict[str, Touch] = {}
        self._days: Counter[tuple[Subject, date]] = Counter()
        self._weeks: Counter[tuple[Subject, date]] = Counter()
        self._mass: Counter[tuple[Subject, date]] = Counter()
        self._cards: Counter[tuple[str, date]] = Counter(cards)
        self._times: defaultdict[Subject, dict[str, datetime]] = defaultdict(dict)
        self._kf: defaultdict[Subject, dict[str, int]] = defaultdict(dict)
        for touch in history:
            self.record(touch)

    def knows(self, touch_id: str) -> bool:
        """Whether this touch has been planned before, whatever became of it."""
        return touch_id in self._touches

    def touch(self, touch_id: str) -> Touch | None:
        return self._touches.get(touch_id)

    def record(self, touch: Touch) -> None:
        if touch.id in self._touches:
            return
        self._touches[touch.id] = touch
        if touch.status.counts:
            self._book(touch, 1)

    def commit(self, touch_id: str, at: datetime) -> None:
        """A planned touch went out at `at`."""
        sent = replace(self._touches[touch_id], status=TouchStatus.SENT, due_at=at)
        self.release(touch_id)
        self._touches[touch_id] = sent
        self._book(sent, 1)

    def release(self, touch_id: str) -> None:
        """A planned touch will not go out: its quota is free again, its id stays known."""
        touch = self._touches[touch_id]
        if touch.status.counts:
            self._touches[touch_id] = replace(touch, status=TouchStatus.CANCELLED)
            self._book(touch, -1)

    def restore(self, touch: Touch) -> None:
        """Book a released touch again as it was."""
        self.release(touch.id)
        self._touches[touch.id] = touch
        if touch.status.counts:
            self._book(touch, 1)

    def forget_people(self) -> None:
        """Drop what is known of customers and groups, keeping guides, cohorts and the corp.

        Between chunks, so that memory does not grow with the number of customers.
        """
        self._touches = {
            key: touch for key, touch in self._touches.items() if touch.audience is Audience.COHORT
        }
        for book in (self._days, self._weeks, self._mass, self._times, self._kf):
            book.clear()

    def refuse_contact(
        self,
        subject: Subject,
        weight: int,
        at: datetime,
        cohorts: Sequence[str] = (),
        *,
        sent_only: bool = False,
    ) -> Refusal | None:
        """What the shop's own measure says to one more contact at `at`, on any way.

        With `sent_only` it may come near to what is planned, but not to what was sent.
        """
        if (near := self._too_near(subject, at, sent_only)) is not None:
            return Refusal(Rule.GAP, near + self.budget.gap)
        day, week = self._day(at), self._week(at)
        fatigue = self.budget.fatigue
        seen = self._days[subject, day] + self._moments.planned_on(cohorts, day)
        if seen + weight > fatigue.per_day:
            return Refusal(Rule.FATIGUE_DAY, self._calendar.next_midnight(at))
        seen = self._weeks[subject, week] + self._moments.planned_in_week(cohorts, week)
        if seen + weight > fatigue.per_week:
            return Refusal(Rule.FATIGUE_WEEK, self._calendar.next_monday(at))
        return None

    def refuse_way(
        self, way: Way, subject: Subject, customer: Customer, at: datetime, messages: int = 1
    ) -> Refusal | None:
        """What the platform's limits of one way say to a touch at `at`."""
        match way:
            case Way.KF:
                return self._refuse_kf(subject, customer.kf, at, messages)
            case Way.MASS_SEND | Way.GROUP_MASS_SEND:
                return self._refuse_mass(subject, customer.guides, at)
            case Way.GUIDE_CARD:
                return self._refuse_card(customer.guides, at)
            case _:
                return None

    def refuse_moment(self, journey: str, cohort: str, at: datetime) -> Refusal | None:
        rule = self._moments.refuse(journey, cohort, at)
        return Refusal(rule) if rule is not None else None

    def moment_slot(self, at: datetime) -> datetime:
        """The first time from `at` on at which the corp may create one more moments task."""
        return self._moments.free_slot(at)

    def usage(
        self, customer: Customer, at: datetime, *, posts: Mapping[date, int] | None = None
    ) -> Usage:
        """All limits of one customer at `at`, for pages and the API.

        `posts` are those of each day that this customer saw; else all of the cohorts count.
        """
        subject = (Audience.CUSTOMER, customer.external_userid)
        day, week, rule = self._day(at), self._week(at), self.budget.mass_rule
        weight = self.budget.fatigue.weight(StepKind.MOMENT)
        posts_day, posts_week, posts_month = (
            _within(posts, period)
            if posts is not None
            else self._moments.seen(customer.cohorts, period)
            for period in (("day", day), ("week", week), ("month", day.replace(day=1)))
        )
        closes = customer.kf.opened_at + self.budget.kf_window if customer.kf else None
        kf_open = closes is not None and at < closes
        return Usage(
            day=Use(self._days[subject, day] + posts_day * weight, self.budget.fatigue.per_day),
            week=Use(
                self._weeks[subject, week] + posts_week * weight, self.budget.fatigue.per_week
            ),
            mass_send=Use(self._mass[subject, rule.period_of(day)], rule.limit_on(day)),
            mass_period=rule.period_zh,
            moments_day=Use(posts_day, self.budget.moments_per_day),
            moments_month=Use(posts_month, self.budget.moments_per_month),
            kf=Use(
                self._kf_used(subject, customer.kf) if kf_open else 0,
                self.budget.kf_messages if kf_open else 0,
            ),
            kf_closes_at=closes if kf_open else None,
        )

    def _book(self, touch: Touch, by: int) -> None:
        if touch.audience is Audience.COHORT:
            self._moments.book(touch, by)
            return
        subject = (touch.audience, touch.subject)
        day = self._day(touch.due_at)
        weight = self.budget.fatigue.weight(touch.kind) * by
        self._days[subject, day] += weight
        self._weeks[subject, self._week(touch.due_at)] += weight
        if by > 0:
            self._times[subject][touch.id] = touch.due_at
        else:
            self._times[subject].pop(touch.id, None)
        self._book_way(touch, subject, day, by)

    def _book_way(self, touch: Touch, subject: Subject, day: date, by: int) -> None:
        if touch.way in (Way.MASS_SEND, Way.GROUP_MASS_SEND):
            self._mass[subject, self.budget.mass_rule.period_of(day)] += by
        elif touch.way is Way.GUIDE_CARD and touch.guides:
            self._cards[touch.guides[0], day] += by
        elif touch.way is Way.KF and by > 0 and touch.status is not TouchStatus.SENT:
            self._kf[subject][touch.id] = touch.messages
        elif touch.way is Way.KF:
            self._kf[subject].pop(touch.id, None)

    def _too_near(self, subject: Subject, at: datetime, sent_only: bool) -> datetime | None:
        if subject not in self._times:
            return None
        gap = self.budget.gap
        near = [
            time
            for touch_id, time in self._times[subject].items()
            if abs(time - at) < gap
            and not (sent_only and self._touches[touch_id].status is not TouchStatus.SENT)
        ]
        return max(near, default=None)

    def _refuse_kf(
        self, subject: Subject, window: KfWindow | None, at: datetime, messages: int
    ) -> Refusal | None:
        if window is None or at >= window.opened_at + self.budget.kf_window:
            return Refusal(Rule.KF_CLOSED)
        limit = self.budget.kf_messages - self.budget.kf_reserve
        if self._kf_used(subject, window) + messages > limit:
            return Refusal(Rule.KF_FULL)
        return None

    def _kf_used(self, subject: Subject, window: KfWindow | None) -> int:
        reserved = sum(self._kf[subject].values()) if subject in self._kf else 0
        return reserved + (window.sent if window is not None else 0)

    def _refuse_mass(
        self, subject: Subject, guides: Sequence[str], at: datetime
    ) -> Refusal | None:
        if not guides:
            return Refusal(Rule.NO_GUIDE)
        day, rule = self._day(at), self.budget.mass_rule
        period = rule.period_of(day)
        if self._mass[subject, period] < rule.limit_on(day):
            return None
        if period == day:
            return Refusal(Rule.MASS_QUOTA, self._calendar.next_midnight(at))
        weekly = rule.limit_on(day) == 7 and rule.period_zh == "本周"
        after = self._calendar.next_monday if weekly else self._calendar.next_month
        return Refusal(Rule.MASS_QUOTA, after(at))

    def _refuse_card(self, guides: Sequence[str], at: datetime) -> Refusal | None:
        if not guides:
            return Refusal(Rule.NO_GUIDE)
        if self._cards[guides[0], self._day(at)] >= self.budget.guide_cards_per_day:
            return Refusal(Rule.GUIDE_FULL, self._calendar.next_midnight(at))
        return None

    def _day(self, at: datetime) -> date:
        return self._calendar.local_day(at)

    def _week(self, at: datetime) -> date:
        day = self._calendar.local_day(at)
        return day - timedelta(days=day.weekday())


def _within(posts: Mapping[date, int], period: tuple[str, date]) -> int:
    """The posts of a day, week or month that is named by its first day."""
    name, first = period
    if name == "month":
        return sum(n for day, n in posts.items() if day.replace(day=1) == first)
    last = first + timedelta(days=0 if name == "day" else 6)
    return sum(n for day, n in posts.items() if first <= day <= last)
