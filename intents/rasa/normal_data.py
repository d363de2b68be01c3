"""The training data as Rasa gets it: in the same normal spelling as every message it is asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from intents.annotations import Annotation, render_annotated
from intents.normalize import Normalized, normalize
from intents.training_data import Example, TrainingData


def normal_yaml(data: TrainingData) -> str:
    """One NLU file with the normal examples and the word lists as they are."""
    lines = ['version: "3.1"', "nlu:"]
    for intent, examples in _by_intent(data.examples).items():
        lines += _item("intent", intent, examples)
    for value, phrases in _by_value(data.synonyms).items():
        lines += _item("synonym", value, phrases)
    for kind, tables in (("lookup", data.lookups), ("regex", data.regexes)):
        for name, listed in tables.items():
            lines += _item(kind, name, listed)
    return "\n".join([*lines, ""])


def _item(kind: str, name: str, examples: Iterable[str]) -> Iterator[str]:
    yield f"- {kind}: {json.dumps(name, ensure_ascii=False)}"
    yield "  examples: |"
    yield from (f"    - {one}" for one in examples)


def _by_intent(examples: Iterable[Example]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for example in examples:
        normalized = normalize(example.text)
        if normalized.text.strip():
            marks = tuple(_marks(example, normalized))
            line = render_annotated(normalized.text, marks).strip()
            grouped.setdefault(example.intent, []).append(line)
    return grouped


def _marks(example: Example, normalized: Normalized) -> Iterator[Annotation]:
    for mark in example.annotations:
        inside = [
            place
            for place, origin in enumerate(normalized.origin)
            if mark.start <= origin < mark.end
        ]
        if inside:
            yield Annotation(mark.name, mark.value, inside[0], inside[-1] + 1)


def _by_value(synonyms: dict[str, str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for phrase, value in synonyms.items():
        grouped.setdefault(value, []).append(phrase)
    return grouped
