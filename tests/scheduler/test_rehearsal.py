from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from scheduler import (
    Audience,
    Budget,
    Customer,
    Fatigue,
    Journey,
    Ledger,
    PlanContext,
    Rule,
    Signal,
    SignalKind,
    StepKind,
    WorkCalendar,
    dispatch_refusal,
    load_journeys,
    plan,
    rehearse,
)
from scheduler.enrolling import begin


def test_the_newcomer_plan_shows_seven_posts_on_seven_days(
    noon: datetime, calendar: WorkCalendar
) -> None:
    newcomer = [one for one in load_journeys() if one.id == "newcomer"]
    shown = rehearse(
        newcomer, segment="mothers", days=8, start=noon, budget=Budget(), calendar=calendar
    )
    posts = [row for row in shown.rows if row.touch.kind is StepKind.MOMENT]
    assert [row.day for row in posts] == [1, 2, 3, 4, 5, 6, 7]
    assert all(row.skipped_by is None for row in shown.rows)
    first = shown.rows[0].as_dict()
    assert first["content"]["text"].startswith("新来的妈妈们好")
    assert first["at"] == "2026-11-24T09:30:00+08:00"
    assert "朋友圈今日 1/3" in first["quota"]


@pytest.mark.parametrize("segment", ["women", "mothers", "home"])
def test_all_shipped_journeys_rehearse_together_without_passing_a_limit(
    noon: datetime, calendar: WorkCalendar, segment: str
) -> None:
    budget = Budget(fatigue=Fatigue(per_day=3, per_week=10, weights={}))
    shown = rehearse(
        load_journeys(),
        segment=segment,
        days=70,
        start=datetime.fromisoformat("2026-12-07T00:00:00+08:00"),
        budget=budget,
        calendar=calendar,
    )
    days: dict[date, int] = {}
    for row in shown.rows:
        if row.touch.status.counts and row.touch.audience is not Audience.GROUP:
            days[row.at.date()] = days.get(row.at.date(), 0) + 1
    assert max(days.values()) <= 3
    assert all(row.touch.rule is not None for row in shown.rows if row.skipped_by)


def test_a_rehearsal_may_tell_another_story(care: Journey, noon: datetime) -> None:
    reply = Signal(SignalKind.REPLIED, noon + timedelta(minutes=10))
    shown = rehearse(
        [care],
        segment="default",
        days=7,
        start=noon,
        budget=Budget(),
        calendar=WorkCalendar(),
        signals=[reply],
    )
    assert shown.rows == ()


def test_a_touch_is_looked_at_once_more_before_it_is_sent(
    care: Journey, noon: datetime, calendar: WorkCalendar, budget: Budget
) -> None:
    start = begin(care, "anna", "default", noon)
    person = Customer("anna", guides=("g1",))
    made = plan([care], [start], (), budget, calendar, noon, customers=[person])
    assert made.touches == ()
    due = noon + timedelta(hours=1)
    made = plan([care], [start], (), budget, calendar, due, customers=[person])
    (touch,), (progress,) = made.touches, made.progress
    walked = progress.enrolment
    ledger = Ledger(budget, calendar, history=[touch])

    def refusal(now: datetime, **changed: object) -> Rule | None:
        context = PlanContext({"care": care}, calendar, now, now)
        told = changed.pop("enrolment", walked)
        someone = replace(person, **changed)  # type: ignore[arg-type]
        return dispatch_refusal(context, touch, told, someone, ledger)  # type: ignore[arg-type]

    assert refusal(due) is None
    assert refusal(due, opted_out=True) is Rule.OPTED_OUT
    assert refusal(due, guides=()) is Rule.NO_GUIDE
    assert refusal(due + timedelta(hours=9)) is Rule.QUIET_HOURS
    assert refusal(due + timedelta(hours=26)) is Rule.MISSED
    replied = walked.with_signal(care, Signal(SignalKind.REPLIED, due))
    assert refusal(due, enrolment=replied) is Rule.REPLIED
    assert refusal(due) is None
