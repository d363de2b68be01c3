"""How the built-in engine does on its own data, paraphrases never on both sides."""

from __future__ import annotations

from collections.abc import Iterator

from intents.builtin.model import Calibration, Guess, judge, ranked
from intents.builtin.training import OutOfFold, Rows, as_rows, calibrate, out_of_fold, side_by_side
from intents.evaluation import Report, Verdict
from intents.taxonomy import OUT_OF_SCOPE, Taxonomy, load_taxonomy
from intents.training_data import TrainingData
from intents.understanding import Ranked, Understanding

_TOP = 5


def cross_validate(
    data: TrainingData, *, folds: int = 5, taxonomy: Taxonomy | None = None
) -> Report:
    """Judge every example by a model that saw neither it nor its paraphrases.

    The calibration is fitted on the same held-out scores, so the figures about refusal and
    confidence are a little kind; those about accuracy are not.
    """
    rows = as_rows(data, taxonomy or load_taxonomy())
    with side_by_side() as threads:
        held_out = out_of_fold(rows, threads, folds)
    calibration = calibrate(rows, held_out)
    return Report("builtin (cross-validation)", tuple(_verdicts(rows, held_out, calibration)))


def suspects(data: TrainingData, *, below: float = 0.1, folds: int = 5) -> tuple[Verdict, ...]:
    """Examples whose own label looks unlikely to the rest, the unlikeliest first."""
    verdicts = cross_validate(data, folds=folds).verdicts
    doubtful = [one for one in verdicts if _own(one) < below]
    return tuple(sorted(doubtful, key=_own))


def _own(verdict: Verdict) -> float:
    if verdict.stranger:
        return verdict.understanding.stranger
    ranking = verdict.understanding.ranking
    return next((one.confidence for one in ranking if one.intent == verdict.truth), 0.0)


def _verdicts(rows: Rows, held_out: OutOfFold, calibration: Calibration) -> Iterator[Verdict]:
    for row, text in enumerate(rows.texts):
        guess = judge(held_out.scores[row], float(held_out.known[row]), calibration)
        yield Verdict(text, rows.labels[rows.targets[row]], _understanding(text, rows, guess))


def _understanding(text: str, rows: Rows, guess: Guess) -> Understanding:
    ranking = ranked(rows.labels, guess, _TOP)
    best = Ranked(OUT_OF_SCOPE, guess.stranger) if guess.refused else ranking[0]
    return Understanding(
        text, best.intent, best.confidence, ranking, engine="builtin", stranger=guess.stranger
    )
