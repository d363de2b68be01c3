"""Where the sandbox gets its time, and how a demonstration turns it forward."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The wall clock in UTC: the only place of the sandbox that reads it."""
    return datetime.now(UTC)


class TurnableClock:
    """A clock that can be set forward, so that 48 hours pass in an instant."""

    def __init__(self, base: Clock = system_clock, offset: timedelta = timedelta()) -> None:
        self.base = base
        self.offset = offset

    def __call__(self) -> datetime:
        return self.base() + self.offset

    def advance(self, by: timedelta) -> datetime:
        """Move forward; time never goes back, or cursors and windows would lie."""
        if by < timedelta():
            raise ValueError("时钟只能往前拨")
        self.offset += by
        return self()
