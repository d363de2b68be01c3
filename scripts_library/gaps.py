"""Which intents and stages the library can answer, and where it has nothing to say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .model import Occasion, Script


@dataclass(frozen=True, slots=True)
class Coverage:
    """Scripts per intent and stage; scripts for any stage count in each."""

    intents: tuple[str, ...]
    stages: tuple[str, ...]
    cells: dict[tuple[str, str], int]
    per_intent: dict[str, int]
    per_occasion: dict[Occasion, int]

    @property
    def uncovered_intents(self) -> tuple[str, ...]:
        """Intents without any script at any stage."""
        return tuple(intent for intent in self.intents if not self.per_intent[intent])

    @property
    def gaps(self) -> tuple[tuple[str, str], ...]:
        """Pairs (intent, stage) for which no script was written."""
        return tuple(cell for cell, count in self.cells.items() if not count)

    def thin_intents(self, minimum: int) -> tuple[str, ...]:
        """Intents with fewer than `minimum` scripts."""
        return tuple(intent for intent in self.intents if self.per_intent[intent] < minimum)

    def as_dict(self) -> dict[str, Any]:
        table = {
            intent: {stage: self.cells[intent, stage] for stage in self.stages}
            for intent in self.intents
        }
        return {
            "cells": table,
            "per_intent": dict(self.per_intent),
            "per_occasion": {key.value: count for key, count in self.per_occasion.items()},
            "uncovered_intents": list(self.uncovered_intents),
            "gaps": [list(gap) for gap in self.gaps],
        }


def coverage(scripts: Iterable[Script], intents: Sequence[str], stages: Sequence[str]) -> Coverage:
    """Count the scripts for every intent at every stage."""
    cells: Counter[tuple[str, str]] = Counter()
    per_intent: Counter[str] = Counter()
    per_occasion: Counter[Occasion] = Counter()
    for script in scripts:
        per_occasion[script.occasion] += 1
        per_intent.update(script.intents)
        reached = script.stages or stages
        cells.update((intent, stage) for intent in script.intents for stage in reached)
    return Coverage(
        tuple(intents),
        tuple(stages),
        {(intent, stage): cells[intent, stage] for intent in intents for stage in stages},
        {intent: per_intent[intent] for intent in intents},
        {occasion: per_occasion[occasion] for occasion in Occasion},
    )
