"""The shop's calendar: which days are work, rest or silent, and when a message may arrive.

Official 调休 comes from `chinesecalendar`; a year it does not know yet is told from statutory
holidays and weekends, so a plan may cross into it. An override table has the last word.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import chinese_calendar
import holidays

from .journey import Days, TimeWindow
from .rules import Rule

SHANGHAI = ZoneInfo("Asia/Shanghai")
SEARCH_DAYS = 62
_SATURDAY = 5
_ONE_DAY = timedelta(days=1)
_CHINESE_NAMES: Mapping[str, str] = {
    str(holiday.value): str(holiday.chinese) for holiday in chinese_calendar.Holiday
}


@dataclass(frozen=True, slots=True)
class QuietHours:
    """No message from `begins` until `ends` by the shop's wall clock; may pass midnight.

    Equal times mean that there are no quiet hours.
    """

    begins: time = time(21, 30)
    ends: time = time(9, 0)

    def open_span(self) -> tuple[tuple[time, time | None], ...]:
        """The parts of a day in which messages may arrive; None means until midnight."""
        if self.begins == self.ends:
            return ((time(0), None),)
        if self.begins > self.ends:
            return ((self.ends, self.begins),)
        morning = ((time(0), self.begins),) if self.begins > time(0) else ()
        return (*morning, (self.ends, None))


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the shop knows better: rest days, working days, and days to keep silent.

    `silent_yearly` are (month, day) pairs that come back each year.
    """

    rest: Mapping[date, str] = field(default_factory=dict, hash=False)
    work: Mapping[date, str] = field(default_factory=dict, hash=False)
    silent: Mapping[date, str] = field(default_factory=dict, hash=False)
    silent_yearly: Mapping[tuple[int, int], str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class DayInfo:
    """What is known of one day; `source` is `override`, `official` or `estimated`."""

    day: date
    rest: bool
    name: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Span:
    """Aware UTC times between which a message may arrive; `start` is allowed, `end` is not.

    `rule` says what kept it from being allowed at once, None if it was.
    """

    start: datetime
    end: datetime
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """Answers about days and hours in the shop's time zone; never raises for any year."""

    quiet: QuietHours = QuietHours()
    overrides: Overrides = Overrides()
    zone: ZoneInfo = SHANGHAI

    def local_day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def at(self, day: date, clock: time) -> datetime:
        """That time of that day in the shop's zone, in UTC."""
        return datetime.combine(day, clock, self.zone).astimezone(UTC)

    def day_info(self, day: date) -> DayInfo:
        for table, rest in ((self.overrides.rest, True), (self.overrides.work, False)):
            if day in table:
                return DayInfo(day, rest, table[day] or None, "override")
        return _public_day(day)

    def is_workday(self, day: date) -> bool:
        return not self.day_info(day).rest

    def silent_name(self, day: date) -> str | None:
        """Why nothing goes out on that day, None on ordinary days."""
        yearly = self.overrides.silent_yearly.get((day.month, day.day))
        return self.overrides.silent.get(day, yearly)

    def next_span(
        self, moment: datetime, *, window: TimeWindow | None = None, days: Days = Days.ANY
    ) -> Span | None:
        """The first stretch from `moment` on in which a message may arrive.

        None when there is none within two months, as with a window inside the quiet hours.
        """
        first = self.local_day(moment)
        rule = None
        for ahead in range(SEARCH_DAYS):
            day = first + timedelta(days=ahead)
            if (refused := self._day_rule(day, days)) is not None:
                rule = rule or refused
                continue
            for start, end in self._spans(day, window):
                if moment < start:
                    return Span(start, end, rule or self._hour_rule(moment, window))
                if moment < end:
                    return Span(moment, end, rule)
            rule = rule or self._hour_rule(moment, window)
        return None

    def next_midnight(self, moment: datetime) -> datetime:
        return self.at(self.local_day(moment) + _ONE_DAY, time(0))

    def next_monday(self, moment: datetime) -> datetime:
        day = self.local_day(moment)
        return self.at(day + timedelta(days=7 - day.weekday()), time(0))

    def next_month(self, moment: datetime) -> datetime:
        day = self.local_day(moment).replace(day=28) + timedelta(days=4)
        return self.at(day.replace(day=1), time(0))

    def _day_rule(self, day: date, days: Days) -> Rule | None:
        if self.silent_name(day) is not None:
            return Rule.SILENT_DAY
        if days is Days.ANY or self.is_workday(day) == (days is Days.WORKDAYS):
            return None
        return Rule.DAY_KIND

    def _hour_rule(self, moment: datetime, window: TimeWindow | None) -> Rule:
        clock = moment.astimezone(self.zone).time()
        if window is not None and not window.opens <= clock < window.closes:
            return Rule.TIME_WINDOW
        return Rule.QUIET_HOURS

    def _spans(self, day: date, window: TimeWindow | None) -> list[tuple[datetime, datetime]]:
        return _spans_of(self.zone, self.quiet, day, window)


@lru_cache(maxsize=4096)
def _spans_of(
    zone: ZoneInfo, quiet: QuietHours, day: date, window: TimeWindow | None
) -> list[tuple[datetime, datetime]]:
    spans = []
    for opens, closes in quiet.open_span():
        start, end = opens, closes
        if window is not None:
            start = max(opens, window.opens)
            end = window.closes if closes is None else min(closes, window.closes)
        if end is None or start < end:
            until = (day + _ONE_DAY, time(0)) if end is None else (day, end)
            spans.append((_utc(zone, day, start), _utc(zone, *until)))
    return spans


def _utc(zone: ZoneInfo, day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC)


@lru_cache(maxsize=4096)
def _public_day(day: date) -> DayInfo:
    try:
        rest, name = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return _estimated_day(day)
    return DayInfo(day, bool(rest), _CHINESE_NAMES.get(name) if name else None, "official")


def _estimated_day(day: date) -> DayInfo:
    name = _statutory(day.year).get(day)
    rest = name is not None or day.weekday() >= _SATURDAY
    return DayInfo(day, rest, name, "estimated")


@lru_cache(maxsize=16)
def _statutory(year: int) -> Mapping[date, str]:
    """Statutory holidays of a year; none when the library does not reach that far."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found: Any = holidays.country_holidays("CN", years=year, language="zh_CN")
            return {day: str(name) for day, name in found.items()}
    except (ValueError, OverflowError, KeyError, NotImplementedError):
        return {}
