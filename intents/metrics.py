"""The numbers of an evaluation, each computed from plain sequences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class IntentScore:
    """How one intent fares."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Bin:
    """Messages of similar confidence: how sure the layer was and how often it was right."""

    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True, slots=True)
class Cut:
    """What answering only from `threshold` on would mean."""

    threshold: float
    coverage: float
    precision: float


def per_intent(truths: Sequence[str], guesses: Sequence[str]) -> dict[str, IntentScore]:
    """Precision, recall and F1 of each intent that occurs, by name."""
    support, guessed = Counter(truths), Counter(guesses)
    right = Counter(truth for truth, guess in zip(truths, guesses, strict=True) if truth == guess)
    scores = {}
    for intent in sorted({*support, *guessed} - {""}):
        precision = right[intent] / guessed[intent] if guessed[intent] else 0.0
        recall = right[intent] / support[intent] if support[intent] else 0.0
        total = precision + recall
        f1 = 2 * precision * recall / total if total else 0.0
        scores[intent] = IntentScore(precision, recall, f1, support[intent])
    return scores


def macro_f1(scores: dict[str, IntentScore]) -> float:
    """Mean F1 over the intents that the file has messages for."""
    return mean([score.f1 for score in scores.values() if score.support])


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def auroc(inside: Sequence[float], strangers: Sequence[float]) -> float | None:
    """Probability that a stranger looks stranger than a message in scope; None without both."""
    if not inside or not strangers:
        return None
    scores = np.concatenate([np.asarray(inside), np.asarray(strangers)])
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[inverse][len(inside) :]
    pairs = len(inside) * len(strangers)
    return float((ranks.sum() - len(strangers) * (len(strangers) + 1) / 2) / pairs)


def reliability(
    confidences: Sequence[float], right: Sequence[bool], bins: int = 10
) -> tuple[Bin, ...]:
    """Equal-width bins of confidence, empty ones left out."""
    groups: dict[int, list[int]] = {}
    for row, confidence in enumerate(confidences):
        groups.setdefault(min(int(confidence * bins), bins - 1), []).append(row)
    return tuple(
        Bin(
            confidence=mean([confidences[row] for row in rows]),
            accuracy=mean([float(right[row]) for row in rows]),
            count=len(rows),
        )
        for _, rows in sorted(groups.items())
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected gap between confidence and accuracy."""
    total = sum(one.count for one in bins)
    return sum(one.count * abs(one.confidence - one.accuracy) for one in bins) / max(1, total)


def cuts(
    confidences: Sequence[float], right: Sequence[bool], thresholds: Sequence[float]
) -> tuple[Cut, ...]:
    """Coverage and precision at each threshold; precision is 1 when nothing is answered."""
    result = []
    for threshold in thresholds:
        answered = [good for one, good in zip(confidences, right, strict=True) if one >= threshold]
        precision = mean([float(good) for good in answered]) if answered else 1.0
        result.append(Cut(threshold, len(answered) / max(1, len(right)), precision))
    return tuple(result)


def percentile(values: Sequence[float], share: float) -> float:
    return float(np.percentile(values, share)) if values else 0.0
