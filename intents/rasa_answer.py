"""Reads what Rasa answers to `/model/parse`, and trusts none of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from intents.normalize import Normalized
from intents.taxonomy import OUT_OF_SCOPE, Taxonomy
from intents.understanding import Entity, Ranked, Understanding

_REFUSALS = (OUT_OF_SCOPE, "nlu_fallback")
_TOP = 5


class RasaNonsense(ValueError):
    """The answer does not have the shape of a parse."""


def understanding_of(
    answer: Any, normalized: Normalized, taxonomy: Taxonomy, *, refuse_below: float, engine: str
) -> Understanding:
    """Turn a parse into an Understanding; raises RasaNonsense when it is none."""
    if not isinstance(answer, dict):
        raise RasaNonsense("not an object")
    ranked = sorted(_ranked(answer), key=lambda one: -one.confidence)
    inside = tuple(one for one in ranked if one.intent in taxonomy)[:_TOP]
    if not inside:
        raise RasaNonsense("no known intent in the ranking")
    best = inside[0]
    refused = _one(answer.get("intent")).intent in _REFUSALS or best.confidence < refuse_below
    stranger = max(1 - best.confidence, 0.0)
    said = Ranked(OUT_OF_SCOPE, stranger) if refused else best
    return Understanding(
        text=normalized.original,
        intent=said.intent,
        confidence=said.confidence,
        ranking=inside,
        entities=tuple(_entities(answer.get("entities"), normalized)),
        engine=engine,
        wants=() if refused else (best,),
        stranger=stranger,
    )


def _ranked(answer: dict[str, Any]) -> Iterator[Ranked]:
    listed = answer.get("intent_ranking") or [answer.get("intent")]
    if not isinstance(listed, list):
        raise RasaNonsense("intent_ranking is no list")
    for one in listed:
        yield _one(one)


def _one(fields: Any) -> Ranked:
    try:
        confidence = float(fields["confidence"])
        name = fields["name"]
    except (TypeError, KeyError, ValueError) as error:
        raise RasaNonsense("an intent without name and confidence") from error
    if not isinstance(name, str) or not 0.0 <= confidence <= 1.0001:
        raise RasaNonsense("an intent without name and confidence")
    return Ranked(name, min(confidence, 1.0))


def _entities(listed: Any, normalized: Normalized) -> Iterator[Entity]:
    for fields in listed if isinstance(listed, list) else ():
        try:
            name, first, last = str(fields["entity"]), int(fields["start"]), int(fields["end"])
            value = str(fields["value"])
        except (TypeError, KeyError, ValueError):
            continue
        if 0 <= first < last <= len(normalized.text):
            start, end = normalized.span(first, last)
            yield Entity(name, value, normalized.original[start:end], start, end)
