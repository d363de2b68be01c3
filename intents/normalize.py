"""One spelling for the many ways of typing, with the way back to the original characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from intents.emoticons import FROWNING_EMOJI, FROWNS, OTHERS, SMILES, SMILING_EMOJI

SMILE, FROWN, MARK = "☺", "☹", "◇"
MARKS = frozenset(SMILE + FROWN + MARK)
_LONGEST_RUN = 2
_LONGEST_LETTER_RUN = 4
_CODE = re.compile(r"\[([A-Za-z0-9一-鿿]{1,6})\]|/:[!-.0-~]{1,9}|&#x?[0-9a-fA-F]+;")
_TRADITIONAL_HINT = re.compile(r"[㐀-鿿]")


@dataclass(frozen=True, slots=True)
class Normalized:
    """Normal text; `origin[i]` is the index in the original of its i-th character."""

    text: str
    original: str
    origin: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's span behind `text[start:end]`."""
        if start >= end:
            return (0, 0)
        first, last = self.origin[start], self.origin[end - 1]
        following = self.origin[end] if end < len(self.origin) else len(self.original)
        return first, last + 1 if following > last else following + 1


def normalize(text: str) -> Normalized:
    """NFKC, simplified, lower case; emoji and emoticon codes become one of three marks."""
    kept: list[str] = []
    origin: list[int] = []
    for index, char in _pieces(text):
        if _runs_too_long(kept, char):
            continue
        kept.append(char)
        origin.append(index)
    while kept and kept[-1] == " ":
        kept.pop()
        origin.pop()
    return Normalized(_simplified("".join(kept)), text, tuple(origin))


def normal_text(text: str) -> str:
    """Only the text of `normalize`."""
    return normalize(text).text


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    position = 0
    for code in _CODE.finditer(text):
        mark = _code_mark(code)
        if mark is None:
            continue
        yield from _characters(text, position, code.start())
        yield code.start(), mark
        position = code.end()
    yield from _characters(text, position, len(text))


def _code_mark(code: re.Match[str]) -> str | None:
    name = code.group(1)
    if name is None:
        return MARK
    for mark, names in ((SMILE, SMILES), (FROWN, FROWNS), (MARK, OTHERS)):
        if name in names:
            return mark
    return None


def _characters(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    for index in range(start, end):
        for char in _character(text[index]):
            yield index, char


@lru_cache(maxsize=8192)
def _character(char: str) -> str:
    if char in FROWNING_EMOJI:
        return FROWN
    if char in SMILING_EMOJI:
        return SMILE
    if "😀" <= char <= "😂" or "😃" <= char <= "😎" or "😸" <= char <= "😽":
        return SMILE
    category = unicodedata.category(char)
    if char in MARKS or (category in ("So", "Sk") and ord(char) > 0x2000):
        return MARK
    if char.isspace():
        return " "
    if category[0] == "C" or category in ("Mn", "Me"):
        return ""
    folded = unicodedata.normalize("NFKC", char).lower()
    return "".join(" " if one.isspace() else one for one in folded if one.isprintable())


def _runs_too_long(kept: list[str], char: str) -> bool:
    if char == " ":
        return not kept or kept[-1] == " "
    if char.isdigit():
        return False
    longest = _LONGEST_LETTER_RUN if char.isascii() and char.isalpha() else _LONGEST_RUN
    return len(kept) >= longest and all(one == char for one in kept[-longest:])


def _simplified(text: str) -> str:
    if not _TRADITIONAL_HINT.search(text):
        return text
    simplified = str(_converter().convert(text))
    if len(simplified) == len(text):
        return simplified
    return "".join(_simplified_character(char) for char in text)


@lru_cache(maxsize=8192)
def _simplified_character(char: str) -> str:
    simplified = str(_converter().convert(char))
    return simplified if len(simplified) == 1 else char


@cache
def _converter() -> Any:
    import opencc

    return opencc.OpenCC("t2s")
