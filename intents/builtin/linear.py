"""The linear model as it serves: plain arrays, nothing but numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from intents.builtin.features import grams, pairs, shape

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Known features with their inverse document frequencies."""

    index: dict[str, int]
    idf: Floats

    def vectorize(self, text: str) -> tuple[list[int], Floats, float]:
        """Columns, weights and the known share of a normal text's features."""
        shaped = shape(text)
        near = self._block(grams(shaped))
        wide = self._block(pairs(shaped))
        columns = near[0] + wide[0]
        return columns, np.concatenate([near[1], wide[1]]), (near[2] + wide[2]) / 2

    def _block(self, features: Iterable[str]) -> tuple[list[int], Floats, float]:
        counts = Counter(features)
        known = [(self.index[one], count) for one, count in counts.items() if one in self.index]
        columns = [column for column, _ in known]
        weights = np.array([1.0 + log(count) for _, count in known], dtype=np.float32)
        weights *= self.idf[columns]
        norm = float(np.sqrt(weights @ weights))
        return columns, weights / norm if norm else weights, len(known) / max(1, len(counts))


@dataclass(frozen=True, slots=True)
class LinearModel:
    """One weight per feature and label."""

    vocabulary: Vocabulary
    weights: npt.NDArray[np.float16]
    bias: Floats

    def logits(self, text: str) -> tuple[Floats, float]:
        """A score per label, and how much of the text was known from training."""
        columns, values, known = self.vocabulary.vectorize(text)
        if not columns:
            return self.bias, 0.0
        return values @ self.weights[columns].astype(np.float32) + self.bias, known
