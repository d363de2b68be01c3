"""Reads what Rasa answers to `/model/parse`, and trusts none of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from intents import dates
from intents.bursts import leading
from intents.entity_values import normal_value
from intents.normalize import Normalized
from intents.taxonomy import OUT_OF_SCOPE, Taxonomy
from intents.understanding import Entity, Ranked, Understanding

_REFUSALS = (OUT_OF_SCOPE, "nlu_fallback")
_TOP = 5


class RasaNonsense(ValueError):
    """The answer does not have the shape of a parse."""


def understanding_of(
    answer: Any,
    normalized: Normalized,
    taxonomy: Taxonomy,
    *,
    refuse_below: float,
    engine: str,
    now: datetime | None = None,
) -> Understanding:
    """Turn a parse into an Understanding; raises RasaNonsense when it is none.

    A pipeline with our own component says `stranger`, and its refusal stands; for any other
    one `refuse_below` decides.
    """
    if not isinstance(answer, dict):
        raise RasaNonsense("not an object")
    ranked = sorted(_ranked(answer), key=lambda one: -one.confidence)
    inside = tuple(one for one in ranked if one.intent in taxonomy)[:_TOP]
    judged = _share(answer.get("stranger"))
    refused = _one(answer.get("intent")).intent in _REFUSALS
    if not inside and (judged is None or not refused):
        raise RasaNonsense("no known intent in the ranking")
    best = inside[0] if inside else Ranked(OUT_OF_SCOPE, 0.0)
    if judged is None and best.confidence < refuse_below:
        refused = True
    stranger = max(1 - best.confidence, 0.0) if judged is None else judged
    said = Ranked(OUT_OF_SCOPE, stranger) if refused else best
    return Understanding(
        text=normalized.original,
        intent=said.intent,
        confidence=said.confidence,
        ranking=inside,
        entities=tuple(_entities(answer.get("entities"), normalized, now)),
        engine=engine,
        wants=() if refused else leading(best, tuple(_wants(answer.get("wants"), taxonomy))),
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


def _wants(listed: Any, taxonomy: Taxonomy) -> Iterator[Ranked]:
    for fields in listed if isinstance(listed, list) else ():
        want = _one(fields)
        if want.intent in taxonomy:
            yield want


def _share(value: Any) -> float | None:
    """A number between 0 and 1, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0.0 <= value <= 1.0 else None


def _entities(listed: Any, normalized: Normalized, now: datetime | None) -> Iterator[Entity]:
    for fields in listed if isinstance(listed, list) else ():
        try:
            name, first, last = str(fields["entity"]), int(fields["start"]), int(fields["end"])
            value = str(fields["value"])
        except (TypeError, KeyError, ValueError):
            continue
        if 0 <= first < last <= len(normalized.text):
            phrase = normalized.text[first:last]
            start, end = normalized.span(first, last)
            typed = normalized.original[start:end]
            yield Entity(name, _value(name, value, phrase, typed, now), typed, start, end)


def _value(name: str, value: str, phrase: str, typed: str, now: datetime | None) -> str:
    """Rasa knows neither the hour nor the original spelling."""
    day = dates.iso_of(phrase, now) if name == "time" and now is not None else None
    return day or (normal_value(name, phrase, typed) if value == phrase else value)
