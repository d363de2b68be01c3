"""Finds named things: word lists, patterns and phrases marked in the training data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ahocorasick_rs import AhoCorasick

from intents import dates
from intents.entity_values import normal_value
from intents.normalize import Normalized, normal_text
from intents.training_data import TrainingData
from intents.understanding import Entity

_SHORTEST_PHRASE = 2
_LONGEST_TEXT = 2000
_ORDER = ("phone", "order_no", "price", "quantity", "size", "time")
_ASCII_WORD = re.compile(r"[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """What is known of entities: `(entity, phrase, value)`, `(entity, pattern)`, spellings."""

    phrases: tuple[tuple[str, str, str], ...]
    patterns: tuple[tuple[str, str], ...]
    synonyms: dict[str, str] = field(default_factory=dict)


def gazetteer_of(data: TrainingData) -> Gazetteer:
    """Collect lookups, synonyms, regexes and annotated phrases; lookups win over annotations."""
    synonyms = {normal_text(phrase): value for phrase, value in data.synonyms.items()}
    entity_of: dict[str, str] = {}
    for name, phrases in data.lookups.items():
        for phrase in phrases:
            entity_of.setdefault(normal_text(phrase), name)
    for phrase, value in synonyms.items():
        known = entity_of.get(normal_text(value)) or entity_of.get(phrase)
        if known:
            entity_of.setdefault(phrase, known)
    values = {phrase: synonyms.get(phrase, "") for phrase in entity_of}
    for name, phrase, value in _annotated(data):
        if entity_of.setdefault(phrase, name) == name:
            values[phrase] = values.get(phrase) or value
    found = [(entity_of[one], one, values.get(one, "")) for one in sorted(entity_of)]
    return Gazetteer(
        phrases=tuple(row for row in found if len(row[1]) >= _SHORTEST_PHRASE),
        patterns=tuple((name, one) for name, many in data.regexes.items() for one in many),
        synonyms=synonyms,
    )


def _annotated(data: TrainingData) -> Iterator[tuple[str, str, str]]:
    for example in data.examples:
        for mark in example.annotations:
            phrase = example.text[mark.start : mark.end]
            if not any(char.isdigit() for char in phrase):
                yield mark.name, normal_text(phrase), mark.value if mark.value != phrase else ""


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    value: str
    start: int
    end: int


class EntityExtractor:
    """Maximal munch: the longest match wins, then patterns before word lists."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._synonyms = gazetteer.synonyms
        self._phrases = gazetteer.phrases
        self._automaton: Any = AhoCorasick([phrase for _, phrase, _ in gazetteer.phrases])
        self._patterns = [
            (name, re.compile(pattern, re.IGNORECASE)) for name, pattern in gazetteer.patterns
        ]

    def extract(self, normalized: Normalized, now: datetime | None = None) -> tuple[Entity, ...]:
        """Entities in the order of the text, in the coordinates of the original."""
        text = normalized.text[:_LONGEST_TEXT]
        entities = []
        for found in _longest(self._candidates(text)):
            phrase = text[found.start : found.end]
            start, end = normalized.span(found.start, found.end)
            value = found.value or self._synonyms.get(phrase, "")
            if found.name == "time" and now is not None:
                value = dates.iso_of(phrase, now) or value
            typed = normalized.original[start:end]
            value = value or normal_value(found.name, phrase, typed)
            entities.append(Entity(found.name, value, typed, start, end))
        return tuple(entities)

    def _candidates(self, text: str) -> Iterator[_Found]:
        for number, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            name, _, value = self._phrases[number]
            if _whole_word(text, start, end):
                yield _Found(name, value, start, end)
        for name, pattern in self._patterns:
            for match in pattern.finditer(text):
                if match.end() > match.start():
                    yield _Found(name, "", match.start(), match.end())
        for match in dates.PHRASE.finditer(text):
            if match.end() > match.start() and (match["day"] or match["hour"]):
                yield _Found("time", "", match.start(), match.end())


def _longest(candidates: Iterator[_Found]) -> list[_Found]:
    chosen: list[_Found] = []
    taken: set[int] = set()
    for found in sorted(candidates, key=_preference):
        span = range(found.start, found.end)
        if taken.isdisjoint(span):
            taken.update(span)
            chosen.append(found)
    return sorted(chosen, key=lambda one: one.start)


def _preference(found: _Found) -> tuple[int, int, int]:
    rank = _ORDER.index(found.name) if found.name in _ORDER else len(_ORDER)
    return (found.start - found.end, rank, found.start)


def _whole_word(text: str, start: int, end: int) -> bool:
    """Latin letters and digits must not be cut out of a longer run."""
    before = start > 0 and _ASCII_WORD.match(text[start]) and _ASCII_WORD.match(text[start - 1])
    after = end < len(text) and _ASCII_WORD.match(text[end - 1]) and _ASCII_WORD.match(text[end])
    return not before and not after
