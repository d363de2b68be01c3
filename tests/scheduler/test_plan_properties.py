from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from worlds import World, worlds

from scheduler import (
    Audience,
    Customer,
    Enrolment,
    Rule,
    SignalKind,
    Touch,
    Way,
    enrolment_from_dict,
    plan,
)
from scheduler.timing import posting_days

quick = settings(
    max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def week_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


@quick
@given(worlds())
def test_no_limit_of_a_customer_is_ever_passed(world: World) -> None:
    world.run()
    local, budget = world.calendar.local_day, world.budget
    for customer in world.customers:
        touches = world.of_customer(customer.external_userid)
        posts = _posts_of(world, customer.cohorts)
        days = Counter(local(touch.due_at) for touch in touches)
        cap = budget.moments_per_day
        weeks = Counter(week_of(local(touch.due_at)) for touch in touches)
        for day, contacts in days.items():
            assert contacts + min(posts[day], cap) <= budget.fatigue.per_day
        for monday, contacts in weeks.items():
            seen = sum(min(number, cap) for day, number in posts.items() if week_of(day) == monday)
            assert contacts + seen <= budget.fatigue.per_week
        mass = [local(touch.due_at) for touch in touches if touch.way is Way.MASS_SEND]
        periods = Counter(budget.mass_rule.period_of(day) for day in mass)
        for period, number in periods.items():
            assert number <= budget.mass_rule.limit_on(period)
        kf = [touch for touch in touches if touch.way is Way.KF]
        assert not kf or customer.kf is not None
        if customer.kf is not None:
            assert len(kf) + customer.kf.sent <= max(5, customer.kf.sent)
            assert all(touch.due_at < customer.kf.opened_at + timedelta(hours=48) for touch in kf)


@quick
@given(worlds())
def test_contacts_of_a_customer_keep_their_distance_and_never_come_as_a_flood(
    world: World,
) -> None:
    world.run()
    gap = timedelta(minutes=world.budget.gap_minutes)
    for customer in world.customers:
        times = sorted(touch.due_at for touch in world.of_customer(customer.external_userid))
        assert all(later - earlier >= gap for earlier, later in pairwise(times))


@quick
@given(worlds())
def test_nothing_goes_out_later_than_its_own_time_allows(world: World) -> None:
    world.run()
    for touch in world.planned():
        journey = next(one for one in world.journeys if one.id == touch.journey)
        step = journey.step(touch.step)
        if step is None or touch.audience is not Audience.CUSTOMER:
            continue
        due = world.start + step.timing.offset.delay
        span = world.calendar.next_span(due, window=step.window, days=step.days)
        assert span is not None
        assert touch.due_at <= span.start + step.late + world.budget.spread


@quick
@given(worlds())
def test_posts_keep_the_caps_of_a_customer_and_the_pace_of_the_corp(world: World) -> None:
    world.run()
    posts = [touch for touch in world.planned() if touch.audience is Audience.COHORT]
    days = Counter(world.calendar.local_day(touch.due_at) for touch in posts)
    months = Counter((day.year, day.month) for day in days.elements())
    assert max(days.values(), default=0) <= world.budget.moments_per_day
    assert max(days.values(), default=0) <= world.budget.fatigue.per_day
    assert max(months.values(), default=0) <= world.budget.moments_per_month
    times = sorted(touch.due_at for touch in posts)
    for first in times:
        minute = [one for one in times if first <= one < first + timedelta(minutes=1)]
        assert len(minute) <= world.budget.moment_tasks_per_minute


@quick
@given(worlds())
def test_guides_are_not_given_more_cards_than_a_day_bears(world: World) -> None:
    world.run()
    cards = Counter(
        (touch.guides[0], world.calendar.local_day(touch.due_at))
        for touch in world.planned()
        if touch.way is Way.GUIDE_CARD
    )
    assert max(cards.values(), default=0) <= world.budget.guide_cards_per_day


@quick
@given(worlds())
def test_nothing_is_planned_after_an_exit_or_an_opt_out(world: World) -> None:
    world.run()
    for index, tick in world.told_at.items():
        subject, signal = world.signals[index]
        for touch in world.of_customer(subject):
            journey = next(one for one in world.journeys if one.id == touch.journey)
            leaves = signal.kind is SignalKind.OPTED_OUT or any(
                leave.matches(signal.kind, signal.value) for leave in journey.exits
            )
            assert not leaves or world.tick_of[touch.id] < tick


@quick
@given(worlds())
def test_steps_go_out_in_their_order_and_each_once(world: World) -> None:
    world.run()
    assert len({touch.id for touch in world.touches}) == len(world.touches)
    walks: dict[tuple[str, str], list[Touch]] = {}
    for touch in world.touches:
        walks.setdefault((touch.journey, touch.subject), []).append(touch)
    for walk in walks.values():
        numbers = [int(touch.step[1:]) for touch in walk]
        assert numbers == sorted(set(numbers))
        times = [touch.due_at for touch in walk if touch.status.counts]
        assert times == sorted(times)


@quick
@given(worlds())
def test_quiet_hours_windows_and_day_kinds_hold(world: World) -> None:
    world.run()
    for touch in world.planned():
        journey = next(one for one in world.journeys if one.id == touch.journey)
        step = journey.step(touch.step)
        assert step is not None
        span = world.calendar.next_span(touch.due_at, window=step.window, days=step.days)
        assert span is not None
        assert span.start == touch.due_at


@quick
@given(worlds())
def test_the_same_input_gives_the_same_plan_whatever_its_order(world: World) -> None:
    def outcome(enrolments: list[Enrolment], customers: tuple[Customer, ...]) -> list[Touch]:
        made = plan(
            world.journeys,
            enrolments,
            (),
            world.budget,
            world.calendar,
            world.start,
            customers=customers,
            horizon=timedelta(days=3),
        )
        return sorted(made.touches, key=lambda touch: touch.id)

    first = outcome(world.enrolments, world.customers)
    assert outcome(world.enrolments[::-1], world.customers[::-1]) == first


@quick
@given(worlds())
def test_planning_twice_with_what_was_planned_plans_nothing(world: World) -> None:
    def again(history: tuple[Touch, ...]) -> tuple[Touch, ...]:
        made = plan(
            world.journeys,
            world.enrolments,
            history,
            world.budget,
            world.calendar,
            world.start,
            customers=world.customers,
            horizon=timedelta(days=3),
        )
        return made.touches

    first = again(())
    assert not {touch.id for touch in first} & {touch.id for touch in again(first)}


@quick
@given(worlds())
def test_every_skip_and_move_names_its_rule(world: World) -> None:
    world.run()
    for touch in world.touches:
        assert touch.status in ("planned", "sent") or touch.rule is not None
        if touch.rule is not None:
            assert isinstance(touch.rule, Rule)
            assert touch.rule.zh in touch.explanation


@quick
@given(worlds())
def test_enrolments_survive_being_stored(world: World) -> None:
    for one in world.run().enrolments:
        assert enrolment_from_dict(json.loads(json.dumps(one.as_dict()))) == one


def _posts_of(world: World, cohorts: tuple[str, ...]) -> Counter[date]:
    posts: Counter[date] = Counter()
    for one in world.enrolments:
        if one.subject in cohorts:
            journey = next(each for each in world.journeys if each.id == one.journey)
            days = posting_days(journey, one, world.calendar)
            posts.update(world.calendar.local_day(at) for at in days)
    return posts
