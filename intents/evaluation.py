"""Measures an engine on labelled messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from intents import metrics
from intents.engine import NluEngine
from intents.labelled import Labelled
from intents.metrics import Bin, Cut, IntentScore
from intents.taxonomy import OUT_OF_SCOPE
from intents.understanding import Understanding

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
_WARM_UP = 3
_TOP = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the engine said about one labelled message."""

    text: str
    truth: str
    understanding: Understanding

    @property
    def best(self) -> str:
        """The first of the ranking, whether or not the layer refused in the end."""
        ranking = self.understanding.ranking
        return ranking[0].intent if ranking else ""

    @property
    def confidence(self) -> float:
        ranking = self.understanding.ranking
        return ranking[0].confidence if ranking else 0.0

    @property
    def refused(self) -> bool:
        return self.understanding.intent == OUT_OF_SCOPE

    @property
    def stranger(self) -> bool:
        return self.truth == OUT_OF_SCOPE

    @property
    def right(self) -> bool:
        return self.refused if self.stranger else self.best == self.truth

    @property
    def in_top(self) -> bool:
        return any(one.intent == self.truth for one in self.understanding.ranking[:_TOP])


@dataclass(frozen=True, slots=True)
class Confusion:
    """A pair of intents that the engine mixes up, with the messages."""

    truth: str
    guess: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All verdicts of one evaluation; every figure is derived from them.

    `accuracy`, `macro_f1`, `top3` and `ece` look at the first of the ranking for messages in
    scope; a stranger counts as right in `accuracy` when it was refused.
    """

    engine: str
    verdicts: tuple[Verdict, ...]
    latencies_ms: tuple[float, ...] = ()
    auto_reply_from: float = 0.9

    @property
    def inside(self) -> tuple[Verdict, ...]:
        return tuple(one for one in self.verdicts if not one.stranger)

    @property
    def strangers(self) -> tuple[Verdict, ...]:
        return tuple(one for one in self.verdicts if one.stranger)

    @property
    def accuracy(self) -> float:
        return metrics.mean([float(one.right) for one in self.verdicts])

    @property
    def accuracy_with_refusal(self) -> float:
        """Counts a refused message in scope as wrong."""
        said = [float(one.understanding.intent == one.truth) for one in self.verdicts]
        return metrics.mean(said)

    @property
    def top3(self) -> float:
        return metrics.mean([float(one.in_top) for one in self.inside])

    @property
    def per_intent(self) -> dict[str, IntentScore]:
        inside = self.inside
        return metrics.per_intent([one.truth for one in inside], [one.best for one in inside])

    @property
    def macro_f1(self) -> float:
        return metrics.macro_f1(self.per_intent)

    @property
    def out_of_scope_auroc(self) -> float | None:
        return metrics.auroc(
            [one.understanding.stranger for one in self.inside],
            [one.understanding.stranger for one in self.strangers],
        )

    @property
    def answered(self) -> dict[str, float | None]:
        """The shares of strangers and of messages in scope that were not refused."""
        return {
            "strangers": _answered(self.strangers),
            "in_scope": _answered(self.inside),
        }

    @property
    def reliability(self) -> tuple[Bin, ...]:
        inside = self.inside
        return metrics.reliability([v.confidence for v in inside], [v.right for v in inside])

    @property
    def ece(self) -> float:
        return metrics.calibration_error(self.reliability)

    def cuts(self, thresholds: Sequence[float] = THRESHOLDS) -> tuple[Cut, ...]:
        """Coverage and precision, over all messages, when only surer answers count."""
        said = [0.0 if one.refused else one.confidence for one in self.verdicts]
        right = [not one.stranger and one.right for one in self.verdicts]
        return metrics.cuts(said, right, thresholds)

    @property
    def auto_reply(self) -> Cut:
        return self.cuts((self.auto_reply_from,))[0]

    def confusions(self, most: int = 20, messages: int = 8) -> tuple[Confusion, ...]:
        """The commonest mix-ups first."""
        wrong: dict[tuple[str, str], list[str]] = {}
        for one in self.verdicts:
            if not one.right:
                guess = one.understanding.intent if one.stranger else one.best
                wrong.setdefault((one.truth, guess or OUT_OF_SCOPE), []).append(one.text)
        ordered = sorted(wrong.items(), key=lambda item: (-len(item[1]), item[0]))[:most]
        return tuple(Confusion(t, g, tuple(texts[:messages])) for (t, g), texts in ordered)

    def matrix(self) -> Counter[tuple[str, str]]:
        """Counts by (truth, best guess) over messages in scope."""
        return Counter((one.truth, one.best or OUT_OF_SCOPE) for one in self.inside)

    def as_dict(self) -> dict[str, Any]:
        """The JSON of `wecom-bot evaluate --json`."""
        auroc = self.out_of_scope_auroc
        return {
            "engine": self.engine,
            "n": len(self.verdicts),
            "accuracy": round(self.accuracy, 4),
            "macro_f1": round(self.macro_f1, 4),
            "top3": round(self.top3, 4),
            "out_of_scope_auroc": None if auroc is None else round(auroc, 4),
            "latency_ms": {
                "p50": round(metrics.percentile(self.latencies_ms, 50), 3),
                "p99": round(metrics.percentile(self.latencies_ms, 99), 3),
                "mean": round(metrics.mean(self.latencies_ms), 3),
            },
            "accuracy_with_refusal": round(self.accuracy_with_refusal, 4),
            "ece": round(self.ece, 4),
            "answered": {
                name: None if share is None else round(share, 4)
                for name, share in self.answered.items()
            },
            "auto_reply": _cut(self.auto_reply),
            "coverage": [_cut(cut) for cut in self.cuts()],
            "per_intent": {name: _score(score) for name, score in self.per_intent.items()},
            "confusions": [
                {"truth": one.truth, "guess": one.guess, "texts": list(one.texts)}
                for one in self.confusions()
            ],
        }


async def evaluate(
    engine: NluEngine,
    rows: Sequence[Labelled],
    *,
    auto_reply_from: float = 0.9,
    timer: Callable[[], float] = perf_counter,
) -> Report:
    """Let the engine judge every message, one after the other, and time each answer."""
    for row in rows[:_WARM_UP]:
        await engine.understand(row.text)
    verdicts, latencies = [], []
    for row in rows:
        start = timer()
        understanding = await engine.understand(row.text)
        latencies.append((timer() - start) * 1000)
        verdicts.append(Verdict(row.text, row.intent, understanding))
    return Report(engine.name, tuple(verdicts), tuple(latencies), auto_reply_from)


def _answered(verdicts: Sequence[Verdict]) -> float | None:
    if not verdicts:
        return None
    return metrics.mean([float(not one.refused) for one in verdicts])


def _cut(cut: Cut) -> dict[str, float]:
    return {
        "threshold": round(cut.threshold, 3),
        "coverage": round(cut.coverage, 4),
        "precision": round(cut.precision, 4),
    }


def _score(score: IntentScore) -> dict[str, float]:
    return {
        "precision": round(score.precision, 4),
        "recall": round(score.recall, 4),
        "f1": round(score.f1, 4),
        "support": score.support,
    }
