"""Turns the training data that Rasa has read into the form that our own training takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from intents.annotations import ENTITIES, Annotation
from intents.normalize import normal_text
from intents.taxonomy import OUT_OF_SCOPE, Taxonomy
from intents.training_data import Example, TrainingData


def shared_data(read: Any, taxonomy: Taxonomy) -> TrainingData:
    """The same examples, word lists and patterns; labels outside the taxonomy are refused."""
    lookups: dict[str, list[str]] = {}
    for table in read.lookup_tables:
        if table["name"] in ENTITIES and isinstance(table["elements"], list):
            lookups.setdefault(table["name"], []).extend(table["elements"])
    regexes: dict[str, list[str]] = {}
    for feature in read.regex_features:
        if feature["name"] in ENTITIES:
            regexes.setdefault(feature["name"], []).append(feature["pattern"])
    return TrainingData(
        examples=tuple(_distinct(_examples(read, {*taxonomy.names, OUT_OF_SCOPE}))),
        synonyms=_synonyms(read),
        lookups={name: tuple(phrases) for name, phrases in lookups.items()},
        regexes={name: tuple(patterns) for name, patterns in regexes.items()},
    )


def _examples(read: Any, labels: set[str]) -> Iterator[Example]:
    for message in read.intent_examples:
        intent = message.get("intent")
        if intent not in labels:
            raise ValueError(f"意图 {intent} 不在意图表里。请改名，或先加进 intents.yml")
        marks = tuple(_annotations(message.get("entities") or ()))
        yield Example(str(message.get("text")), intent, marks)


def _annotations(listed: Any) -> Iterator[Annotation]:
    for fields in listed:
        if fields["entity"] in ENTITIES:
            value = str(fields["value"])
            yield Annotation(fields["entity"], value, fields["start"], fields["end"])


def _distinct(examples: Iterator[Example]) -> Iterator[Example]:
    seen: set[str] = set()
    for example in examples:
        key = normal_text(example.text).replace(" ", "")
        if key not in seen:
            seen.add(key)
            yield example


def _synonyms(read: Any) -> dict[str, str]:
    """Without the pairs that Rasa adds on its own for every annotation with a value."""
    annotated = {
        (mark.get("value"), message.get("text")[mark["start"] : mark["end"]])
        for message in read.entity_examples
        for mark in message.get("entities")
    }
    pairs = read.entity_synonyms.items()
    return {phrase: value for phrase, value in pairs if (value, phrase) not in annotated}
