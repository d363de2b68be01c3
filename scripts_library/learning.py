"""What past results say about a script, without randomness."""

from __future__ import annotations

import math
from dataclasses import dataclass

PRIOR_RATE = 0.5
PRIOR_TRIALS = 10.0
TRUSTED_TRIALS = 5


@dataclass(frozen=True, slots=True)
class ScriptStats:
    """How often a script was sent, what followed, and how often a guide refused it.

    `edited` counts the sends whose text a guide changed first; `replied` and `advanced`
    the sends after which the customer answered or moved on in the funnel.
    """

    sent: int = 0
    replied: int = 0
    advanced: int = 0
    edited: int = 0
    rejected: int = 0

    def __post_init__(self) -> None:
        counts = (self.sent, self.replied, self.advanced, self.edited, self.rejected)
        if min(counts) < 0:
            raise ValueError(f"script counts cannot be negative: {counts}")
        if max(self.replied, self.advanced, self.edited) > self.sent:
            raise ValueError(f"replied, advanced and edited cannot exceed sent: {counts}")

    def __add__(self, other: ScriptStats) -> ScriptStats:
        return ScriptStats(
            self.sent + other.sent,
            self.replied + other.replied,
            self.advanced + other.advanced,
            self.edited + other.edited,
            self.rejected + other.rejected,
        )

    @property
    def trials(self) -> int:
        """How often a guide decided about it."""
        return self.sent + self.rejected

    @property
    def successes(self) -> float:
        """Sends weighed by what they brought: being used counts 0.4, an answer 0.3, a step 0.3.

        An edit takes 0.2 away: the guide had to help.
        """
        credit = 0.4 * self.sent + 0.3 * self.replied + 0.3 * self.advanced - 0.2 * self.edited
        return max(0.0, credit)

    @property
    def adoption(self) -> float | None:
        """Share of decisions in which a guide used it, None before the first."""
        return self.sent / self.trials if self.trials else None

    @property
    def reply_rate(self) -> float | None:
        return self.replied / self.sent if self.sent else None


def smoothed_rate(stats: ScriptStats) -> float:
    """Success rate between 0 and 1, pulled towards one half while there is little to go by."""
    return (stats.successes + PRIOR_RATE * PRIOR_TRIALS) / (stats.trials + PRIOR_TRIALS)


def wilson_interval(
    successes: float, trials: int, *, z: float = 1.959964
) -> tuple[float, float] | None:
    """Confidence interval of a rate for reports, 95 % by default; None without trials."""
    if trials < 0 or not 0 <= successes <= max(trials, 0):
        raise ValueError(f"{successes} successes of {trials} trials make no rate")
    if trials == 0:
        return None
    rate, spread = successes / trials, z * z / trials
    centre = (rate + spread / 2) / (1 + spread)
    margin = z / (1 + spread) * math.sqrt(rate * (1 - rate) / trials + spread / (4 * trials))
    low = 0.0 if successes == 0 else max(0.0, centre - margin)
    return low, 1.0 if successes == trials else min(1.0, centre + margin)


def exploration_bonus(trials: int) -> float:
    """A small advantage (1.0 = none) that a new script loses by its fifth trial."""
    return 1.0 + 0.15 * max(0, TRUSTED_TRIALS - trials) / TRUSTED_TRIALS
