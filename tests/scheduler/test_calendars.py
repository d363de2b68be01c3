from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import (
    CalendarError,
    Overrides,
    QuietHours,
    Rule,
    WorkCalendar,
    parse_overrides,
)
from scheduler.calendars import SHANGHAI
from scheduler.journey import Days, TimeWindow

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
moments = st.integers(0, 36_000 * 86_400).map(lambda seconds: EPOCH + timedelta(seconds=seconds))


def shanghai(year: int, month: int, day: int, hour: int, minute: int) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=SHANGHAI).astimezone(UTC)


@pytest.mark.parametrize(
    ("day", "workday", "source"),
    [
        (date(2026, 2, 14), True, "official"),  # Saturday worked for the Spring Festival
        (date(2026, 2, 17), False, "official"),
        (date(2026, 11, 23), True, "official"),
        (date(2027, 2, 6), False, "estimated"),
        (date(2027, 10, 1), False, "estimated"),
        (date(2027, 3, 6), False, "estimated"),
        (date(2027, 3, 8), True, "estimated"),
    ],
)
def test_workdays_know_shifted_days_and_years_without_a_notice(
    calendar: WorkCalendar, day: date, workday: bool, source: str
) -> None:
    assert calendar.is_workday(day) is workday
    assert calendar.day_info(day).source == source


def test_holidays_are_named_in_chinese(calendar: WorkCalendar) -> None:
    assert calendar.day_info(date(2026, 10, 1)).name == "国庆节"
    assert calendar.day_info(date(2027, 1, 1)).name == "元旦"


def test_the_override_table_has_the_last_word() -> None:
    table = parse_overrides("rest: {2026-11-23: 店庆}\nwork: {2027-02-20: 调休}\n")
    calendar = WorkCalendar(overrides=table)
    assert not calendar.is_workday(date(2026, 11, 23))
    assert calendar.is_workday(date(2027, 2, 20))
    assert calendar.day_info(date(2026, 11, 23)).name == "店庆"


@pytest.mark.parametrize(
    "day", [date(1, 1, 1), date(1999, 5, 1), date(2100, 2, 1), date(9999, 1, 1)]
)
def test_no_year_fails(calendar: WorkCalendar, day: date) -> None:
    assert calendar.day_info(day).day == day


def test_every_fault_of_the_table_names_its_line_and_mend() -> None:
    text = "version: 1\nrest:\n  2027-13-01: x\nwork: [2027-02-20]\nsilents:\n  12-13: y\n"
    with pytest.raises(CalendarError) as refused:
        parse_overrides(text, file="shop.yml")
    said = str(refused.value)
    assert "shop.yml 第 3 行：日期「2027-13-01」看不懂" in said
    assert "shop.yml 第 4 行：「work」应当是「日期: 名称」" in said
    assert "shop.yml 第 5 行：不认识的键「silents」" in said


def test_a_message_at_night_waits_for_the_morning(calendar: WorkCalendar) -> None:
    span = calendar.next_span(shanghai(2026, 11, 23, 23, 0))
    assert span is not None
    assert span.start == shanghai(2026, 11, 24, 9, 0)
    assert span.end == shanghai(2026, 11, 24, 21, 30)
    assert span.rule is Rule.QUIET_HOURS


def test_windows_days_and_silence_say_which_of_them_moved_a_message() -> None:
    silent = Overrides(silent_yearly={(12, 13): "国家公祭日"})
    calendar = WorkCalendar(overrides=silent)
    window = TimeWindow(time(18), time(20))
    late = calendar.next_span(shanghai(2026, 11, 23, 20, 0), window=window)
    assert late is not None
    assert (late.start, late.rule) == (shanghai(2026, 11, 24, 18, 0), Rule.TIME_WINDOW)
    weekend = calendar.next_span(shanghai(2026, 11, 28, 10, 0), days=Days.WORKDAYS)
    assert weekend is not None
    assert (weekend.start, weekend.rule) == (shanghai(2026, 11, 30, 9, 0), Rule.DAY_KIND)
    mourning = calendar.next_span(shanghai(2026, 12, 13, 10, 0))
    assert mourning is not None
    assert (mourning.start, mourning.rule) == (shanghai(2026, 12, 14, 9, 0), Rule.SILENT_DAY)


def test_a_window_inside_the_quiet_hours_never_opens(calendar: WorkCalendar) -> None:
    window = TimeWindow(time(22), time(23))
    assert calendar.next_span(shanghai(2026, 11, 23, 12, 0), window=window) is None


def test_no_quiet_hours_when_both_times_are_equal() -> None:
    calendar = WorkCalendar(QuietHours(time(0), time(0)))
    midnight = shanghai(2026, 11, 23, 0, 0)
    span = calendar.next_span(midnight)
    assert span is not None
    assert (span.start, span.end - span.start) == (midnight, timedelta(days=1))


@given(moments, st.sampled_from(["Asia/Shanghai", "America/New_York", "Europe/Berlin"]))
def test_a_span_starts_allowed_and_not_too_early(moment: datetime, zone: str) -> None:
    calendar = WorkCalendar(zone=ZoneInfo(zone))
    span = calendar.next_span(moment)
    assert span is not None
    assert moment <= span.start < span.end
    again = calendar.next_span(span.start)
    assert again is not None
    assert again.start == span.start
    clock = span.start.astimezone(calendar.zone).time()
    assert time(9) <= clock < time(21, 30)


@given(moments)
def test_periods_begin_at_local_midnight(moment: datetime) -> None:
    calendar = WorkCalendar()
    for begin in (calendar.next_midnight, calendar.next_monday, calendar.next_month):
        local = begin(moment).astimezone(SHANGHAI)
        assert begin(moment) > moment
        assert local.time() == time(0)
    assert calendar.next_monday(moment).astimezone(SHANGHAI).weekday() == 0
    assert calendar.next_month(moment).astimezone(SHANGHAI).day == 1
