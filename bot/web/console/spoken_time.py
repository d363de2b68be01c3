"""Times as people say them, in the shop's time zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.web.console.wording import Wording

_LATE = timedelta(minutes=5)
_VERY_LATE = timedelta(minutes=20)


def since(moment: datetime, now: datetime, words: Wording) -> str:
    """How long ago, in one unit."""
    minutes = int((now - moment).total_seconds() // 60)
    if minutes < 1:
        return words("time.now")
    if minutes < 60:
        return words("time.minutes", n=minutes)
    if minutes < 24 * 60:
        return words("time.hours", n=minutes // 60)
    return words("time.days", n=minutes // (24 * 60))


def lateness(moment: datetime, now: datetime) -> str:
    """How urgent a waiting customer is: fresh, late or overdue."""
    waited = now - moment
    return "overdue" if waited >= _VERY_LATE else "late" if waited >= _LATE else "fresh"


def clock_time(moment: datetime, now: datetime, zone: ZoneInfo, words: Wording) -> str:
    """Today's times as 14:05, yesterday's named so, older ones with their date."""
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    time = f"{local:%H:%M}"
    if local.date() == today:
        return time
    if local.date() == today - timedelta(days=1):
        return words("time.yesterday", time=time)
    if local.year == today.year:
        return f"{local:%m-%d} {time}"
    return f"{local:%Y-%m-%d} {time}"
