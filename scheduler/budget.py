"""The limits of the platform and of the shop, as numbers."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from enum import StrEnum

from .errors import BudgetError
from .journey import StepKind


class MassSendRule(StrEnum):
    """How many mass messages one customer (or one group) may receive, by the corp's setting.

    Periods are natural ones in the shop's zone; weeks begin on Monday.
    """

    DAYS_OF_MONTH = "days_of_month"
    SEVEN_PER_WEEK = "7_per_week"
    ONE_PER_DAY = "1_per_day"
    FOUR_PER_MONTH = "4_per_month"

    def limit_on(self, day: date) -> int:
        if self is MassSendRule.DAYS_OF_MONTH:
            return monthrange(day.year, day.month)[1]
        return {"7_per_week": 7, "1_per_day": 1, "4_per_month": 4}[self.value]

    def period_of(self, day: date) -> date:
        """The first day of the period that `day` belongs to."""
        if self is MassSendRule.ONE_PER_DAY:
            return day
        if self is MassSendRule.SEVEN_PER_WEEK:
            return day - timedelta(days=day.weekday())
        return day.replace(day=1)

    @property
    def period_zh(self) -> str:
        return {"7_per_week": "本周", "1_per_day": "今日"}.get(self.value, "本月")


_WEIGHTS: Mapping[StepKind, int] = {
    StepKind.NUDGE: 2,
    StepKind.MASS_SEND: 2,
    StepKind.GUIDE_TASK: 2,
}


@dataclass(frozen=True, slots=True)
class Fatigue:
    """The shop's own measure of enough: contacts of all kinds, each with its points.

    A word to one person weighs 2, a post that one may scroll past 1. Moments count ahead, in
    the measure of each member of their cohort.
    """

    per_day: int = 6
    per_week: int = 24
    weights: Mapping[StepKind, int] = field(default_factory=lambda: _WEIGHTS, hash=False)

    def weight(self, kind: StepKind) -> int:
        return self.weights.get(kind, 1)


@dataclass(frozen=True, slots=True)
class Budget:
    """Every limit the planner keeps. The defaults are the platform's, or modest.

    The platform does not publish how many moments one customer is shown, so
    `moments_per_day` and `moments_per_month` are the operator's to set. `kf_reserve` of the
    messages in a customer-service window stay free for replies.
    """

    mass_rule: MassSendRule = MassSendRule.DAYS_OF_MONTH
    fatigue: Fatigue = Fatigue()
    kf_window_hours: int = 48
    kf_messages: int = 5
    kf_reserve: int = 1
    moments_per_day: int = 3
    moments_per_month: int = 60
    moment_tasks_per_minute: int = 10
    moment_tasks_per_month: int = 100_000
    guide_cards_per_day: int = 80
    gap_minutes: int = 120
    spread_minutes: int = 60
    grace_minutes: int = 60

    def __post_init__(self) -> None:
        may_be_zero = {"kf_reserve", "gap_minutes", "spread_minutes", "grace_minutes"}
        for each in fields(self):
            value = getattr(self, each.name)
            least = 0 if each.name in may_be_zero else 1
            if isinstance(value, int) and value < least:
                raise BudgetError(each.name, f"是 {value}", f"改成不小于 {least} 的整数")
        if self.moment_tasks_per_minute > 60:
            fault = f"是 {self.moment_tasks_per_minute}"
            raise BudgetError("moment_tasks_per_minute", fault, "改成 60 以内，平台默认是 10")

    @property
    def gap(self) -> timedelta:
        return timedelta(minutes=self.gap_minutes)

    @property
    def spread(self) -> timedelta:
        return timedelta(minutes=self.spread_minutes)

    @property
    def grace(self) -> timedelta:
        return timedelta(minutes=self.grace_minutes)

    @property
    def kf_window(self) -> timedelta:
        return timedelta(hours=self.kf_window_hours)
