from __future__ import annotations

from collections.abc import Sequence
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
    parse_journeys,
    plan,
    rehearse,
)
from scheduler.enrolling import begin
from scheduler.preview import Row


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


RIVALS = """
version: 1
journeys:
- id: cart
  name: 购物车
  priority: 90
  triggers: [event: cart_left]
  steps:
  - {id: ask, purpose: 问一句, kind: nudge, at: {hours: 1}, content: {text: 还在看吗}}
- id: fair
  name: 市集
  priority: 10
  triggers: [date: {on: 2026-11-25}]
  steps:
  - {id: call, purpose: 喊一声, kind: mass_send, at: {day: 0, time: "19:30"},
     content: {text: 今晚市集}, catch_up: {send_late: 24}}
- id: lost
  name: 唤回
  triggers: [silence: {hours: 240}]
  steps:
  - {id: back, purpose: 想起您, kind: nudge, at: {hours: 0}, content: {text: 好久不见}}
"""


def test_what_other_journeys_do_to_one_is_told_step_by_step(
    care: Journey, noon: datetime, calendar: WorkCalendar, budget: Budget
) -> None:
    def shown(others: Sequence[Journey]) -> list[Row]:
        walked = rehearse(
            [care],
            segment="default",
            days=7,
            start=noon,
            budget=budget,
            calendar=calendar,
            others=others,
        )
        return list(walked.rows)

    alone, together = shown([]), shown([care, *parse_journeys(RIVALS)])
    assert [(row.at.day, row.at.hour) for row in alone] == [(23, 13), (25, 19), (26, 19)]
    ask, first, second, call, third = together
    assert (ask.other, ask.conflict, first.other) == (True, None, False)
    assert first.at.hour == 15
    assert first.conflict is not None
    assert [(one.name, one.purpose) for one in first.conflict.taken_by] == [("购物车", "问一句")]
    assert first.conflict.explanation == (
        "单独走时 11月23日 13:00 发出；位置被「购物车」的「问一句」（11月23日 13:00）占了"
    )
    assert (second.at, second.conflict) == (alone[1].at, None)
    assert call.other and call.conflict is not None
    assert [one.step for one in call.conflict.taken_by] == ["second"]
    assert third.as_dict()["conflict"] is None


def test_a_skip_a_move_and_what_only_follows_are_told_apart(
    noon: datetime, calendar: WorkCalendar, budget: Budget
) -> None:
    text = """
version: 1
journeys:
- id: three
  name: 三步
  triggers: [event: asked]
  steps:
  - {id: a, purpose: 先问, kind: nudge, at: {hours: 1}, window: "13:00-14:00",
     content: {text: 甲}, catch_up: {send_late: 1}}
  - {id: b, purpose: 再问, kind: nudge, at: {day: 0, time: "15:30"}, content: {text: 乙}}
  - {id: c, purpose: 又问, kind: nudge, after: {step: b, hours: 3}, content: {text: 丙}}
"""
    rivals = """
version: 1
journeys:
- id: cart
  name: 购物车
  priority: 90
  triggers: [event: cart_left]
  steps:
  - {id: ask, purpose: 问一句, kind: nudge, at: {hours: 1}, content: {text: 还在看吗}}
  - {id: add, purpose: 补一句, kind: nudge, at: {day: 0, time: "15:30"}, content: {text: 丁}}
"""
    shown = rehearse(
        parse_journeys(text),
        segment="default",
        days=2,
        start=noon,
        budget=replace(budget, fatigue=Fatigue(per_day=20)),
        calendar=calendar,
        others=parse_journeys(rivals),
    )
    told = {row.touch.step: (row.at.hour, row.skipped_by, row.conflict) for row in shown.rows}
    assert told["a"][1] == "让给优先级更高的旅程"
    assert told["b"][:2] == (17, None)
    assert told["c"][:2] == (20, None)
    taken = {step: conflict and len(conflict.taken_by) for step, (*_, conflict) in told.items()}
    assert taken == {"ask": None, "add": None, "a": 1, "b": 1, "c": 0}
    follows = told["c"][2]
    assert follows is not None
    assert follows.explanation == "单独走时 11月23日 18:30 发出；前面的步骤推迟了，它跟着顺延"


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
