"""Slowing down whoever guesses passwords."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.errors import TooManyRequests

FREE_FAILURES = 5
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)
_MOST_KEYS = 10_000


@dataclass(slots=True)
class _Tally:
    failures: int
    last: datetime

    def open_again(self) -> datetime:
        over = self.failures - FREE_FAILURES
        if over < 0:
            return self.last
        doubled: int = 2 ** min(over, 10)
        return self.last + min(FIRST_WAIT * doubled, LONGEST_WAIT)


class Throttle:
    """Counts failures by key (an address, a user); after five each costs a growing wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tallies: dict[str, _Tally] = {}

    def attempt(self, keys: Iterable[str]) -> None:
        """Count an attempt as failed until `forgive` says otherwise.

        Raises `TooManyRequests`, with `wait_seconds` among its details, while a key must wait.
        """
        now = self._clock.now()
        keys = list(keys)
        waits = [self._tallies[key].open_again() - now for key in keys if key in self._tallies]
        longest = max(waits, default=timedelta(0))
        if longest > timedelta(0):
            raise TooManyRequests(wait_seconds=int(longest.total_seconds()) + 1)
        for key in keys:
            known = self._tallies.pop(key, None)
            fresh = known is None or now - known.last > FORGOTTEN_AFTER
            failures = 0 if known is None or fresh else known.failures
            self._tallies[key] = _Tally(failures + 1, now)
        while len(self._tallies) > _MOST_KEYS:
            self._tallies.pop(next(iter(self._tallies)))

    def forgive(self, keys: Iterable[str]) -> None:
        """The attempt was good: start counting anew."""
        for key in keys:
            self._tallies.pop(key, None)
