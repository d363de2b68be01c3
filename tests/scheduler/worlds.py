"""Small worlds for property tests: journeys, people, and a clock that does not run evenly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from random import Random

from hypothesis import strategies as st

from scheduler import (
    Audience,
    Budget,
    Content,
    Customer,
    Enrolment,
    Fatigue,
    Journey,
    KfWindow,
    MassSendRule,
    QuietHours,
    Signal,
    SignalKind,
    Step,
    StepKind,
    Touch,
    TouchStatus,
    WorkCalendar,
    plan,
)
from scheduler.enrolling import begin
from scheduler.journey import (
    CatchUp,
    CohortSettings,
    Days,
    Exit,
    Offset,
    Segment,
    TimeWindow,
    Timing,
    Trigger,
    TriggerKind,
)

CONTENT = {"default": Content(text="你好")}
SEGMENTS = (Segment("default", "全部"),)
TRIGGERS = (Trigger(TriggerKind.ADDED),)
STARTS = (
    datetime(2026, 11, 21, 4, 0, tzinfo=UTC),
    datetime(2026, 12, 29, 15, 30, tzinfo=UTC),
    datetime(2027, 2, 4, 23, 59, tzinfo=UTC),
    datetime(2028, 2, 27, 1, 0, tzinfo=UTC),
)

KINDS = (StepKind.NUDGE, StepKind.MASS_SEND, StepKind.GUIDE_TASK)
WINDOWS = (None, None, TimeWindow(time(10), time(20, 30)), TimeWindow(time(12), time(13)))
TICKS = (1, 1, 1, 2, 3, 6, 12, 24, 168, 30, -2, -26)


def contact_journey(rng: Random, number: int, theme: StepKind | None) -> Journey:
    """With a theme, many steps of one kind in little time, so that its limit is reached."""
    if theme is None:
        hours = sorted(rng.choices(range(120), k=rng.randint(1, 9)))
    else:
        hours = sorted(rng.choices(range(40), k=9))
    steps = tuple(
        Step(
            id=f"s{index}",
            purpose="关心",
            kind=theme or rng.choice(KINDS),
            timing=Timing(Offset(timedelta(hours=each))),
            content=CONTENT,
            window=rng.choice(WINDOWS),
            days=rng.choice((Days.ANY, Days.ANY, Days.WORKDAYS, Days.REST_DAYS)),
            catch_up=rng.choice(tuple(CatchUp)),
            late=timedelta(hours=rng.choice((6, 24, 72))),
        )
        for index, each in enumerate(hours)
    )
    exits = rng.choice(((), (Exit(SignalKind.REPLIED),), (Exit(SignalKind.BOUGHT),)))
    priority = rng.choice((10, 50, 90))
    return Journey(f"j{number}", f"旅程{number}", TRIGGERS, SEGMENTS, steps, exits, priority)


def moment_journey(rng: Random, number: int) -> Journey:
    days = sorted(rng.choices(range(1, 8), k=rng.randint(3, 9)))
    steps = tuple(
        Step(
            id=f"m{index}",
            purpose="知道你",
            kind=StepKind.MOMENT,
            timing=Timing(Offset(days=day, at=time(rng.choice((8, 10, 10, 20)), 30))),
            content=CONTENT,
            catch_up=rng.choice(tuple(CatchUp)),
        )
        for index, day in enumerate(days)
    )
    return Journey(f"m{number}", "七天", TRIGGERS, SEGMENTS, steps, cohort=CohortSettings())


def budget_of(rng: Random, theme: StepKind | None) -> Budget:
    strict = theme is None and rng.random() < 0.7
    most = (rng.randint(1, 4), rng.randint(3, 9)) if strict else (12, 60)
    return Budget(
        mass_rule=rng.choice(tuple(MassSendRule)),
        fatigue=Fatigue(*most, weights={}),
        kf_reserve=rng.randint(0, 2),
        moments_per_day=rng.randint(1, 3),
        moments_per_month=rng.choice((4, 40)),
        moment_tasks_per_minute=rng.choice((1, 7, 10)),
        guide_cards_per_day=rng.randint(1, 5),
        gap_minutes=rng.choice((0, 30, 120)) if theme is None else 0,
        spread_minutes=rng.choice((0, 60)),
    )


def calendar_of(rng: Random) -> WorkCalendar:
    begins, ends = rng.choice((time(21, 30), time(0), time(12))), rng.choice((time(9), time(13)))
    return WorkCalendar(QuietHours(begins, ends))


@dataclass
class World:
    """Everything that happens to some people while the clock jumps along `ticks` (hours)."""

    journeys: tuple[Journey, ...]
    budget: Budget
    calendar: WorkCalendar
    customers: tuple[Customer, ...]
    enrolments: list[Enrolment]
    signals: tuple[tuple[str, Signal], ...]
    start: datetime
    ticks: tuple[int, ...]
    touches: list[Touch] = field(default_factory=list)
    tick_of: dict[str, int] = field(default_factory=dict)
    told_at: dict[int, int] = field(default_factory=dict)

    def run(self) -> World:
        now = self.start
        for tick, hours in enumerate(self.ticks):
            now += timedelta(hours=hours)
            self._tell(now, tick)
            self._plan(now, tick)
        return self

    def planned(self) -> list[Touch]:
        return [touch for touch in self.touches if touch.status.counts]

    def of_customer(self, customer: str) -> list[Touch]:
        return [touch for touch in self.planned() if touch.external_userid == customer]

    def _tell(self, now: datetime, tick: int) -> None:
        for index, (subject, signal) in enumerate(self.signals):
            if signal.at <= now and index not in self.told_at:
                self.told_at[index] = tick
                self.enrolments = [
                    one.with_signal(self._journey(one), signal) if one.subject == subject else one
                    for one in self.enrolments
                ]

    def _plan(self, now: datetime, tick: int) -> None:
        outcome = plan(
            self.journeys,
            self.enrolments,
            self.touches,
            self.budget,
            self.calendar,
            now,
            customers=self.customers,
            horizon=timedelta(hours=2),
        )
        self.enrolments = [one.enrolment for one in outcome.progress]
        self.tick_of.update({touch.id: tick for touch in outcome.touches})
        assert not {touch.id for touch in outcome.touches} & {one.id for one in self.touches}
        self.touches += outcome.touches
        self.touches = [_sent(touch, now) for touch in self.touches]

    def _journey(self, enrolment: Enrolment) -> Journey:
        return next(one for one in self.journeys if one.id == enrolment.journey)


def _sent(touch: Touch, now: datetime) -> Touch:
    """Nudges by kf stay reserved, so that the window's count may be told from the touches."""
    if touch.status.counts and touch.due_at <= now and touch.way != "kf":
        return replace(touch, status=TouchStatus.SENT)
    return touch


def ticks_of(rng: Random) -> tuple[int, ...]:
    """Hours between plannings: mostly even, else with outages and clocks turned back."""
    even = (2,) * rng.randint(20, 90)
    return even if rng.random() < 0.6 else tuple(rng.choices(TICKS, k=rng.randint(10, 60)))


def world_of(seed: int) -> World:
    """A crowded world told by its seed alone."""
    rng = Random(seed)
    start = rng.choice(STARTS)
    theme = rng.choice((None, None, *KINDS))
    contacts = tuple(contact_journey(rng, number, theme) for number in range(rng.randint(1, 3)))
    moments = tuple(moment_journey(rng, number) for number in range(rng.randint(0, 2)))
    cohorts = tuple(f"{journey.id}:default:{start:%Y%m%d}" for journey in moments)
    customers = tuple(
        Customer(
            f"c{number}",
            rng.choice(((), ("g1",), ("g1",), ("g1", "g2"))),
            cohorts,
            kf=rng.choice((None, KfWindow(start), KfWindow(start, 3))),
        )
        for number in range(rng.randint(1, 3))
    )
    enrolments = [
        begin(journey, customer.external_userid, "default", start)
        for journey in contacts
        for customer in customers
    ] + [
        begin(journey, cohort, "default", start, audience=Audience.COHORT, guides=("g1",))
        for journey, cohort in zip(moments, cohorts, strict=True)
    ]
    return World(
        (*contacts, *moments),
        budget_of(rng, theme),
        calendar_of(rng),
        customers,
        enrolments,
        tuple(_signal(rng, customers, start) for _ in range(rng.randint(0, 2))),
        start,
        ticks_of(rng),
    )


def worlds() -> st.SearchStrategy[World]:
    return st.integers(0, 2**32).map(world_of)


def _signal(rng: Random, customers: Sequence[Customer], start: datetime) -> tuple[str, Signal]:
    kind = rng.choice((SignalKind.REPLIED, SignalKind.BOUGHT, SignalKind.OPTED_OUT))
    at = start + timedelta(hours=rng.randint(1, 120))
    return rng.choice(customers).external_userid, Signal(kind, at)
