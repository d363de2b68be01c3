"""How near one day of the calendar is to its limits, by whoever is nearest to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outreach.plans import Plans
from bot.store.outreach_tables import TouchRow, TouchState
from scheduler import Audience, StepKind, Touch, Way

_USED = (
    TouchState.PLANNED,
    TouchState.MOVED,
    TouchState.SENDING,
    TouchState.ASKED,
    TouchState.SENT,
    TouchState.UNKNOWN,
)
_MASS = (Way.MASS_SEND, Way.GROUP_MASS_SEND)


@dataclass(frozen=True, slots=True)
class Load:
    """What is used of a limit, by whom it is nearest to it."""

    used: int
    limit: int


NOTHING = Load(0, 0)


class Loaded(Protocol):
    """A day that shows its loads."""

    moments: Load
    mass_messages: int
    customers: int
    fullest_customer: Load
    fullest_guide: Load


class Loads:
    """Sums of one day: what is planned comes from the database, what is expected as touches.

    Only the sums leave the database; single customers are asked for where something is
    expected for them on top.
    """

    def __init__(
        self, plans: Plans, expected: Sequence[Touch], weight: Callable[[Touch], float]
    ) -> None:
        self._budget = plans.budget
        self._points: Counter[str] = Counter()
        self._cards: Counter[str] = Counter()
        self._posts: Counter[str] = Counter()
        self._customers = self._mass = 0.0
        self._fullest = 0
        for one in expected:
            if one.status.counts:
                self._expect(one, weight(one))

    def _expect(self, one: Touch, weight: float) -> None:
        if one.audience is Audience.CUSTOMER:
            self._customers += 0 if one.subject in self._points else weight
            self._points[one.subject] += self._budget.fatigue.weight(one.kind)
        if one.way is Way.MOMENT:
            self._posts[one.subject] += 1
        elif one.way is Way.GUIDE_CARD and one.guides:
            self._cards[one.guides[0]] += round(weight)
        elif one.way in _MASS:
            self._mass += weight

    async def read(self, session: AsyncSession, on: Sequence[Any]) -> None:
        """Add what is planned already; `on` are the conditions of the day."""
        on = [*on, TouchRow.status.in_(_USED)]
        by_way = select(TouchRow.way, TouchRow.guides, func.count())
        ways: Counter[str] = Counter()
        for way, guides, count in await session.execute(
            by_way.where(*on).group_by(TouchRow.way, TouchRow.guides)
        ):
            ways[way] += count
            if way == Way.GUIDE_CARD and guides:
                self._cards[str(guides[0])] += count
        if not ways:
            return
        self._mass += sum(ways[way] for way in _MASS)
        await self._read_customers(session, on)
        if ways[Way.MOMENT]:
            posts = select(TouchRow.subject, func.count()).group_by(TouchRow.subject)
            for subject, count in await session.execute(
                posts.where(*on, TouchRow.way == Way.MOMENT)
            ):
                self._posts[subject] += count

    async def _read_customers(self, session: AsyncSession, on: Sequence[Any]) -> None:
        weights = {kind.value: self._budget.fatigue.weight(kind) for kind in StepKind}
        points = func.sum(case(weights, value=TouchRow.kind, else_=0)).label("points")
        each = (
            select(TouchRow.subject, points)
            .where(*on, TouchRow.audience == Audience.CUSTOMER)
            .group_by(TouchRow.subject)
        )
        everybody = each.subquery()
        top = await session.execute(select(func.max(everybody.c.points), func.count()))
        most, people = top.one()
        self._fullest = int(most or 0)
        twice = 0
        if people and self._points:
            expected = each.where(TouchRow.subject.in_(sorted(self._points)))
            for subject, count in await session.execute(expected):
                self._points[subject] += int(count)
                twice += 1
        self._customers += people - twice

    def fill(self, day: Loaded) -> None:
        """Write the sums into the day."""
        budget = self._budget
        most = max(self._fullest, max(self._points.values(), default=0))
        day.customers, day.mass_messages = round(self._customers), round(self._mass)
        day.fullest_customer = Load(most, budget.fatigue.per_day)
        cards = min(max(self._cards.values(), default=0), budget.guide_cards_per_day)
        day.fullest_guide = Load(cards, budget.guide_cards_per_day)
        day.moments = Load(max(self._posts.values(), default=0), budget.moments_per_day)
