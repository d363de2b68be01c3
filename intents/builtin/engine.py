"""The engine that answers in process, in about a millisecond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from intents.builtin.model import BuiltinModel
from intents.bursts import clauses, lead, wanted
from intents.entities import EntityExtractor
from intents.language import Script, answer_without_model, script_of
from intents.normalize import normalize
from intents.taxonomy import OUT_OF_SCOPE
from intents.understanding import Entity, Ranked, Understanding

_TOP = 5
_LONGEST_MESSAGE = 10_000
_LONGEST_JUDGED = 400


class BuiltinEngine:
    """Judges with one trained model; `swap` puts a new one in place between two messages."""

    name = "builtin"

    def __init__(self, model: BuiltinModel) -> None:
        self.swap(model)

    def swap(self, model: BuiltinModel) -> None:
        """Answer with another model from the next message on."""
        self._model, self._extractor = model, EntityExtractor(model.gazetteer)

    async def understand(self, text: str, *, now: datetime | None = None) -> Understanding:
        """The verdict on one message."""
        return self.judge(text, now)

    async def understand_burst(
        self, lines: Sequence[str], *, now: datetime | None = None
    ) -> Understanding:
        """The verdict on a burst: each line alone and all of them joined."""
        return self.judge_burst(lines, now)

    def judge(self, text: str, now: datetime | None = None) -> Understanding:
        """`understand` for callers without an event loop."""
        normalized = normalize(text[:_LONGEST_MESSAGE])
        found = self._extractor.extract(normalized, now)
        verdict = self._verdict(text, normalized.text, found)
        parts = clauses(normalized.text[:_LONGEST_JUDGED])
        if len(parts) < 2 or verdict.intent == OUT_OF_SCOPE:
            return verdict
        return _with_wants(verdict, wanted([verdict, *(self._verdict(p, p) for p in parts)]))

    def judge_burst(self, lines: Sequence[str], now: datetime | None = None) -> Understanding:
        """`understand_burst` for callers without an event loop."""
        spoken = [line for line in lines if line.strip()]
        joined = self.judge("\n".join(spoken), now)
        if len(spoken) < 2:
            return joined
        parts = [self.judge(line, now) for line in spoken]
        ranking = lead(joined, parts)
        heard = [part for part in parts if part.intent != OUT_OF_SCOPE]
        if not heard and joined.intent == OUT_OF_SCOPE:
            return joined
        best = ranking[0]
        wants = wanted([*parts, *(one for one in (joined,) if not heard)])
        return Understanding(
            text=joined.text,
            intent=best.intent,
            confidence=best.confidence,
            ranking=ranking,
            entities=joined.entities,
            engine=self.name,
            wants=_leading(best, wants),
            stranger=min(part.stranger for part in (joined, *parts)),
        )

    def _verdict(self, text: str, normal: str, entities: tuple[Entity, ...] = ()) -> Understanding:
        script = script_of(normal)
        if script is not Script.CHINESE:
            return self._without_model(text, normal, script, entities)
        guess = self._model.guess(normal[:_LONGEST_JUDGED])
        ranking = self._model.ranking(guess, _TOP)
        best = Ranked(OUT_OF_SCOPE, guess.stranger) if guess.refused else ranking[0]
        return Understanding(
            text=text,
            intent=best.intent,
            confidence=best.confidence,
            ranking=ranking,
            entities=entities,
            engine=self.name,
            wants=() if guess.refused else (best,),
            stranger=guess.stranger,
        )

    def _without_model(
        self, text: str, normal: str, script: Script, entities: tuple[Entity, ...]
    ) -> Understanding:
        plain = answer_without_model(normal, script)
        best = plain or Ranked(OUT_OF_SCOPE, 1.0)
        return Understanding(
            text=text,
            intent=best.intent,
            confidence=best.confidence,
            ranking=(plain,) if plain else (),
            entities=entities,
            engine=self.name,
            wants=(plain,) if plain else (),
            stranger=1 - plain.confidence if plain else 1.0,
        )


def _with_wants(verdict: Understanding, wants: tuple[Ranked, ...]) -> Understanding:
    best = Ranked(verdict.intent, verdict.confidence)
    return replace(verdict, wants=_leading(best, wants))


def _leading(best: Ranked, wants: Sequence[Ranked]) -> tuple[Ranked, ...]:
    return (best, *(want for want in wants if want.intent != best.intent))
