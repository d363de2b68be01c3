"""Dates and times as customers say them, turned into ISO form around a given now."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from intents.numerals import number_of

_NUM = r"(?:\d{1,2}|[一二两三四五六七八九十]{1,3})"
_DAY = (
    r"大后天|大前天|今天|今儿|今日|今晚|今早|明天|明儿|明日|明晚|明早|后天|昨天|昨日|昨晚|前天"
    r"|(?:下下|下|这|本|上)?个?(?:周|星期|礼拜)[一二三四五六日天末]"
    rf"|(?:20\d\d[-/.年])?{_NUM}(?:月|[-/.](?=\d)){_NUM}(?:号|日)?"
    rf"|(?:下个?月|这个?月|本月)?{_NUM}(?:号|日)"
    r"|双(?:十一|11|十二|12)|六一八|618|国庆节?|元旦|五一|圣诞节?|情人节|妇女节|三八节|儿童节|六一"
)
_PART = r"凌晨|清晨|早上|上午|中午|下午|傍晚|晚上|夜里"
_HOUR = rf"{_NUM}点(?:半|一刻|三刻|{_NUM}分?)?(?:钟|整)?|\d{{1,2}}:\d\d"
PHRASE = re.compile(rf"(?P<day>{_DAY})?的?(?P<part>{_PART})?的?(?P<hour>{_HOUR})?")
_OFFSETS = {"大后": 3, "大前": -3, "今": 0, "明": 1, "后": 2, "昨": -1, "前": -2}
_WEEKS = {"下下": 2, "下": 1, "上": -1}
_WEEKDAYS = {char: day for day, char in enumerate("一二三四五六日")} | {"天": 6, "末": 5}
_FEASTS = {
    "双十一": (11, 11),
    "双11": (11, 11),
    "双十二": (12, 12),
    "双12": (12, 12),
    "六一八": (6, 18),
    "618": (6, 18),
    "国庆": (10, 1),
    "元旦": (1, 1),
    "五一": (5, 1),
    "圣诞": (12, 25),
    "情人节": (2, 14),
    "妇女节": (3, 8),
    "三八节": (3, 8),
    "儿童节": (6, 1),
    "六一": (6, 1),
}


def iso_of(phrase: str, now: datetime) -> str | None:
    """`2026-11-23` or `2026-11-23T15:00` for a phrase; None when it names no single day.

    `now` is aware, in the shop's time zone; a date without a year is the nearest one.
    """
    match = PHRASE.fullmatch(phrase)
    if match is None or not (match["day"] or match["hour"]):
        return None
    try:
        day = _day(match["day"], now.date()) if match["day"] else now.date()
    except ValueError:
        return None
    if day is None or not match["hour"]:
        return day.isoformat() if day else None
    clock = _clock(match["hour"], match["part"] or _implied_part(match["day"] or ""))
    return f"{day.isoformat()}T{clock}" if clock else None


def _day(phrase: str, today: date) -> date | None:
    for prefix, offset in _OFFSETS.items():
        if phrase.startswith(prefix):
            return today + timedelta(days=offset)
    for feast, (month, day) in _FEASTS.items():
        if phrase.startswith(feast):
            return _nearest(today, month, day)
    if re.search("周|星期|礼拜", phrase):
        weeks = next((n for word, n in _WEEKS.items() if phrase.startswith(word)), 0)
        monday = today - timedelta(days=today.weekday())
        return monday + timedelta(days=7 * weeks + _WEEKDAYS[phrase[-1]])
    return _calendar_day(phrase, today)


def _calendar_day(phrase: str, today: date) -> date | None:
    numbers = [number_of(part) for part in re.findall(r"\d+|[一二两三四五六七八九十]+", phrase)]
    values = [int(number) for number in numbers if number is not None]
    if len(values) == 3:
        return date(*values)
    if len(values) == 2:
        return _nearest(today, *values)
    if len(values) != 1:
        return None
    month = today.month + ("下" in phrase or ("月" not in phrase and values[0] < today.day))
    return date(today.year + (month > 12), month - 12 * (month > 12), values[0])


def _nearest(today: date, month: int, day: int) -> date:
    """Customers name feasts and dates behind them as often as ahead."""
    candidates = [date(today.year + years, month, day) for years in (-1, 0, 1)]
    return min(candidates, key=lambda one: abs(one - today))


def _implied_part(day: str) -> str:
    return "晚上" if day.endswith("晚") else ""


def _clock(phrase: str, part: str) -> str | None:
    head, _, tail = phrase.replace(":", "点").partition("点")
    hour, minute = number_of(head), _minutes(tail.rstrip("钟整分"))
    if hour is None or minute is None or hour > 24 or minute > 59:
        return None
    if part in ("下午", "傍晚", "晚上", "夜里") and hour < 12:
        hour += 12
    if part == "中午" and hour < 10:
        hour += 12
    return f"{int(hour) % 24:02d}:{int(minute):02d}"


def _minutes(phrase: str) -> float | None:
    if not phrase:
        return 0
    return {"半": 30.0, "一刻": 15.0, "三刻": 45.0}.get(phrase, number_of(phrase))
