from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts_library import ScriptStats, smoothed_rate, wilson_interval
from scripts_library.learning import exploration_bonus


@st.composite
def stats(draw: st.DrawFn) -> ScriptStats:
    sent = draw(st.integers(0, 500))
    part = st.integers(0, sent)
    return ScriptStats(sent, draw(part), draw(part), draw(part), draw(st.integers(0, 500)))


@given(stats())
@settings(deadline=None)
def test_rate_is_a_rate(given_stats: ScriptStats) -> None:
    assert 0 < smoothed_rate(given_stats) < 1


@given(stats())
@settings(deadline=None)
def test_a_refusal_lowers_and_an_answered_send_raises(given_stats: ScriptStats) -> None:
    rate = smoothed_rate(given_stats)
    assert smoothed_rate(given_stats + ScriptStats(rejected=1)) < rate
    assert smoothed_rate(given_stats + ScriptStats(sent=1, replied=1, advanced=1)) > rate


def test_little_evidence_stays_near_one_half() -> None:
    assert smoothed_rate(ScriptStats()) == 0.5
    once = smoothed_rate(ScriptStats(sent=1, replied=1, advanced=1))
    often = smoothed_rate(ScriptStats(sent=100, replied=100, advanced=100))
    assert 0.5 < once < 0.56 < 0.9 < often


@pytest.mark.parametrize(
    "counts", [{"sent": -1}, {"replied": 1}, {"sent": 1, "edited": 2}, {"rejected": -3}]
)
def test_impossible_counts_are_refused(counts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="cannot"):
        ScriptStats(**counts)


def test_wilson_interval_of_known_values() -> None:
    interval = wilson_interval(13, 21)
    assert interval == pytest.approx((0.409, 0.792), abs=0.001)
    assert wilson_interval(0, 0) is None
    with pytest.raises(ValueError, match="no rate"):
        wilson_interval(3, 2)


@given(st.integers(1, 1000), st.floats(0, 1))
@settings(deadline=None)
def test_wilson_interval_holds_the_rate(trials: int, share: float) -> None:
    successes = round(share * trials)
    interval = wilson_interval(successes, trials)
    assert interval is not None
    low, high = interval
    assert 0 <= low <= successes / trials <= high <= 1


def test_exploration_fades_out() -> None:
    bonuses = [exploration_bonus(trials) for trials in range(7)]
    assert bonuses == sorted(bonuses, reverse=True)
    assert bonuses[0] > 1 and bonuses[5] == bonuses[6] == 1
