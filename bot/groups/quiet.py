"""When an owner may be told who joined: after a pause, and not at night."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class DigestTimes:
    """`window` gathers those who join together; nothing is told between `night` and `morning`."""

    window: timedelta
    night: time
    morning: time
    zone: ZoneInfo

    def due(self, now: datetime) -> datetime:
        """When those who join from now on are told."""
        at = (now + self.window).astimezone(self.zone)
        if not self._is_night(at.time()):
            return at
        morning = datetime.combine(at.date(), self.morning, tzinfo=self.zone)
        return morning if morning >= at else morning + timedelta(days=1)

    def is_night(self, now: datetime) -> bool:
        """Whether owners are asleep."""
        return self._is_night(now.astimezone(self.zone).time())

    def _is_night(self, at: time) -> bool:
        if self.night <= self.morning:
            return self.night <= at < self.morning
        return at >= self.night or at < self.morning
