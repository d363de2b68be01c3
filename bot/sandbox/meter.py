"""Counting calls: over the limit, an API is blocked for a whole window."""

from __future__ import annotations

from datetime import datetime, timedelta

from .clock import Clock
from .errors import ApiError

WINDOW = timedelta(minutes=1)


class Meter:
    """Calls per minute and API; a breach blocks that API for the next minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._opened: dict[str, tuple[datetime, int]] = {}
        self._blocked: dict[str, datetime] = {}

    def count(self, name: str, limit: int) -> None:
        """Count one call; raises 45009 when blocked."""
        now = self._clock()
        if now < self._blocked.get(name, now):
            raise ApiError(45009, "api freq out of limit")
        since, calls = self._opened.get(name, (now, 0))
        if now - since >= WINDOW:
            since, calls = now, 0
        self._opened[name] = (since, calls + 1)
        if calls + 1 > limit:
            self._blocked[name] = now + WINDOW
            raise ApiError(45009, "api freq out of limit")
