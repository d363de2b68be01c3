"""Trains the built-in model with scikit-learn; serving never imports this module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from intents.builtin.features import grams, pairs, shape
from intents.builtin.folds import grouped_folds, near_duplicate_groups
from intents.builtin.linear import Floats, LinearModel, Vocabulary
from intents.builtin.model import BuiltinModel, Calibration, softmax, stranger_features
from intents.entities import gazetteer_of
from intents.language import Script, script_of
from intents.normalize import normal_text
from intents.taxonomy import OUT_OF_SCOPE, Taxonomy, load_taxonomy
from intents.training_data import TrainingData

_FOLDS = 2
_RARE = 2
_PENALTY = 0.6
_TOLERANCE = 0.1
_THREADS = 2
_STRAY = 1.2
_IN_SCOPE_ANSWERED = 0.85
_TEMPERATURES = np.geomspace(0.05, 3.0, 60)


@dataclass(frozen=True, slots=True)
class Rows:
    """Normal texts as a matrix, with label numbers (out_of_scope is the last label)."""

    texts: tuple[str, ...]
    targets: npt.NDArray[np.intp]
    labels: tuple[str, ...]
    vocabulary: Vocabulary
    matrix: csr_matrix

    @property
    def strangers(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.targets == len(self.labels) - 1)


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Predictions for each row by a model that saw neither it nor its paraphrases."""

    scores: Floats
    known: Floats


def train(
    data: TrainingData, *, data_hash: str = "", taxonomy: Taxonomy | None = None
) -> BuiltinModel:
    """Fit the model on all rows and its calibration on out-of-fold predictions."""
    rows = as_rows(data, taxonomy or load_taxonomy())
    with side_by_side() as threads:
        whole = threads.submit(fit, rows, np.arange(len(rows.texts)))
        held_out = out_of_fold(rows, threads)
        weights, bias = whole.result()
    return BuiltinModel(
        labels=rows.labels,
        linear=LinearModel(rows.vocabulary, weights, bias),
        calibration=calibrate(rows, held_out),
        gazetteer=gazetteer_of(data),
        data_hash=data_hash,
    )


@contextmanager
def side_by_side() -> Iterator[Executor]:
    """Threads to fit in; the linear algebra's own threads would only get in their way."""
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(_THREADS) as threads:
        yield threads


def as_rows(data: TrainingData, taxonomy: Taxonomy) -> Rows:
    """The examples that the model itself will have to judge, in an order of their own."""
    labels = (*taxonomy.names, OUT_OF_SCOPE)
    number = {label: i for i, label in enumerate(labels)}
    judged = [(normal_text(one.text), number[one.intent]) for one in data.examples]
    judged = sorted(row for row in judged if script_of(row[0]) is Script.CHINESE)
    texts = tuple(text for text, _ in judged)
    vocabulary = build_vocabulary(texts)
    targets = np.array([target for _, target in judged], dtype=np.intp)
    return Rows(texts, targets, labels, vocabulary, as_matrix(texts, vocabulary))


def out_of_fold(rows: Rows, threads: Executor, folds: int = _FOLDS) -> OutOfFold:
    """Cross-predict with grouped folds, fitted side by side."""
    groups = near_duplicate_groups(rows.texts)
    fold_of = grouped_folds([rows.labels[i] for i in rows.targets], groups, folds)
    scores = np.zeros((len(rows.texts), len(rows.labels)), dtype=np.float32)
    known = np.zeros(len(rows.texts), dtype=np.float32)
    others = [np.flatnonzero(fold_of != fold) for fold in range(folds)]
    fits = threads.map(partial(fit, rows), others)
    for fold, (seen, (weights, bias)) in enumerate(zip(others, fits, strict=True)):
        held = np.flatnonzero(fold_of == fold)
        scores[held] = rows.matrix[held] @ weights.astype(np.float32) + bias
        familiar = (rows.matrix[seen].getnnz(axis=0) > 0).astype(np.float32)
        present = (rows.matrix[held] > 0).astype(np.float32)
        known[held] = (present @ familiar) / np.maximum(present.sum(axis=1).A1, 1)
    return OutOfFold(scores, known)


def fit(
    rows: Rows, chosen: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float32]]:
    """One-versus-rest linear support vectors; a label without rows gets no say.

    The primal solver draws no random numbers: the order of the rows does not matter, and fits
    may run side by side (liblinear lets go of the interpreter's lock).
    """
    present, targets = np.unique(rows.targets[chosen], return_inverse=True)
    machine = LinearSVC(C=_PENALTY, tol=_TOLERANCE, dual=False)
    machine.fit(rows.matrix[chosen], targets)
    weights = np.zeros((rows.matrix.shape[1], len(rows.labels)), dtype=np.float16)
    bias = np.full(len(rows.labels), float(np.min(machine.intercept_)) - 1, dtype=np.float32)
    weights[:, present] = machine.coef_.T
    bias[present] = machine.intercept_
    return weights, bias


def build_vocabulary(texts: Sequence[str]) -> Vocabulary:
    """Features seen in at least two texts, in a fixed order."""
    documents: Counter[str] = Counter()
    for text in texts:
        shaped = shape(text)
        documents.update(set(chain(grams(shaped), pairs(shaped))))
    kept = sorted(one for one, count in documents.items() if count >= _RARE)
    counts = np.array([documents[one] for one in kept], dtype=np.float32)
    idf = np.log((1 + len(texts)) / (1 + counts)) + 1
    return Vocabulary({one: i for i, one in enumerate(kept)}, idf.astype(np.float32))


def as_matrix(texts: Sequence[str], vocabulary: Vocabulary) -> csr_matrix:
    vectors = [vocabulary.vectorize(text) for text in texts]
    indptr = np.cumsum([0, *(len(columns) for columns, _, _ in vectors)])
    columns = np.array(list(chain.from_iterable(columns for columns, _, _ in vectors)), dtype=int)
    values = np.concatenate([values for _, values, _ in vectors])
    return csr_matrix((values, columns, indptr), shape=(len(texts), len(vocabulary.index)))


def calibrate(rows: Rows, held_out: OutOfFold) -> Calibration:
    """Pick the temperature, the stranger gate and its threshold on held-out predictions.

    Customers stray further from the examples than the examples from one another, so the
    temperature is a little warmer than the held-out rows alone would have it.
    """
    stranger = rows.strangers
    temperature = _STRAY * _best_temperature(held_out.scores, rows.targets)
    probabilities = softmax(held_out.scores / temperature)
    features = stranger_features(probabilities, held_out.known)
    if not stranger.any() or stranger.all():
        return Calibration(temperature, (0.0,) * features.shape[1] + (-4.0,), 0.5)
    gate = LogisticRegression(max_iter=500)
    gate.fit(features, stranger)
    weights = (*map(float, gate.coef_[0]), float(gate.intercept_[0]))
    suspicion = gate.predict_proba(features)[:, 1]
    refuse_from = float(np.quantile(suspicion[~stranger], _IN_SCOPE_ANSWERED))
    refuse_from = min(max(refuse_from, 1e-4), 1 - 1e-4)
    return Calibration(temperature, weights, refuse_from)


def _best_temperature(scores: Floats, targets: npt.NDArray[np.intp]) -> float:
    rows = np.arange(len(targets))

    def loss(temperature: float) -> float:
        chosen = softmax(scores / temperature)[rows, targets]
        return float(-np.log(chosen + 1e-9).mean())

    return float(min(map(float, _TEMPERATURES), key=loss))
