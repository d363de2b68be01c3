"""Experiments: the same person always gets the same arm, and results come with intervals."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist

from .journey import Variant

_DIGEST_BYTES = 6
_SMALLEST_LEAD = 0.05
"""A difference of fewer percentage points is not worth waiting for."""
_POWER = 0.8


def share_of(key: str) -> float:
    """A number in [0, 1) that depends on nothing but `key`."""
    digest = hashlib.blake2b(key.encode(), digest_size=_DIGEST_BYTES).digest()
    return int.from_bytes(digest) / (1 << 8 * _DIGEST_BYTES)


def choose_variant(experiment: str, subject: str, variants: Sequence[Variant]) -> Variant | None:
    """The arm of `subject`; None without variants. Stable as long as arms and weights are."""
    if not variants:
        return None
    point = share_of(f"{experiment}\x1f{subject}") * sum(arm.weight for arm in variants)
    for arm in variants:
        point -= arm.weight
        if point < 0:
            return arm
    return variants[-1]


@dataclass(frozen=True, slots=True)
class Interval:
    """A rate and the bounds between which it lies with the confidence asked for."""

    rate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.rate:.1%}（{self.low:.1%}–{self.high:.1%}）"


@dataclass(frozen=True, slots=True)
class ArmResult:
    name: str
    sent: int
    successes: int
    interval: Interval


@dataclass(frozen=True, slots=True)
class ReadOut:
    """What an experiment says so far; `winner` only when an arm is surely better than all.

    `lead` is by how much the best arm is ahead of the next one, with bounds. `wanted` is how
    many of each arm it takes to tell, were the arms as far apart as they seem; None once there
    is a winner.
    """

    arms: tuple[ArmResult, ...]
    winner: str | None
    verdict: str
    lead: Interval | None = None
    wanted: int | None = None

    @property
    def ranked(self) -> tuple[ArmResult, ...]:
        """The best arm first."""
        return tuple(sorted(self.arms, key=lambda arm: (-arm.interval.rate, arm.name)))


def wilson(successes: int, sent: int, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval, honest for small numbers; nothing sent gives 0 to 1."""
    if not 0 <= successes <= sent:
        raise ValueError(f"{successes} successes of {sent} sent")
    if sent == 0:
        return Interval(0.0, 0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate = successes / sent
    scale = 1 + z * z / sent
    centre = (rate + z * z / (2 * sent)) / scale
    half = z * sqrt(rate * (1 - rate) / sent + z * z / (4 * sent * sent)) / scale
    return Interval(rate, max(0.0, min(rate, centre - half)), min(1.0, max(rate, centre + half)))


def read_out(results: Mapping[str, tuple[int, int]], *, confidence: float = 0.95) -> ReadOut:
    """Read out arms given as name → (sent, successes).

    An arm wins when the interval of its lead over each other arm (Newcombe) is above zero; the
    confidence is shared among the comparisons, so many arms do not make a winner by chance.
    """
    comparisons = max(1, len(results) - 1)
    strict = 1 - (1 - confidence) / comparisons
    arms = tuple(
        ArmResult(name, sent, good, wilson(good, sent, confidence=confidence))
        for name, (sent, good) in results.items()
    )
    if len(arms) < 2 or any(arm.sent == 0 for arm in arms):
        return ReadOut(arms, None, "数据还不够，继续收集")
    best, *others = ReadOut(arms, None, "").ranked
    leads = [_lead(best, other, strict) for other in others]
    if all(one.low > 0 for one in leads):
        verdict = f"「{best.name}」明显更好，可以全部改用它"
        return ReadOut(arms, best.name, verdict, leads[0])
    wanted = _wanted(best, others[0], strict)
    return ReadOut(arms, None, "差别可能只是偶然，继续收集", leads[0], wanted)


def _lead(best: ArmResult, other: ArmResult, confidence: float) -> Interval:
    one = wilson(best.successes, best.sent, confidence=confidence)
    two = wilson(other.successes, other.sent, confidence=confidence)
    lead = one.rate - two.rate
    return Interval(
        lead,
        lead - sqrt((one.rate - one.low) ** 2 + (two.high - two.rate) ** 2),
        lead + sqrt((one.high - one.rate) ** 2 + (two.rate - two.low) ** 2),
    )


def _wanted(best: ArmResult, other: ArmResult, confidence: float) -> int:
    """The usual sample size of two proportions, with rates pulled to the middle a little."""
    rates = [(arm.successes + 1) / (arm.sent + 2) for arm in (best, other)]
    apart = max(best.interval.rate - other.interval.rate, _SMALLEST_LEAD)
    z = NormalDist().inv_cdf((1 + confidence) / 2) + NormalDist().inv_cdf(_POWER)
    return ceil(z * z * sum(rate * (1 - rate) for rate in rates) / apart**2)
