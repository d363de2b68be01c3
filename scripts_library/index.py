"""Scripts arranged so that choosing looks only at those that can matter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .checks import required_variables
from .model import Occasion, Script


@dataclass(frozen=True, slots=True)
class Indexed:
    """A script with what choosing needs of it again and again."""

    script: Script
    required: frozenset[str]


class ScriptIndex:
    """The scripts by intent and by occasion; build it once per change of the library."""

    def __init__(self, scripts: Iterable[Script]) -> None:
        self._by_id: dict[str, Script] = {}
        self._by_intent: dict[str, list[Indexed]] = defaultdict(list)
        self._by_occasion: dict[Occasion, list[Indexed]] = defaultdict(list)
        for script in scripts:
            self._add(script)

    def _add(self, script: Script) -> None:
        if script.id in self._by_id:
            raise ValueError(f"script id {script.id!r} is in the index already")
        self._by_id[script.id] = script
        indexed = Indexed(script, required_variables(script))
        self._by_occasion[script.occasion].append(indexed)
        for intent in script.intents:
            self._by_intent[intent].append(indexed)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Script]:
        return iter(self._by_id.values())

    def __contains__(self, script_id: object) -> bool:
        return script_id in self._by_id

    def get(self, script_id: str) -> Script | None:
        return self._by_id.get(script_id)

    def for_intent(self, intent: str) -> tuple[Indexed, ...]:
        return tuple(self._by_intent.get(intent, ()))

    def for_occasion(self, occasion: Occasion) -> tuple[Indexed, ...]:
        return tuple(self._by_occasion.get(occasion, ()))
