from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import choose_variant, read_out, wilson
from scheduler.journey import Variant

ARMS = (Variant("a", 3, {}), Variant("b", 1, {}))


def test_everybody_keeps_the_same_arm_and_shares_follow_the_weights() -> None:
    people = [f"wm{number}" for number in range(4_000)]
    chosen = [choose_variant("x", one, ARMS) for one in people]
    assert chosen == [choose_variant("x", one, ARMS) for one in people]
    shares = Counter(arm.name for arm in chosen if arm is not None)
    assert 0.72 < shares["a"] / len(people) < 0.78
    assert choose_variant("x", "wm1", ()) is None


def test_two_experiments_split_people_independently() -> None:
    people = [f"wm{number}" for number in range(4_000)]
    half = (Variant("a", 1, {}), Variant("b", 1, {}))
    both = sum(choose_variant("x", one, half) == choose_variant("y", one, half) for one in people)
    assert 0.46 < both / len(people) < 0.54


def test_wilson_gives_the_textbook_interval() -> None:
    interval = wilson(15, 100)
    assert (interval.low, interval.high) == pytest.approx((0.0931, 0.2328), abs=1e-4)
    assert wilson(0, 10).low == 0
    assert wilson(0, 0).high == 1
    with pytest.raises(ValueError, match="11 successes of 10 sent"):
        wilson(11, 10)


@given(st.integers(0, 2_000), st.integers(0, 2_000))
def test_the_interval_holds_the_rate(successes: int, failures: int) -> None:
    interval = wilson(successes, successes + failures)
    assert 0 <= interval.low <= interval.rate <= interval.high <= 1


@pytest.mark.parametrize(
    ("results", "winner"),
    [
        ({"a": (1_000, 120), "b": (1_000, 60)}, "a"),
        ({"a": (1_000, 66), "b": (1_000, 60)}, None),
        ({"a": (30, 6), "b": (30, 2)}, None),
        ({"a": (1_000, 120), "b": (0, 0)}, None),
        ({"a": (1_000, 120)}, None),
        ({"a": (900, 80), "b": (900, 70), "c": (900, 170)}, "c"),
    ],
)
def test_an_arm_wins_only_when_it_is_surely_better(
    results: dict[str, tuple[int, int]], winner: str | None
) -> None:
    said = read_out(results)
    assert said.winner == winner
    assert (winner or "继续收集") in said.verdict
