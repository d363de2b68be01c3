"""What the layer says about a customer's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ranked:
    """An intent with the probability that it is the right one."""

    intent: str
    confidence: float

    def as_dict(self) -> dict[str, Any]:
        return {"intent": self.intent, "confidence": round(self.confidence, 4)}


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing that was named: `text` as typed at `start:end`, `value` in its normal form."""

    name: str
    value: str
    text: str
    start: int
    end: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "entity": self.name,
            "value": self.value,
            "text": self.text,
            "start": self.start,
            "end": self.end,
        }


@dataclass(frozen=True, slots=True)
class Understanding:
    """The verdict on one message or burst.

    `intent` is "out_of_scope" when the layer refuses; `ranking` still lists its best guesses.
    `stranger` says how little the words fit any intent; from one half on they are refused.
    `wants` holds every distinct intent of a burst, strongest first.
    """

    text: str
    intent: str
    confidence: float
    ranking: tuple[Ranked, ...]
    entities: tuple[Entity, ...] = ()
    engine: str = ""
    wants: tuple[Ranked, ...] = ()
    stranger: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "intent": self.intent,
            "confidence": round(self.confidence, 4),
            "ranking": [ranked.as_dict() for ranked in self.ranking],
            "entities": [entity.as_dict() for entity in self.entities],
            "engine": self.engine,
            "wants": [ranked.as_dict() for ranked in self.wants],
        }
