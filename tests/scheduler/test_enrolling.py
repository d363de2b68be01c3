from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from scheduler import (
    Audience,
    Cohort,
    Customer,
    Journey,
    Occurrence,
    Rule,
    Signal,
    SignalKind,
    TriggerKind,
    WorkCalendar,
    begin_cohort,
    birthday_start,
    birthdays_met,
    enrol,
    enrol_group,
    enrol_on,
    load_journeys,
    parse_journeys,
    retired,
    tag_name,
)

ANNA = Customer("anna", guides=("g1",), tags=frozenset({"会员", "宝妈"}))


def shipped(name: str) -> Journey:
    journey = load_journeys().get(name)
    assert journey is not None
    return journey


def event(value: str, at: datetime) -> Occurrence:
    return Occurrence(TriggerKind.EVENT, at, value)


def test_an_event_begins_the_journeys_that_wait_for_it(care: Journey, noon: datetime) -> None:
    (begun,) = enrol([care, shipped("wave")], event("parcel_arrived", noon), ANNA)
    assert (begun.journey, begun.subject, begun.guides) == ("care", "anna", ("g1",))
    assert begun.started_at == noon
    assert enrol([care], event("something_else", noon), ANNA) == ()
    assert enrol([care], event("parcel_arrived", noon), replace(ANNA, opted_out=True)) == ()


def test_a_replayed_event_begins_nothing_new(care: Journey, noon: datetime) -> None:
    (begun,) = enrol([care], event("parcel_arrived", noon), ANNA)
    assert enrol([care], event("parcel_arrived", noon), ANNA, {"care": begun}) == ()
    ended = replace(begun, ended_by=Rule.FINISHED)
    too_soon = event("parcel_arrived", noon + timedelta(days=6))
    assert enrol([care], too_soon, ANNA, {"care": ended}) == ()
    rested = event("parcel_arrived", noon + timedelta(days=7))
    (again,) = enrol([care], rested, ANNA, {"care": ended})
    assert again.cycle != begun.cycle


def test_whoever_opted_out_on_a_journey_does_not_come_back(care: Journey, noon: datetime) -> None:
    (begun,) = enrol([care], event("parcel_arrived", noon), ANNA)
    ended = begun.with_signal(care, Signal(SignalKind.OPTED_OUT, noon))
    later = event("parcel_arrived", noon + timedelta(days=90))
    assert enrol([care], later, ANNA, {"care": ended}) == ()


def test_a_silence_is_counted_anew_after_each_word(noon: datetime) -> None:
    journey = shipped("price_silent")
    (first,) = enrol([journey], event("ask_price", noon), ANNA)
    assert first.started_at == noon + timedelta(hours=4)
    reply = Signal(SignalKind.REPLIED, noon + timedelta(hours=1))
    ended = first.with_signal(journey, reply)
    assert ended.ended_by is Rule.REPLIED
    again = event("bargain", noon + timedelta(hours=1))
    (second,) = enrol([journey], again, ANNA, {"price_silent": ended})
    assert second.started_at == noon + timedelta(hours=5)
    assert second.with_signal(journey, reply).active


def test_any_message_restarts_the_clock_of_winning_back(noon: datetime) -> None:
    (begun,) = enrol([shipped("win_back")], event("message", noon), ANNA)
    assert begun.started_at == noon + timedelta(days=30)
    assert begun.segment == "buyers"


def test_date_journeys_take_only_their_segments(calendar: WorkCalendar) -> None:
    member_day = shipped("member_day")
    begun = enrol_on(member_day, date(2026, 12, 7), ANNA, calendar)
    assert begun is not None
    assert begun.segment == "members"
    stranger = replace(ANNA, tags=frozenset())
    assert enrol_on(member_day, date(2026, 12, 7), stranger, calendar) is None
    assert enrol_on(member_day, date(2026, 12, 7), ANNA, calendar, begun) is None
    ended = replace(begun, ended_by=Rule.FINISHED)
    assert enrol_on(member_day, date(2027, 1, 7), ANNA, calendar, ended) is not None


@pytest.mark.parametrize(
    ("birthday", "day", "meets"),
    [
        ((12, 2), date(2026, 11, 29), date(2026, 12, 2)),
        ((1, 2), date(2026, 12, 30), date(2027, 1, 2)),
        ((2, 29), date(2027, 2, 25), date(2027, 2, 28)),
        ((2, 29), date(2028, 2, 26), date(2028, 2, 29)),
        ((2, 29), date(2028, 2, 25), None),
        ((12, 2), date(2026, 12, 2), None),
    ],
)
def test_birthdays_are_met_days_before_across_new_year_and_leap_years(
    birthday: tuple[int, int], day: date, meets: date | None
) -> None:
    assert birthday_start(shipped("birthday"), birthday, day) == meets


def test_a_group_walks_only_journeys_with_group_posts(calendar: WorkCalendar) -> None:
    monday = date(2026, 11, 23)
    walk = enrol_group(shipped("group_week"), monday, "chat1", "owner", calendar)
    assert walk is not None
    assert (walk.audience, walk.subject, walk.guides) == (Audience.GROUP, "chat1", ("owner",))
    assert enrol_group(shipped("win_back"), monday, "chat1", "owner", calendar) is None


@pytest.mark.parametrize("segment", ["women", "宝妈", "a:b", ":"])
@pytest.mark.parametrize("day", [None, date(2027, 1, 3)])
def test_a_cohort_is_known_by_its_key(segment: str, day: date | None) -> None:
    cohort = Cohort("newcomer", segment, day)
    assert Cohort.of_key(cohort.key) == cohort


def test_tag_names_fit_the_platform_and_old_tags_retire(calendar: WorkCalendar) -> None:
    newcomer = shipped("newcomer")
    cohort = Cohort("newcomer", "women", date(2026, 11, 23))
    assert tag_name(newcomer, cohort) == "新客·质感女装客·261123"
    walk = begin_cohort(newcomer, cohort, date(2026, 11, 23), ("g1",), calendar)
    assert retired([newcomer], [walk], date(2026, 12, 2), calendar) == []
    assert retired([newcomer], [walk], date(2026, 12, 3), calendar) == [walk]
    standing = begin_cohort(
        shipped("wave"), Cohort("wave", "members", None), date(2026, 1, 1), (), calendar
    )
    assert retired([shipped("wave")], [standing], date(2027, 1, 1), calendar) == []


def test_the_29th_of_february_is_met_each_year() -> None:
    journey = parse_journeys(
        "version: 1\njourneys:\n- {id: cake, name: 生日, triggers: [{birthday: {days_before: 2}}],"
        " steps: [{id: a, purpose: 祝福, kind: nudge, at: {day: 2, time: '10:00'},"
        " content: {text: 生日快乐}}]}\n"
    ).journeys[0]
    assert birthdays_met(journey, date(2027, 2, 26)) == {(2, 28), (2, 29)}
    assert birthdays_met(journey, date(2028, 2, 26)) == {(2, 28)}
    assert birthdays_met(journey, date(2028, 2, 27)) == {(2, 29)}
