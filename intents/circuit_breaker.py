"""Stops asking a server that keeps failing, and lets one call through to see if it is back."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """`clock` counts seconds on any monotonic scale."""

    def __init__(
        self, clock: Callable[[], float], *, failures: int = 5, rest_seconds: float = 30.0
    ) -> None:
        self._clock = clock
        self._allowed_failures = failures
        self._rest_seconds = rest_seconds
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> Circuit:
        if self._opened_at is None:
            return Circuit.CLOSED
        rested = self._clock() - self._opened_at >= self._rest_seconds
        return Circuit.HALF_OPEN if rested else Circuit.OPEN

    def allows(self) -> bool:
        """Whether a call may go out now; in half-open state the first asker gets the probe."""
        if self.state is Circuit.CLOSED:
            return True
        if self.state is Circuit.OPEN or self._probing:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        self._failures, self._opened_at, self._probing = 0, None, False

    def failed(self) -> None:
        self._failures += 1
        if self._probing or self._failures >= self._allowed_failures:
            self._opened_at = self._clock()
        self._probing = False

    def abandoned(self) -> None:
        """The call was cancelled: it says nothing about the server."""
        self._probing = False
