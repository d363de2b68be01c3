"""The built-in model: a linear score, a calibrated probability, an honest refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from intents.builtin.linear import Floats, LinearModel
from intents.builtin.sentences import SentenceBranch
from intents.entities import Gazetteer
from intents.understanding import Ranked

_EVEN = 0.5


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fitted on out-of-fold predictions: what a score is worth and when to refuse.

    `temperature` divides the scores before the softmax. `stranger_weights` (the last one is the
    intercept) turn the shape of the distribution into the probability that the words fit no
    intent; from `refuse_from` on the layer refuses.
    """

    temperature: float
    stranger_weights: tuple[float, ...]
    refuse_from: float


@dataclass(frozen=True, slots=True)
class Guess:
    """Probabilities over the taxonomy, which leave room for a stranger, and the refusal.

    `stranger` is on a scale of its own where one half is the point of refusal.
    """

    probabilities: Floats
    stranger: float
    refused: bool


@dataclass(frozen=True, slots=True)
class BuiltinModel:
    """Everything that serving needs; `labels` ends with out_of_scope."""

    labels: tuple[str, ...]
    linear: LinearModel
    calibration: Calibration
    gazetteer: Gazetteer
    data_hash: str

    def guess(self, text: str, sentences: SentenceBranch | None = None) -> Guess:
        """Judge a normal text; an unsure one with a second opinion if there is any."""
        scores, known = self.linear.logits(text)
        guess = judge(scores, known, self.calibration)
        if sentences is None or guess.probabilities.max() >= sentences.ask_below:
            return guess
        blended = sentences.blend(text, softmax(scores / self.calibration.temperature))
        return judge(blended * self.calibration.temperature, known, self.calibration)

    def ranking(self, guess: Guess, top: int) -> tuple[Ranked, ...]:
        return ranked(self.labels, guess, top)


def ranked(labels: Sequence[str], guess: Guess, top: int) -> tuple[Ranked, ...]:
    """The likeliest labels, best first."""
    best = np.argsort(-guess.probabilities, kind="stable")[:top]
    return tuple(Ranked(labels[i], float(guess.probabilities[i])) for i in best)


def judge(scores: Floats, known: float, calibration: Calibration) -> Guess:
    """Turn scores (out_of_scope last) into calibrated probabilities and a refusal."""
    probabilities = softmax(scores / calibration.temperature)
    features = stranger_features(probabilities, known)
    weights = np.array(calibration.stranger_weights, dtype=np.float32)
    odds = float(np.exp(features @ weights[:-1] + weights[-1]))
    within = probabilities[:-1] / max(float(probabilities[:-1].sum()), 1e-9)
    limit = calibration.refuse_from / (1 - calibration.refuse_from)
    stranger = odds / (odds + limit)
    return Guess(within / (1 + odds), stranger, stranger >= _EVEN)


def softmax(scores: Floats) -> Floats:
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Floats = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def stranger_features(
    probabilities: Floats, known: float | npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """How the distribution over labels looks: background, best, margin, entropy, known share."""
    within = probabilities[..., :-1]
    ordered = np.sort(within, axis=-1)
    best, second = ordered[..., -1], ordered[..., -2]
    entropy = -(probabilities * np.log(probabilities + 1e-9)).sum(axis=-1)
    background = np.log((probabilities[..., -1] + 1e-4) / (best + 1e-4))
    columns = [background, best, best - second, entropy, np.asarray(known, dtype=np.float32)]
    return np.stack(columns, axis=-1).astype(np.float32)
