"""How long to wait before the next try."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubling waits with jitter up to a cap; after `attempts` tries a person must look."""

    first: timedelta = timedelta(seconds=1)
    cap: timedelta = timedelta(minutes=5)
    attempts: int = 12

    def wait(self, attempt: int) -> timedelta:
        """The wait after the given try (1 is the first)."""
        doubled: timedelta = self.first * 2 ** min(attempt - 1, 20)
        return min(doubled, self.cap) * random.uniform(0.8, 1.2)  # noqa: S311  (jitter)

    def exhausted(self, attempt: int) -> bool:
        return attempt >= self.attempts
