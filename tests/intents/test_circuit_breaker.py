from __future__ import annotations

from intents.circuit_breaker import Circuit, CircuitBreaker


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(time: Time) -> CircuitBreaker:
    breaker = CircuitBreaker(time, failures=2, rest_seconds=30)
    for _ in range(2):
        assert breaker.allows()
        breaker.failed()
    return breaker


def test_opens_after_failures_in_a_row() -> None:
    breaker = CircuitBreaker(Time(), failures=2)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.state is Circuit.CLOSED
    breaker.failed()
    assert breaker.state is Circuit.OPEN
    assert not breaker.allows()


def test_one_probe_after_the_rest() -> None:
    time = Time()
    breaker = opened(time)
    time.now = 30
    assert breaker.state is Circuit.HALF_OPEN
    assert breaker.allows()
    assert not breaker.allows()
    breaker.succeeded()
    assert breaker.state is Circuit.CLOSED


def test_a_failed_probe_means_another_rest() -> None:
    time = Time()
    breaker = opened(time)
    time.now = 31
    assert breaker.allows()
    breaker.failed()
    assert breaker.state is Circuit.OPEN
    time.now = 60
    assert not breaker.allows()
    time.now = 61
    assert breaker.allows()


def test_an_abandoned_probe_leaves_room_for_another() -> None:
    time = Time()
    breaker = opened(time)
    time.now = 30
    assert breaker.allows()
    breaker.abandoned()
    assert breaker.allows()
