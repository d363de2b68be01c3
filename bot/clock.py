"""Time as an object, so that nothing below reads the wall clock by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Gives the present moment, always aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class RunningClock:
    """A clock that starts at any moment and runs `speed` times as fast as the machine's."""

    def __init__(
        self,
        start: datetime,
        speed: float,
        *,
        base: Clock | None = None,
        running: timedelta = timedelta(0),
    ) -> None:
        """It has been `running` for so long of the machine's time already."""
        self._base = base or SystemClock()
        self._began = self._base.now() - running
        self._start = start.astimezone(UTC)
        self._speed = speed

    @property
    def speed(self) -> float:
        return self._speed

    @property
    def machine(self) -> datetime:
        """The machine's time."""
        return self._base.now()

    def now(self) -> datetime:
        return self._start + (self._base.now() - self._began) * self._speed


def as_real(clock: Clock, span: timedelta) -> timedelta:
    """How far this clock runs while the machine's runs for `span`: leases are about machines."""
    return span * clock.speed if isinstance(clock, RunningClock) else span


def patient(clock: Clock, span: timedelta, *, least: timedelta) -> timedelta:
    """A wait for somebody outside: `span` by this clock, yet not over at once where it races.

    It lasts at least as long as `least` by the machine, or `span` if that is shorter.
    """
    return max(span, as_real(clock, min(span, least)))


def faces(clock: Clock) -> tuple[datetime, ...]:
    """What the time may be called: by this clock and, of one set ahead, by the machine's too."""
    return (clock.now(), clock.machine) if isinstance(clock, RunningClock) else (clock.now(),)


def as_told(clock: Clock, at: datetime) -> datetime:
    """A time that somebody else gave, by this clock.

    Beside a clock that was set, others may still go by the machine's: what they date by it
    happens now.
    """
    if not isinstance(clock, RunningClock):
        return at
    now = clock.now()
    return now if abs(clock.machine - at) < abs(now - at) else at


class ManualClock:
    """A clock that stands still until it is turned; for tests and rehearsals."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def turn(self, **delta: float) -> None:
        """Move on by a `timedelta(**delta)`."""
        self._now += timedelta(**delta)
