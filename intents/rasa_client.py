"""Asks a Rasa server, and answers without it when it does not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import aiohttp

from intents.bursts import merged
from intents.circuit_breaker import CircuitBreaker
from intents.engine import NluEngine
from intents.errors import EngineUnavailable
from intents.language import understood_without_model
from intents.normalize import Normalized, normalize
from intents.rasa_answer import RasaNonsense, understanding_of
from intents.taxonomy import Taxonomy, load_taxonomy
from intents.understanding import Understanding

_LONGEST_MESSAGE = 2_000
_DIGIT = re.compile(r"\d")
_FAULTS = (aiohttp.ClientError, TimeoutError, RasaNonsense, ValueError)


@dataclass(slots=True)
class RasaCounts:
    """What happened since the start, for metrics."""

    calls: int = 0
    failures: int = 0
    fallbacks: int = 0


class RasaEngine:
    """Speaks to `/model/parse` on a session that the caller owns.

    At most `concurrency` requests are under way; one that takes longer than `timeout_seconds`,
    waiting included, counts as failed. While the breaker is open, and after any failure, the
    `fallback` engine answers, and its name stands in the Understanding.
    """

    name = "rasa"

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        *,
        breaker: CircuitBreaker,
        fallback: NluEngine | None = None,
        token: str = "",
        timeout_seconds: float = 2.0,
        concurrency: int = 8,
        refuse_below: float = 0.3,
        taxonomy: Taxonomy | None = None,
    ) -> None:
        self.breaker = breaker
        self.counts = RasaCounts()
        self._session = session
        self._url = url.rstrip("/")
        self._fallback = fallback
        self._query = {"token": token} if token else {}
        self._timeout_seconds = timeout_seconds
        self._places = asyncio.Semaphore(concurrency)
        self._refuse_below = refuse_below
        self._taxonomy = taxonomy or load_taxonomy()

    async def understand(self, text: str, *, now: datetime | None = None) -> Understanding:
        """The verdict on one message, by Rasa or by the fallback.

        Of a bare number Rasa is only asked which entity it is.
        """
        normalized = normalize(text[:_LONGEST_MESSAGE])
        plain = understood_without_model(normalized, engine=self.name)
        if plain is not None and not _DIGIT.search(normalized.text):
            return replace(plain, text=text)
        answer = await self._ask(normalized, now)
        if answer is not None:
            judged = replace(plain, entities=answer.entities) if plain else answer
            return replace(judged, text=text)
        self.counts.fallbacks += 1
        if self._fallback is None:
            raise EngineUnavailable("Rasa 没有给出可用的回答，也没有备用引擎")
        return await self._fallback.understand(text, now=now)

    async def understand_burst(
        self, lines: Sequence[str], *, now: datetime | None = None
    ) -> Understanding:
        """Each line and all of them joined, asked side by side."""
        spoken = [line for line in lines if line.strip()]
        joined = "\n".join(spoken)
        if len(spoken) < 2:
            return await self.understand(joined, now=now)
        whole, *parts = await asyncio.gather(
            *(self.understand(text, now=now) for text in (joined, *spoken))
        )
        return merged(whole, parts)

    async def swap(self, model_file: str) -> None:
        """Let the server load another trained model; raises EngineUnavailable if it refuses."""
        try:
            async with self._session.put(
                f"{self._url}/model", params=self._query, json={"model_file": model_file}
            ) as response:
                status, body = response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise EngineUnavailable(f"Rasa 连不上，没有换模型：{error}") from error
        if status not in (200, 204):
            raise EngineUnavailable(f"Rasa 没有换模型（HTTP {status}）：{body[:200]}")

    async def _ask(self, normalized: Normalized, now: datetime | None) -> Understanding | None:
        if not self.breaker.allows():
            return None
        self.counts.calls += 1
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer = await self._parse(normalized.text)
            understood = understanding_of(
                answer,
                normalized,
                self._taxonomy,
                refuse_below=self._refuse_below,
                engine=self.name,
                now=now,
            )
        except _FAULTS:
            self.counts.failures += 1
            self.breaker.failed()
            return None
        except BaseException:
            self.breaker.abandoned()
            raise
        self.breaker.succeeded()
        return understood

    async def _parse(self, text: str) -> Any:
        async with (
            self._places,
            self._session.post(
                f"{self._url}/model/parse", params=self._query, json={"text": text}
            ) as response,
        ):
            response.raise_for_status()
            return await response.json(content_type=None)
