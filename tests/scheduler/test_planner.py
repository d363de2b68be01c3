from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from scheduler import (
    Audience,
    Budget,
    Customer,
    Enrolment,
    Fatigue,
    Journey,
    KfWindow,
    Plan,
    Rule,
    Signal,
    SignalKind,
    Touch,
    TouchStatus,
    UnknownJourney,
    Way,
    WorkCalendar,
    begin_cohort,
    chunks,
    cohort_of,
    load_journeys,
    next_due,
    parse_journeys,
    plan,
)
from scheduler.enrolling import begin

ANNA = Customer("anna", guides=("g1",))
RIVALS = """
version: 1
journeys:
- {id: low, name: 不急的, priority: 20, triggers: [{added: any}], steps: [
    {id: one, purpose: 问候, kind: nudge, at: {hours: 2}, content: {text: 一}}]}
- {id: high, name: 要紧的, priority: 80, triggers: [{added: any}], steps: [
    {id: one, purpose: 提醒, kind: nudge, at: {minutes: 150}, content: {text: 二}}]}
"""
MERGING = """
version: 1
journeys:
- id: days
  name: 三天
  triggers: [{added: any}]
  steps:
  - {id: one, purpose: 问候, kind: nudge, at: {day: 1}, content: {text: 一},
     catch_up: {merge: 240}}
  - {id: two, purpose: 问候, kind: nudge, at: {day: 2}, content: {text: 二},
     catch_up: {merge: 240}}
  - {id: three, purpose: 问候, kind: nudge, at: {day: 3}, content: {text: 三}, %s}
"""


def planned(
    journeys: Iterable[Journey],
    enrolments: Iterable[Enrolment],
    now: datetime,
    budget: Budget,
    *,
    history: Iterable[Touch] = (),
    customer: Customer = ANNA,
    hours: int = 24,
) -> Plan:
    horizon = timedelta(hours=hours)
    return plan(
        journeys,
        enrolments,
        history,
        budget,
        WorkCalendar(),
        now,
        customers=[customer],
        horizon=horizon,
    )


def only(outcome: Plan) -> tuple[Touch, Enrolment]:
    assert len(outcome.touches) == 1
    return outcome.touches[0], outcome.progress[0].enrolment


def test_a_step_goes_out_at_its_hour_and_the_next_is_due_later(
    care: Journey, noon: datetime, budget: Budget, calendar: WorkCalendar
) -> None:
    start = begin(care, "anna", "default", noon)
    assert next_due(care, start, calendar) == noon + timedelta(hours=1)
    outcome = planned([care], [start], noon, budget)
    touch, walked = only(outcome)
    assert (touch.status, touch.due_at) == (TouchStatus.PLANNED, noon + timedelta(hours=1))
    assert touch.way is Way.MASS_SEND
    assert touch.explanation == "按计划于 11月23日 13:00 发出"
    assert walked.position == 1
    due = outcome.progress[0].next_due
    assert due == datetime(2026, 11, 25, 11, 30, tzinfo=UTC)


def test_a_nudge_takes_the_service_window_while_it_is_open(
    care: Journey, noon: datetime, budget: Budget
) -> None:
    start = begin(care, "anna", "default", noon)
    ways = {
        KfWindow(noon): Way.KF,
        KfWindow(noon, 4): Way.MASS_SEND,
        KfWindow(noon - timedelta(hours=47, minutes=30)): Way.MASS_SEND,
    }
    for window, way in ways.items():
        outcome = planned([care], [start], noon, budget, customer=replace(ANNA, kf=window))
        assert only(outcome)[0].way is way


def test_nobody_to_send_means_a_skip_that_says_so(
    care: Journey, noon: datetime, budget: Budget
) -> None:
    start = begin(care, "anna", "default", noon)
    touch, walked = only(planned([care], [start], noon, budget, customer=Customer("anna")))
    assert (touch.status, touch.rule) == (TouchStatus.SKIPPED, Rule.KF_CLOSED)
    assert "跳过" in touch.explanation
    assert walked.position == 1


def test_a_night_step_moves_to_the_morning_and_says_why(
    care: Journey, noon: datetime, budget: Budget
) -> None:
    evening = noon + timedelta(hours=10)
    start = begin(care, "anna", "default", evening)
    touch, _ = only(planned([care], [start], evening, budget))
    assert (touch.status, touch.rule) == (TouchStatus.MOVED, Rule.QUIET_HOURS)
    assert touch.due_at == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    assert touch.explanation == "原定 11月23日 23:00，正值免打扰时段，改到 11月24日 09:00"


def test_the_more_important_journey_takes_the_place_and_the_other_makes_room(
    care: Journey, noon: datetime, budget: Budget
) -> None:
    lesser = replace(care, id="lesser", name="不急的", priority=10)
    enrolments = [begin(one, "anna", "default", noon) for one in (lesser, care)]
    outcome = planned([lesser, care], enrolments, noon, budget)
    first, second = outcome.touches
    assert (first.journey, first.status) == ("care", TouchStatus.PLANNED)
    assert (second.journey, second.rule) == ("lesser", Rule.PRIORITY)
    assert second.due_at == first.due_at + budget.gap
    assert "让给优先级更高的旅程「关怀」" in second.explanation


def test_what_the_day_no_longer_bears_is_put_off_and_comes_back(
    care: Journey, noon: datetime
) -> None:
    budget = Budget(spread_minutes=0, fatigue=Fatigue(per_day=1, per_week=7, weights={}))
    lesser = replace(care, id="lesser", priority=10)
    enrolments = [begin(one, "anna", "default", noon) for one in (lesser, care)]
    today = planned([lesser, care], enrolments, noon, budget, hours=4)
    assert [touch.journey for touch in today.touches] == ["care"]
    waiting = next(one for one in today.progress if one.enrolment.journey == "lesser")
    assert waiting.next_due == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    morning = waiting.next_due
    later = planned(
        [lesser, care], [waiting.enrolment], morning, budget, history=today.touches, hours=1
    )
    touch, _ = only(later)
    assert (touch.due_at, touch.rule) == (morning, Rule.PRIORITY)


@pytest.mark.parametrize(
    ("signal", "rule"),
    [
        (SignalKind.REPLIED, Rule.REPLIED),
        (SignalKind.BOUGHT, Rule.BOUGHT),
        (SignalKind.OPTED_OUT, Rule.OPTED_OUT),
        (SignalKind.UNFRIENDED, Rule.UNFRIENDED),
    ],
)
def test_an_exit_ends_the_journey(
    care: Journey, noon: datetime, budget: Budget, signal: SignalKind, rule: Rule
) -> None:
    start = begin(care, "anna", "default", noon)
    told = start.with_signal(care, Signal(signal, noon + timedelta(minutes=5)))
    assert told.ended_by is rule
    raw = replace(start, signals=told.signals)
    touch, walked = only(planned([care], [raw], noon, budget))
    assert (touch.status, touch.rule) == (TouchStatus.SKIPPED, rule)
    assert walked.ended_by is rule


def test_an_outage_sends_the_first_late_and_merges_the_rest(
    care: Journey, noon: datetime, budget: Budget
) -> None:
    start = begin(care, "anna", "default", noon)
    week_later = noon + timedelta(days=7)
    outcome = planned([care], [start], week_later, budget)
    rules = {touch.step: (touch.status, touch.rule) for touch in outcome.touches}
    assert rules["first"] == (TouchStatus.SKIPPED, Rule.MISSED)
    assert rules["second"] == (TouchStatus.SKIPPED, Rule.MISSED)
    assert rules["third"] == (TouchStatus.SKIPPED, Rule.MISSED)
    soon = planned([care], [start], noon + timedelta(hours=4), budget)
    touch, _ = only(soon)
    assert (touch.status, touch.rule) == (TouchStatus.MOVED, Rule.CAUGHT_UP)


@pytest.mark.parametrize(
    ("third", "rules"),
    [
        ("catch_up: {merge: 240}", [Rule.MERGED, Rule.MERGED, Rule.CAUGHT_UP]),
        ("catch_up: skip", [Rule.MERGED, Rule.CAUGHT_UP, Rule.MISSED]),
        ("catch_up: {merge: 1}", [Rule.MERGED, Rule.CAUGHT_UP, Rule.MISSED]),
        (
            "catch_up: {merge: 240}, only_if: {tags: [熟客]}",
            [Rule.MERGED, Rule.CAUGHT_UP, Rule.CONDITION],
        ),
    ],
)
def test_steps_merge_into_the_latest_that_goes_out(
    third: str, rules: list[Rule], noon: datetime, budget: Budget
) -> None:
    [journey] = parse_journeys(MERGING % third)
    start = begin(journey, "anna", "default", noon)
    outcome = planned([journey], [start], noon + timedelta(days=4), budget)
    assert [touch.rule for touch in outcome.touches] == rules


def test_a_higher_journey_keeps_its_hour_though_a_lower_one_is_planned_before(
    noon: datetime, budget: Budget
) -> None:
    low, high = parse_journeys(RIVALS)
    walks = [begin(low, "anna", "default", noon), begin(high, "anna", "default", noon)]
    touches: list[Touch] = []
    for minutes in range(0, 360, 20):
        now = noon + timedelta(minutes=minutes)
        outcome = planned([low, high], walks, now, budget, history=touches, hours=1)
        walks = [one.enrolment for one in outcome.progress]
        touches += outcome.touches
    by_journey = {touch.journey: touch for touch in touches}
    assert by_journey["high"].due_at == noon + timedelta(hours=2, minutes=30)
    assert by_journey["high"].status is TouchStatus.PLANNED
    assert by_journey["low"].due_at == noon + timedelta(hours=4, minutes=30)
    assert by_journey["low"].rule is Rule.PRIORITY


def test_a_crowd_is_spread_over_an_hour(care: Journey, noon: datetime) -> None:
    start = replace(begin(care, "x", "default", noon))
    people = [replace(start, subject=f"c{number}") for number in range(400)]
    guides = [Customer(one.subject, guides=("g",), kf=KfWindow(noon)) for one in people]
    outcome = plan(
        [care],
        people,
        (),
        Budget(),
        WorkCalendar(),
        noon,
        customers=guides,
        horizon=timedelta(hours=2),
    )
    minutes = [(touch.due_at - noon).total_seconds() // 60 - 60 for touch in outcome.touches]
    assert min(minutes) >= 0
    assert max(minutes) < 60
    assert max(minutes.count(minute) for minute in set(minutes)) < 25


def test_mass_sends_of_one_guide_stay_together_to_become_one_task(noon: datetime) -> None:
    win_back = load_journeys().get("win_back")
    assert win_back is not None
    people = [begin(win_back, f"c{number}", "buyers", noon) for number in range(30)]
    outcome = plan(
        [win_back],
        people,
        (),
        Budget(),
        WorkCalendar(),
        noon,
        customers=[Customer(one.subject, guides=("g",)) for one in people],
    )
    assert len({touch.due_at for touch in outcome.touches}) == 1
    assert {touch.variant for touch in outcome.touches} == {"小贴士", "新到"}


def test_an_awaited_event_starts_the_step_and_its_absence_skips_it(
    noon: datetime, budget: Budget, calendar: WorkCalendar
) -> None:
    text = """
version: 1
journeys:
- id: coupon
  name: 领券
  triggers: [added: any]
  steps:
  - {id: a, purpose: 提醒用券, kind: nudge, after: {event: got_coupon, hours: 2, within_hours: 24},
     content: {text: 券别忘了}}
"""
    journey = next(iter(parse_journeys(text)))
    start = begin(journey, "anna", "default", noon)
    assert next_due(journey, start, calendar) == noon + timedelta(hours=24)
    got = Signal(SignalKind.EVENT, noon + timedelta(hours=1), "got_coupon")
    told = start.with_signal(journey, got)
    assert next_due(journey, told, calendar) == noon + timedelta(hours=3)
    touch, _ = only(planned([journey], [told], noon, budget))
    assert touch.due_at == noon + timedelta(hours=3)
    assert planned([journey], [start], noon, budget, hours=48).touches == ()
    late = planned([journey], [start], noon + timedelta(hours=25), budget)
    assert only(late)[0].rule is Rule.SIGNAL_MISSING


def test_no_member_of_a_cohort_sees_a_day_twice_or_misses_one(calendar: WorkCalendar) -> None:
    newcomer = load_journeys().get("newcomer")
    assert newcomer is not None
    late = datetime(2026, 11, 23, 15, 59, 58, tzinfo=UTC)
    just_before, just_after = (
        cohort_of(newcomer, "women", late + timedelta(seconds=shift), calendar) for shift in (0, 4)
    )
    assert just_before.day == date(2026, 11, 23)
    assert just_after.day == date(2026, 11, 24)
    seen: dict[str, list[str]] = {just_before.key: [], just_after.key: []}
    enrolments = [
        begin_cohort(newcomer, one, one.day, ("g1", "g2"), calendar)
        for one in (just_before, just_after)
        if one.day is not None
    ]
    history: list[Touch] = []
    for hour in range(24 * 10):
        now = late + timedelta(hours=hour)
        outcome = plan([newcomer], enrolments, history, Budget(), calendar, now)
        enrolments = [one.enrolment for one in outcome.progress]
        history += outcome.touches
    for touch in history:
        assert touch.status.counts
        assert touch.guides == ("g1", "g2")
        assert touch.cohort is not None
        seen[touch.cohort].append(touch.step)
    days = [f"day{number}" for number in range(1, 8)]
    assert list(seen.values()) == [days, days]
    assert all(one.ended_by is Rule.FINISHED for one in enrolments)


def test_a_moment_never_changes_its_day(calendar: WorkCalendar, budget: Budget) -> None:
    newcomer = load_journeys().get("newcomer")
    assert newcomer is not None
    joined = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
    cohort = cohort_of(newcomer, "home", joined, calendar)
    start = begin_cohort(newcomer, cohort, date(2026, 11, 23), ("g1",), calendar)
    down_until = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
    outcome = plan([newcomer], [start], (), budget, calendar, down_until)
    statuses = {touch.step: (touch.status, touch.rule) for touch in outcome.touches}
    assert statuses["day1"] == (TouchStatus.SKIPPED, Rule.MISSED)
    assert statuses["day2"] == (TouchStatus.MOVED, Rule.CAUGHT_UP)
    assert outcome.touches[1].due_at == down_until


def test_moments_of_a_cohort_leave_less_room_for_its_members(
    care: Journey, noon: datetime, calendar: WorkCalendar
) -> None:
    newcomer = load_journeys().get("newcomer")
    assert newcomer is not None
    budget = Budget(spread_minutes=0, fatigue=Fatigue(per_day=1, per_week=7, weights={}))
    joined = noon - timedelta(days=1)
    cohort = cohort_of(newcomer, "home", joined, calendar)
    enrolments = [
        begin_cohort(newcomer, cohort, date(2026, 11, 22), ("g1",), calendar),
        begin(care, "anna", "default", noon),
    ]
    member = replace(ANNA, cohorts=(cohort.key,))
    outcome = planned([newcomer, care], enrolments, noon, budget, customer=member, hours=6)
    progress = next(one for one in outcome.progress if one.enrolment.journey == "care")
    assert progress.enrolment.deferred_by is Rule.FATIGUE_DAY
    assert all(touch.audience is Audience.COHORT for touch in outcome.touches)


def test_group_posts_go_to_the_group_through_its_owner(noon: datetime, budget: Budget) -> None:
    group_week = load_journeys().get("group_week")
    assert group_week is not None
    start = begin(
        group_week,
        "chat1",
        "default",
        noon - timedelta(hours=12),
        audience=Audience.GROUP,
        guides=("owner",),
    )
    outcome = planned([group_week], [start], noon - timedelta(hours=3), budget, hours=72)
    assert [touch.step for touch in outcome.touches] == ["monday", "wednesday"]
    assert {(touch.group, touch.guides, touch.way) for touch in outcome.touches} == {
        ("chat1", ("owner",), Way.GROUP_MASS_SEND)
    }


def test_a_touch_is_told_as_json(care: Journey, noon: datetime, budget: Budget) -> None:
    touch, _ = only(planned([care], [begin(care, "anna", "default", noon)], noon, budget))
    told = touch.as_dict()
    assert told["external_userid"] == "anna"
    assert told["due_at"] == "2026-11-23T05:00:00+00:00"
    assert "skipped_by" not in told
    assert len(touch.id) == 32


def test_chunks_never_part_the_enrolments_of_one_subject(care: Journey, noon: datetime) -> None:
    names = ["a", "a", "b", "b", "b", "c", "d"]
    stream = [begin(care, name, "default", noon) for name in names]
    cut = [[one.subject for one in chunk] for chunk in chunks(stream, 2)]
    assert cut == [["a", "a"], ["b", "b", "b"], ["c", "d"]]


def test_an_enrolment_of_a_lost_journey_is_refused_with_a_mend(
    care: Journey, noon: datetime, budget: Budget
) -> None:
    with pytest.raises(UnknownJourney, match="没有编号为「care」的旅程"):
        planned([], [begin(care, "anna", "default", noon)], noon, budget)
