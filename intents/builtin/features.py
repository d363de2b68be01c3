"""Turns a normal text into the features that the linear model weighs.

Short grams beat long ones here: shop talk is fragments, and what is shared between two ways of
saying the same thing is which characters stand near each other, seldom a run of four.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_WINDOW = 6
_PUNCTUATION = re.compile(r"[^\w☺☹◇]+")
_DIGITS = re.compile(r"\d+")
_COUNTED = re.compile(
    r"[一二两三四五六七八九十百]+(?=[件个包袋盒瓶箱套双条斤罐桶份支款元块折天送发赠免得付])"
    r"|(?<=[买拍送发赠免满减])[一二两三四五六七八九十百]+"
)
_NUMBER, _LONG_NUMBER, _PHONE = "0", "#", "№"
_PHONE_DIGITS = 10
_LONG_DIGITS = 6


def shape(text: str) -> str:
    """The text as the features see it: numbers as marks by their length, no punctuation."""
    counted = _COUNTED.sub(_NUMBER, text)
    return _PUNCTUATION.sub(" ", _DIGITS.sub(_digit_mark, counted)).strip()


def grams(shaped: str) -> Iterator[str]:
    """Single characters and neighbours, with marks for both ends."""
    marked = f"^{shaped}$"
    yield from marked
    for start in range(len(marked) - 1):
        yield marked[start : start + 2]


def pairs(shaped: str) -> Iterator[str]:
    """Characters that stand near each other, in either order, spaces skipped."""
    marked = f"^{shaped.replace(' ', '')}$"
    for start, one in enumerate(marked):
        for other in marked[start + 1 : start + 1 + _WINDOW]:
            yield f"{one}~{other}" if one < other else f"{other}~{one}"


def _digit_mark(match: re.Match[str]) -> str:
    length = match.end() - match.start()
    if length >= _PHONE_DIGITS:
        return _PHONE
    return _LONG_NUMBER if length >= _LONG_DIGITS else _NUMBER
