"""The engine that answers in process, in about a millisecond."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from intents.builtin.model import BuiltinModel
from intents.builtin.sentences import SentenceBranch
from intents.bursts import all_clear, clauses, leading, merged, wanted
from intents.entities import EntityExtractor
from intents.language import understood_without_model
from intents.normalize import Normalized, normalize
from intents.taxonomy import OUT_OF_SCOPE
from intents.understanding import Ranked, Understanding

_TOP = 5
_LONGEST_MESSAGE = 10_000
_LONGEST_JUDGED = 400


class BuiltinEngine:
    """Judges with one trained model; `swap` puts a new one in place between two messages.

    With `sentences` set (at any time, also later), unsure messages get a second opinion in a
    thread of its own.
    """

    name = "builtin"

    def __init__(self, model: BuiltinModel, sentences: SentenceBranch | None = None) -> None:
        self.sentences = sentences
        self.swap(model)

    def swap(self, model: BuiltinModel) -> None:
        """Answer with another model from the next message on."""
        self._model, self._extractor = model, EntityExtractor(model.gazetteer)

    async def understand(self, text: str, *, now: datetime | None = None) -> Understanding:
        """The verdict on one message."""
        verdict = self._judge(text, now, None)
        if self._is_sure(verdict):
            return verdict
        return await asyncio.to_thread(self._judge, text, now, self.sentences)

    async def understand_burst(
        self, lines: Sequence[str], *, now: datetime | None = None
    ) -> Understanding:
        """The verdict on a burst: each line alone and all of them joined."""
        spoken = [line for line in lines if line.strip()]
        joined = await self.understand("\n".join(spoken), now=now)
        if len(spoken) < 2:
            return joined
        return merged(joined, [await self.understand(line, now=now) for line in spoken])

    def judge(self, text: str, now: datetime | None = None) -> Understanding:
        """`understand` for callers without an event loop."""
        verdict = self._judge(text, now, None)
        return verdict if self._is_sure(verdict) else self._judge(text, now, self.sentences)

    def _is_sure(self, verdict: Understanding) -> bool:
        if self.sentences is None or not verdict.ranking:
            return True
        return verdict.ranking[0].confidence >= self.sentences.ask_below

    def _judge(
        self, text: str, now: datetime | None, sentences: SentenceBranch | None
    ) -> Understanding:
        normalized = normalize(text[:_LONGEST_MESSAGE])
        verdict = self._verdict(normalized, sentences)
        parts = clauses(normalized.text[:_LONGEST_JUDGED])
        if len(parts) > 1:
            said = [self._verdict(normalize(part), None) for part in parts]
            if verdict.intent == OUT_OF_SCOPE and all_clear(said):
                verdict = merged(verdict, said)
            elif verdict.intent != OUT_OF_SCOPE:
                best = Ranked(verdict.intent, verdict.confidence)
                verdict = replace(verdict, wants=leading(best, wanted([verdict, *said])))
        return replace(verdict, text=text, entities=self._extractor.extract(normalized, now))

    def _verdict(self, normalized: Normalized, sentences: SentenceBranch | None) -> Understanding:
        plain = understood_without_model(normalized, engine=self.name)
        if plain is not None:
            return plain
        guess = self._model.guess(normalized.text[:_LONGEST_JUDGED], sentences)
        ranking = self._model.ranking(guess, _TOP)
        best = Ranked(OUT_OF_SCOPE, guess.stranger) if guess.refused else ranking[0]
        return Understanding(
            text=normalized.original,
            intent=best.intent,
            confidence=best.confidence,
            ranking=ranking,
            engine=self.name,
            wants=() if guess.refused else (best,),
            stranger=guess.stranger,
        )
