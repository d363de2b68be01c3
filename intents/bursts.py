"""Several wants in one breath: which one leads and which come along."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from intents.taxonomy import OUT_OF_SCOPE
from intents.understanding import Ranked, Understanding

POLITE = frozenset({"greet", "thank", "goodbye", "affirm", "apologize", "wait"})
_CLAUSE_END = re.compile(r"[,，。.！!？?；;、~～…\n\r]+(?!\d)|(?<=[㐀-鿿])\s+(?=[㐀-鿿])")
_SHORTEST_CLAUSE = 2
_MOST_CLAUSES = 12
_CLEAR = 0.5
_CERTAIN = 0.8
_TOP = 5
_JOINED_SHARE = 0.5


def clauses(text: str) -> tuple[str, ...]:
    """The parts of a message between punctuation, without crumbs; at most a dozen."""
    parts = [part.strip() for part in _CLAUSE_END.split(text)]
    return tuple(part for part in parts if len(part) >= _SHORTEST_CLAUSE)[:_MOST_CLAUSES]


def wanted(parts: Sequence[Understanding]) -> tuple[Ranked, ...]:
    """Every clear, distinct intent of the parts, strongest first; politeness only if alone."""
    best: dict[str, float] = {}
    for part in parts:
        if part.intent != OUT_OF_SCOPE and part.confidence >= _CLEAR:
            best[part.intent] = max(best.get(part.intent, 0.0), part.confidence)
    if any(intent not in POLITE for intent in best):
        best = {intent: score for intent, score in best.items() if intent not in POLITE}
    return _ranked(best)


def merged(joined: Understanding, parts: Sequence[Understanding]) -> Understanding:
    """One verdict for a burst from its lines and the whole, both judged already."""
    heard = [part for part in parts if part.intent != OUT_OF_SCOPE]
    if not heard and joined.intent == OUT_OF_SCOPE:
        return joined
    ranking = lead(joined, parts)
    best = ranking[0]
    return replace(
        joined,
        intent=best.intent,
        confidence=best.confidence,
        ranking=ranking,
        wants=leading(best, wanted(heard or [joined])),
        stranger=min(part.stranger for part in (joined, *parts)),
    )


def all_clear(parts: Sequence[Understanding]) -> bool:
    """Whether every part was understood for certain, so that their sum cannot be strange."""
    return all(part.intent != OUT_OF_SCOPE and part.confidence >= _CERTAIN for part in parts)


def leading(best: Ranked, wants: Sequence[Ranked]) -> tuple[Ranked, ...]:
    """The wants with the best one in front."""
    return (best, *(want for want in wants if want.intent != best.intent))


def lead(joined: Understanding, parts: Sequence[Understanding]) -> tuple[Ranked, ...]:
    """One ranking for a burst: substance before politeness, agreement before a lone voice."""
    voices = [part for part in parts if part.intent != OUT_OF_SCOPE] or list(parts)
    substantive = [part for part in voices if part.intent not in POLITE] or voices
    scores = {one.intent: _JOINED_SHARE * one.confidence for one in joined.ranking}
    for intent in {one.intent for part in substantive for one in part.ranking}:
        loudest = max(_share(part, intent) for part in substantive)
        scores[intent] = scores.get(intent, 0.0) + (1 - _JOINED_SHARE) * loudest
    if any(part.intent not in POLITE for part in substantive):
        scores = {i: s * (0.2 if i in POLITE else 1.0) for i, s in scores.items()}
    total = max(1.0, sum(scores.values()))
    return _ranked({intent: score / total for intent, score in scores.items()})[:_TOP]


def _share(part: Understanding, intent: str) -> float:
    return next((one.confidence for one in part.ranking if one.intent == intent), 0.0)


def _ranked(scores: dict[str, float]) -> tuple[Ranked, ...]:
    ordered = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Ranked(intent, score) for intent, score in ordered)
