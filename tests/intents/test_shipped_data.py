from __future__ import annotations

import re

from intents.taxonomy import OUT_OF_SCOPE, load_taxonomy
from intents.training_data import TrainingData, check_training_data, load_training_data

ENOUGH = 80


def test_the_shipped_data_is_sound() -> None:
    assert check_training_data() == ()


def test_every_intent_has_enough_utterances() -> None:
    counts = load_training_data().counts()
    few = {n: counts.get(n, 0) for n in load_taxonomy().names if counts.get(n, 0) < ENOUGH}
    assert few == {}
    assert counts[OUT_OF_SCOPE] >= 400


def test_annotations_name_known_shapes() -> None:
    for mark, phrase in _marks(load_training_data()):
        if mark == "phone":
            assert re.search(r"\d", phrase)
        if mark == "price":
            assert re.search(r"[\d一二三四五六七八九十百千万两零半]", phrase)


def _marks(data: TrainingData) -> list[tuple[str, str]]:
    return [
        (mark.name, example.text[mark.start : mark.end])
        for example in data.examples
        for mark in example.annotations
    ]
