"""Turns a normal text into the features that the linear model weighs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import rjieba

_LONGEST_GRAM = 4
_PUNCTUATION = re.compile(r"[^\w☺☹◇]+")
_DIGITS = re.compile(r"\d+")
_NUMBER, _LONG_NUMBER, _PHONE = "0", "#", "№"
_PHONE_DIGITS = 10
_LONG_DIGITS = 6


def shape(text: str) -> str:
    """The text as the features see it: digits as marks by their length, no punctuation."""
    return _PUNCTUATION.sub(" ", _DIGITS.sub(_digit_mark, text)).strip()


def char_features(shaped: str) -> Iterator[str]:
    """Character n-grams inside and across words, with marks for both ends."""
    marked = f"^{shaped}$"
    length = len(marked)
    for size in range(1, _LONGEST_GRAM + 1):
        for start in range(length - size + 1):
            yield marked[start : start + size]


def word_features(shaped: str) -> Iterator[str]:
    """Dictionary words and their pairs; the prefix keeps them apart from the n-grams."""
    words = [word for word in rjieba.cut(shaped) if word != " "]
    previous = "^"
    for word in words:
        yield f"w:{word}"
        yield f"w:{previous} {word}"
        previous = word
    yield f"w:{previous} $"


def _digit_mark(match: re.Match[str]) -> str:
    length = match.end() - match.start()
    if length >= _PHONE_DIGITS:
        return _PHONE
    return _LONG_NUMBER if length >= _LONG_DIGITS else _NUMBER
