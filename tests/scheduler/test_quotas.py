from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from scheduler import (
    Audience,
    Budget,
    BudgetError,
    ContentRef,
    Customer,
    Fatigue,
    KfWindow,
    Ledger,
    MassSendRule,
    QuietHours,
    Rule,
    StepKind,
    Touch,
    TouchStatus,
    Way,
    WorkCalendar,
    history_since,
)

ANNA = (Audience.CUSTOMER, "anna")
PERSON = Customer("anna", guides=("g1",))


def touch(number: int, at: datetime, way: Way = Way.MASS_SEND, **fields: object) -> Touch:
    kind = {Way.KF: StepKind.NUDGE, Way.MOMENT: StepKind.MOMENT}.get(way, StepKind.MASS_SEND)
    plain = Touch(
        id=f"t{number}",
        journey="j",
        step=f"s{number}",
        kind=kind,
        audience=Audience.CUSTOMER,
        subject="anna",
        due_at=at,
        content=ContentRef("j", f"s{number}", "default"),
        status=TouchStatus.PLANNED,
        explanation="",
        way=way,
        guides=("g1",),
    )
    return replace(plain, **fields)  # type: ignore[arg-type]


def refusal(ledger: Ledger, way: Way, at: datetime, person: Customer = PERSON) -> Rule | None:
    refused = ledger.refuse_way(way, ANNA, person, at)
    return refused.rule if refused is not None else None


@pytest.mark.parametrize(
    ("rule", "day", "limit", "period"),
    [
        (MassSendRule.DAYS_OF_MONTH, date(2028, 2, 9), 29, date(2028, 2, 1)),
        (MassSendRule.DAYS_OF_MONTH, date(2026, 12, 31), 31, date(2026, 12, 1)),
        (MassSendRule.SEVEN_PER_WEEK, date(2027, 1, 3), 7, date(2026, 12, 28)),
        (MassSendRule.ONE_PER_DAY, date(2027, 1, 3), 1, date(2027, 1, 3)),
        (MassSendRule.FOUR_PER_MONTH, date(2027, 1, 3), 4, date(2027, 1, 1)),
    ],
)
def test_mass_send_rules_count_in_natural_periods(
    rule: MassSendRule, day: date, limit: int, period: date
) -> None:
    assert (rule.limit_on(day), rule.period_of(day)) == (limit, period)


def test_a_month_ends_at_midnight_in_shanghai_not_in_utc(calendar: WorkCalendar) -> None:
    ledger = Ledger(Budget(mass_rule=MassSendRule.FOUR_PER_MONTH), calendar)
    for number in range(4):
        ledger.record(touch(number, datetime(2026, 11, 3 + number, 4, 0, tzinfo=UTC)))
    last_evening = datetime(2026, 11, 30, 15, 59, tzinfo=UTC)
    refused = ledger.refuse_way(Way.MASS_SEND, ANNA, PERSON, last_evening)
    assert refused is not None
    assert refused.rule is Rule.MASS_QUOTA
    assert refused.retry_at == datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
    assert refusal(ledger, Way.MASS_SEND, refused.retry_at) is None


def test_a_released_touch_gives_its_quota_back_and_stays_known(
    calendar: WorkCalendar, noon: datetime
) -> None:
    ledger = Ledger(Budget(mass_rule=MassSendRule.ONE_PER_DAY), calendar)
    ledger.record(touch(1, noon))
    assert refusal(ledger, Way.MASS_SEND, noon) is Rule.MASS_QUOTA
    ledger.release("t1")
    assert refusal(ledger, Way.MASS_SEND, noon) is None
    assert ledger.knows("t1")
    ledger.release("t1")
    assert ledger.usage(PERSON, noon).day.used == 0


def test_a_committed_touch_counts_when_it_went_out(calendar: WorkCalendar, noon: datetime) -> None:
    ledger = Ledger(Budget(mass_rule=MassSendRule.ONE_PER_DAY), calendar)
    ledger.record(touch(1, noon))
    ledger.commit("t1", noon + timedelta(days=1))
    assert refusal(ledger, Way.MASS_SEND, noon) is None
    assert refusal(ledger, Way.MASS_SEND, noon + timedelta(days=1)) is Rule.MASS_QUOTA


def test_the_service_window_counts_what_was_sent_and_what_is_reserved(
    calendar: WorkCalendar, noon: datetime
) -> None:
    ledger = Ledger(Budget(), calendar)
    person = replace(PERSON, kf=KfWindow(noon, sent=2))
    assert refusal(ledger, Way.KF, noon, person) is None
    ledger.record(touch(1, noon, Way.KF, messages=2))
    assert refusal(ledger, Way.KF, noon, person) is Rule.KF_FULL
    ledger.commit("t1", noon)
    assert refusal(ledger, Way.KF, noon, replace(person, kf=KfWindow(noon, 4))) is Rule.KF_FULL
    assert refusal(ledger, Way.KF, noon, replace(person, kf=KfWindow(noon, 0))) is None
    closed = noon + timedelta(hours=48)
    assert refusal(ledger, Way.KF, closed, person) is Rule.KF_CLOSED
    assert refusal(ledger, Way.KF, noon, PERSON) is Rule.KF_CLOSED


def test_gap_and_fatigue_name_the_time_to_ask_again(
    calendar: WorkCalendar, noon: datetime
) -> None:
    ledger = Ledger(Budget(fatigue=Fatigue(per_day=2, per_week=3, weights={})), calendar)
    ledger.record(touch(1, noon))
    near = ledger.refuse_contact(ANNA, 1, noon + timedelta(minutes=30))
    assert near is not None
    assert (near.rule, near.retry_at) == (Rule.GAP, noon + timedelta(hours=2))
    ledger.record(touch(2, noon + timedelta(hours=3)))
    full = ledger.refuse_contact(ANNA, 1, noon + timedelta(hours=6))
    assert full is not None
    assert full.rule is Rule.FATIGUE_DAY
    assert full.retry_at == datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
    ledger.record(touch(3, noon + timedelta(days=1)))
    week = ledger.refuse_contact(ANNA, 1, noon + timedelta(days=2))
    assert week is not None
    assert week.rule is Rule.FATIGUE_WEEK
    assert week.retry_at == datetime(2026, 11, 29, 16, 0, tzinfo=UTC)


def test_ten_moment_tasks_a_minute_whatever_the_minute(
    calendar: WorkCalendar, noon: datetime
) -> None:
    ledger = Ledger(Budget(), calendar)
    times = []
    for number in range(35):
        slot = ledger.moment_slot(noon)
        post = touch(number, slot, Way.MOMENT, audience=Audience.COHORT, subject=f"c{number}")
        ledger.record(post)
        times.append(slot)
    for first in times:
        assert sum(first <= one < first + timedelta(minutes=1) for one in times) <= 10
    assert times[-1] - times[0] < timedelta(minutes=4)


def test_posts_of_other_journeys_count_for_the_members_of_a_cohort(
    calendar: WorkCalendar, noon: datetime
) -> None:
    ledger = Ledger(Budget(moments_per_day=2, fatigue=Fatigue(5, 20)), calendar)
    for number, (journey, cohort) in enumerate([("a", "a1"), ("a", "a2"), ("b", "b1")]):
        post = touch(number, noon, Way.MOMENT, audience=Audience.COHORT, subject=cohort)
        ledger.record(replace(post, journey=journey))
    full = ledger.refuse_moment("a", "a1", noon)
    assert full is not None
    assert full.rule is Rule.MOMENT_DAY
    assert ledger.refuse_moment("a", "a3", noon) is None
    assert ledger.refuse_moment("c", "c1", noon) is not None


def test_people_are_forgotten_between_chunks_but_guides_and_posts_are_not(
    calendar: WorkCalendar, noon: datetime
) -> None:
    ledger = Ledger(Budget(guide_cards_per_day=1), calendar)
    ledger.record(touch(1, noon, Way.GUIDE_CARD))
    ledger.record(touch(2, noon, Way.MOMENT, audience=Audience.COHORT, subject="c"))
    ledger.forget_people()
    assert not ledger.knows("t1")
    assert ledger.knows("t2")
    assert ledger.refuse_contact(ANNA, 1, noon) is None
    assert refusal(ledger, Way.GUIDE_CARD, noon) is Rule.GUIDE_FULL


def test_usage_says_everything_in_one_line(calendar: WorkCalendar, noon: datetime) -> None:
    ledger = Ledger(Budget(), calendar, history=[touch(1, noon)])
    usage = ledger.usage(replace(PERSON, kf=KfWindow(noon, 1)), noon)
    assert usage.summary() == "疲劳度今日 2/6、本周 2/24；群发本月 1/30；朋友圈今日 0/3"
    assert str(usage.kf) == "1/5"
    assert usage.kf_closes_at == noon + timedelta(hours=48)


def test_a_senseless_limit_is_refused_by_name() -> None:
    with pytest.raises(BudgetError, match=r"moments_per_day.*改成不小于 1 的整数"):
        Budget(moments_per_day=0)
    with pytest.raises(BudgetError, match="moment_tasks_per_minute"):
        Budget(moment_tasks_per_minute=61)


def test_history_reaches_back_to_the_start_of_week_and_month(calendar: WorkCalendar) -> None:
    first = datetime(2026, 12, 1, 4, 0, tzinfo=UTC)
    assert history_since(first, calendar, Budget()) == datetime(2026, 11, 29, 16, 0, tzinfo=UTC)
    last = datetime(2026, 12, 30, 4, 0, tzinfo=UTC)
    assert history_since(last, calendar, Budget()) == datetime(2026, 11, 30, 16, 0, tzinfo=UTC)


def test_a_month_that_begins_with_a_week_remembers_the_hours_before_midnight() -> None:
    calendar = WorkCalendar(QuietHours(time(0), time(0)))
    after_midnight = datetime(2027, 2, 1, 0, 30, tzinfo=calendar.zone)
    before = touch(1, after_midnight - timedelta(minutes=50))
    assert before.due_at >= history_since(after_midnight, calendar, Budget(gap_minutes=60))
