"""Scripts that say almost the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rapidfuzz import fuzz

from .errors import TemplateError
from .model import Script
from .variables import parse_template

_SILENT = re.compile(r"[\W_]+")
_MIN_LENGTH = 8


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two scripts whose texts are alike; similarity 1.0 means equal but for punctuation."""

    first: str
    second: str
    similarity: float


def near_duplicates(scripts: Iterable[Script], *, threshold: float = 0.9) -> list[NearDuplicate]:
    """Pairs whose texts are at least `threshold` alike, the most alike first.

    Punctuation and variables are left out of the comparison, and so are very short texts.
    """
    texts = sorted(
        (
            (spoken, script.id)
            for script in scripts
            if len(spoken := spoken_text(script)) >= _MIN_LENGTH
        ),
        key=lambda pair: (len(pair[0]), pair[1]),
    )
    found = list(_alike(texts, threshold))
    return sorted(found, key=lambda pair: (-pair.similarity, pair.first, pair.second))


def spoken_text(script: Script) -> str:
    """The words of a script that do not vary."""
    try:
        pieces = parse_template(script.text).pieces
    except TemplateError:
        return _SILENT.sub("", script.text)
    return _SILENT.sub("", "".join(piece for piece in pieces if isinstance(piece, str)))


def _alike(texts: list[tuple[str, str]], threshold: float) -> Iterator[NearDuplicate]:
    for position, (text, script_id) in enumerate(texts):
        longest = len(text) * (2 - threshold) / threshold
        for other, other_id in texts[position + 1 :]:
            if len(other) > longest:
                break
            likeness = fuzz.ratio(text, other, score_cutoff=threshold * 100)
            if likeness:
                first, second = sorted((script_id, other_id))
                yield NearDuplicate(first, second, round(likeness / 100, 4))
