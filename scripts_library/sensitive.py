"""Sensitive words: what must not go out, and what a person must look at."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import ahocorasick_rs
import opencc

from .errors import SensitiveWordsError

SHIPPED_WORDS = Path(__file__).with_name("sensitive_words.txt")

_NOISE = frozenset(" \u3000\u00a0*.·•-_~|/\\+#^`'\"")


class Severity(StrEnum):
    """`BLOCK`: must not be sent. `REVIEW`: a person must look first."""

    REVIEW = "review"
    BLOCK = "block"


class Direction(StrEnum):
    """Whether the shop says it or the customer does."""

    OUTGOING = "out"
    INCOMING = "in"


@dataclass(frozen=True, slots=True)
class SensitiveHit:
    """A listed word found in a text; `start` and `end` are places in the text as given."""

    word: str
    written: str
    start: int
    end: int
    severity: Severity
    category: str


@dataclass(frozen=True, slots=True)
class _Rule:
    word: str
    severity: Severity | None
    category: str


class SensitiveWords:
    """Finds listed words in spite of full-width, traditional, spaced or dotted spelling."""

    def __init__(self, rules: dict[Direction, dict[str, _Rule]]) -> None:
        self._finders = {direction: _Finder(words) for direction, words in rules.items()}

    @classmethod
    def load(cls, path: Path = SHIPPED_WORDS) -> SensitiveWords:
        """Read a word list; raises `SensitiveWordsError` with the line and the mend."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise SensitiveWordsError(
                f"敏感词表 {path.name} 读不了（{error}）。"
                "改法：检查文件是否存在、是否为 UTF-8 编码。"
            ) from error
        return cls.parse(text, name=path.name)

    @classmethod
    def parse(cls, text: str, *, name: str = "敏感词表") -> SensitiveWords:
        return cls(_parse_rules(text, name))

    def find(self, text: str, direction: Direction) -> tuple[SensitiveHit, ...]:
        """Every listed word in the text, in order, without overlaps."""
        return tuple(self._finders[direction].find(text))

    def verdict(self, text: str, direction: Direction) -> Severity | None:
        """The gravest severity in the text, None when nothing was found."""
        severities = {hit.severity for hit in self.find(text, direction)}
        return Severity.BLOCK if Severity.BLOCK in severities else next(iter(severities), None)


class _Finder:
    def __init__(self, rules: dict[str, _Rule]) -> None:
        self._rules = list(rules.values())
        self._automaton = ahocorasick_rs.AhoCorasick(
            list(rules), matchkind=ahocorasick_rs.MatchKind.LeftmostLongest
        )

    def find(self, text: str) -> Iterator[SensitiveHit]:
        folded, places = _folded(text)
        for number, first, behind in self._automaton.find_matches_as_indexes(folded):
            rule = self._rules[number]
            start, end = places[first], places[behind - 1] + 1
            if rule.severity is None or _inside_latin_word(rule.word, text, start, end):
                continue
            yield SensitiveHit(
                rule.word, text[start:end], start, end, rule.severity, rule.category
            )


def _inside_latin_word(word: str, text: str, start: int, end: int) -> bool:
    """Whether a Latin word was only found as a piece of longer words, as ``sb`` in ``is blue``."""
    if not word.isascii():
        return False
    around = text[max(0, start - 1) : start] + text[end : end + 1]
    pieced = end - start != len(word)
    return pieced or any(c.isascii() and c.isalnum() for c in around)


def _folded(text: str) -> tuple[str, list[int]]:
    """The text as words are compared, and for each of its characters the original place."""
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for folded in _fold(character):
            characters.append(folded)
            places.append(place)
    return "".join(characters), places


@lru_cache(maxsize=30_000)
def _fold(character: str) -> str:
    if character in _NOISE or unicodedata.category(character) in ("Cf", "Mn", "Cs"):
        return ""
    folded = unicodedata.normalize("NFKC", character).lower()
    if "\u3400" <= folded <= "\u9fff":
        folded = str(_simplifier().convert(folded))
    return "".join(piece for piece in folded if piece not in _NOISE)


@lru_cache(maxsize=1)
def _simplifier() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def _parse_rules(text: str, name: str) -> dict[Direction, dict[str, _Rule]]:
    rules: dict[Direction, dict[str, _Rule]] = {direction: {} for direction in Direction}
    section: tuple[Severity | None, tuple[Direction, ...], str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if content.startswith("["):
            section = _section(content, f"{name} 第 {number} 行")
        elif content:
            if section is None:
                raise SensitiveWordsError(
                    f"{name} 第 {number} 行：词写在分类之前。改法：先写一行 [review out] 分类名。"
                )
            severity, directions, category = section
            folded = _folded(content)[0]
            if not folded:
                raise SensitiveWordsError(
                    f"{name} 第 {number} 行：「{content}」里没有可以比对的字。改法：删掉这一行。"
                )
            for direction in directions:
                rules[direction][folded] = _Rule(content, severity, category)
    return rules


def _section(header: str, place: str) -> tuple[Severity | None, tuple[Direction, ...], str]:
    inside, closed, category = header[1:].partition("]")
    severities = {"allow": None, "block": Severity.BLOCK, "review": Severity.REVIEW}
    directions = {"in": (Direction.INCOMING,), "out": (Direction.OUTGOING,), "both": (*Direction,)}
    words = inside.split()
    if not closed or len(words) != 2 or words[0] not in severities or words[1] not in directions:
        raise SensitiveWordsError(
            f"{place}：分类「{header}」写法不对。"
            "改法：写成 [block|review|allow out|in|both] 分类名，例如 [review in] 投诉维权。"
        )
    return severities[words[0]], directions[words[1]], category.strip() or "未分类"
