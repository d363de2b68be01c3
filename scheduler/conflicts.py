"""Conflicts: what a touch would be without other journeys, and what took its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any, TypeAlias

from .budget import Budget
from .calendars import WorkCalendar
from .journey import Audience, Journey, Way
from .rules import Rule
from .touches import Touch

_NAMED = 3
_Scope: TypeAlias = Callable[[Touch], bool]
_MASS = (Way.MASS_SEND, Way.GROUP_MASS_SEND)


@dataclass(frozen=True, slots=True)
class Rival:
    """A step of another journey that goes out where this one would have."""

    journey: str
    name: str
    step: str
    purpose: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Conflict:
    """What other journeys did to `touch`, which would be `alone` without them.

    `taken_by` names the steps that have its place, the earliest first; none if a step before
    it was moved and it follows.
    """

    touch: Touch
    alone: Touch
    taken_by: tuple[Rival, ...]
    zone: tzinfo

    @property
    def alone_at(self) -> datetime:
        return self.alone.due_at.astimezone(self.zone)

    @property
    def explanation(self) -> str:
        """One Chinese sentence for the operator."""
        if self.alone.due_at != self.touch.due_at or not self.touch.status.counts:
            would = f"单独走时 {_clock(self.alone_at)} 发出"
        else:
            would = f"单独走时用{Way.KF.zh}发出"
        if not self.taken_by:
            return f"{would}；前面的步骤推迟了，它跟着顺延"
        named = "、".join(
            f"「{one.name}」的「{one.purpose}」（{_clock(one.at)}）"
            for one in self.taken_by[:_NAMED]
        )
        more = f"等 {len(self.taken_by)} 条" if len(self.taken_by) > _NAMED else ""
        return f"{would}；位置被{named}{more}占了"

    def as_dict(self) -> dict[str, Any]:
        return {
            "alone_at": self.alone_at.isoformat(),
            "alone_way": self.alone.way.value if self.alone.way else None,
            "taken_by": [
                {
                    "journey": one.journey,
                    "name": one.name,
                    "step": one.step,
                    "purpose": one.purpose,
                    "at": one.at.isoformat(),
                }
                for one in self.taken_by
            ],
            "explanation": self.explanation,
        }


def find_conflicts(
    alone: Iterable[Touch],
    together: Iterable[Touch],
    journeys: Mapping[str, Journey],
    budget: Budget,
    calendar: WorkCalendar,
) -> dict[str, Conflict]:
    """By id, the touches that would go out `alone` and are skipped, moved or kept from the
    service window `together` with those of other journeys."""
    plan = tuple(together)
    after = {touch.id: touch for touch in plan}
    found = {}
    for before in alone:
        now = after.get(before.id)
        if now is None or not before.status.counts or _same(before, now):
            continue
        rivals = tuple(
            _rival(one, journeys, calendar) for one in _takers(before, now, plan, budget, calendar)
        )
        found[now.id] = Conflict(now, before, rivals, calendar.zone)
    return found


def _takers(
    before: Touch, now: Touch, plan: Iterable[Touch], budget: Budget, calendar: WorkCalendar
) -> list[Touch]:
    """The earliest first; of the limits that `now` may have met, the first that names any."""
    others = [one for one in plan if one.status.counts and _counts_for(one, now)]
    for scope in _scopes(before, now, budget, calendar):
        if taken := [one for one in others if scope(one)]:
            return sorted(taken, key=lambda touch: (touch.due_at, touch.id))
    return []


def _same(before: Touch, now: Touch) -> bool:
    if not now.status.counts or before.due_at != now.due_at:
        return False
    return before.way is now.way or before.way is not Way.KF


def _counts_for(other: Touch, touch: Touch) -> bool:
    """Whether `other` is of another journey and counts in some limit of this touch."""
    if other.journey == touch.journey:
        return False
    personal = touch.audience is Audience.CUSTOMER and other.audience is Audience.COHORT
    return other.audience is touch.audience or personal


def _scopes(
    before: Touch, now: Touch, budget: Budget, calendar: WorkCalendar
) -> tuple[_Scope, ...]:
    """Which touches count in the limit that `now` met, the likeliest first."""
    limits = _Limits(before, now, budget, calendar)
    if now.status.counts and now.due_at == before.due_at:
        return (limits.kf_window,)
    match now.rule:
        case Rule.FATIGUE_WEEK:
            return (limits.week,)
        case Rule.FATIGUE_DAY:
            return (limits.day,)
        case Rule.MOMENT_DAY:
            return (limits.posts_of_day,)
        case Rule.MOMENT_MONTH:
            return (limits.posts_of_month,)
        case Rule.MASS_QUOTA:
            return (limits.mass_sends,)
        case Rule.GAP | Rule.PRIORITY | Rule.TOO_LATE:
            return limits.gap, limits.day  # room kept for a later step is wider than the gap
    return ()


@dataclass(frozen=True, slots=True)
class _Limits:
    """Whether a touch of another journey counts in a limit of `before`, which became `now`."""

    before: Touch
    now: Touch
    budget: Budget
    calendar: WorkCalendar

    def gap(self, other: Touch) -> bool:
        first = self.before.due_at - self.budget.gap
        last = max(self.before.due_at, self.now.due_at) + self.budget.gap
        return other.audience is not Audience.COHORT and first < other.due_at < last

    def day(self, other: Touch) -> bool:
        return self._date(other) == self._date(self.before)

    def week(self, other: Touch) -> bool:
        return self._date(other).isocalendar()[:2] == self._date(self.before).isocalendar()[:2]

    def posts_of_day(self, other: Touch) -> bool:
        return other.audience is Audience.COHORT and self.day(other)

    def posts_of_month(self, other: Touch) -> bool:
        months = {self._date(one).replace(day=1) for one in (other, self.before)}
        return other.audience is Audience.COHORT and len(months) == 1

    def mass_sends(self, other: Touch) -> bool:
        period = self.budget.mass_rule.period_of
        same = period(self._date(other)) == period(self._date(self.before))
        return other.way in _MASS and same

    def kf_window(self, other: Touch) -> bool:
        return other.way is Way.KF and other.due_at <= self.now.due_at

    def _date(self, touch: Touch) -> date:
        return self.calendar.local_day(touch.due_at)


def _rival(touch: Touch, journeys: Mapping[str, Journey], calendar: WorkCalendar) -> Rival:
    journey = journeys[touch.journey]
    step = journey.step(touch.step)
    at = touch.due_at.astimezone(calendar.zone)
    return Rival(journey.id, journey.name, touch.step, step.purpose if step else "", at)


def _clock(moment: datetime) -> str:
    return f"{moment.month}月{moment.day}日 {moment:%H:%M}"
