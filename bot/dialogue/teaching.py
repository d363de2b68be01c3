"""Teaching the NLU layer: a review queue, accepted examples, and the file they train from."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path

import yaml
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.errors import Conflict, NotFound, Unprocessable
from bot.store.database import Database
from bot.store.nlu_tables import NluExample, NluReview
from bot.store.tables import Suggestion
from bot.store.upsert import insert_new
from intents import OUT_OF_SCOPE, NluError, Taxonomy, load_training_data
from intents.normalize import normal_text

_LONGEST = 200


class Doubt(StrEnum):
    """Why a burst waits for review."""

    UNSURE = "unsure"
    CORRECTED = "corrected"


class ReviewStatus(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"


async def note_doubt(
    session: AsyncSession,
    suggestion: Suggestion,
    *,
    because: Doubt,
    now: datetime,
    proposed: str | None = None,
) -> None:
    """Queue a suggestion's words for review; a correction replaces a mere doubt."""
    text = suggestion.text.strip()
    if not text or len(text) > _LONGEST:
        return
    row = {
        "suggestion_id": suggestion.id,
        "text": text,
        "guess": suggestion.understanding["intent"],
        "confidence": suggestion.understanding["confidence"],
        "proposed": proposed,
        "because": because,
        "status": ReviewStatus.OPEN,
        "created_at": now,
    }
    new = await insert_new(
        session, NluReview, [row], unique=["suggestion_id"], returning=NluReview.id
    )
    if new or because is not Doubt.CORRECTED:
        return
    known = await session.scalar(select(NluReview).where(NluReview.suggestion_id == suggestion.id))
    if known and known.status == ReviewStatus.OPEN:
        known.because, known.proposed = because, proposed


class Teaching:
    """The shop's own examples, and the queue that they come from."""

    def __init__(self, database: Database, clock: Clock, taxonomy: Taxonomy) -> None:
        self._database = database
        self._clock = clock
        self._labels = frozenset({*taxonomy.names, OUT_OF_SCOPE})

    async def queue(self, *, after: int = 0, limit: int = 50) -> Sequence[NluReview]:
        """What waits for review, oldest first."""
        async with self._database.read() as session:
            rows = await session.scalars(
                select(NluReview)
                .where(NluReview.status == ReviewStatus.OPEN, NluReview.id > after)
                .order_by(NluReview.id)
                .limit(limit)
            )
            return rows.all()

    async def accept(self, review_id: int, intent: str, *, by: str) -> NluExample:
        """Turn a queued burst into an example; raises like `add`."""
        async with self._database.read() as session:
            text = (await _open(session, review_id)).text
        await self._check(text, intent)
        async with self._database.write() as session:
            review = await _open(session, review_id, hold=True)
            self._close(review, ReviewStatus.ACCEPTED, by)
            return await self._insert(session, text, intent, by)

    async def dismiss(self, review_id: int, *, by: str) -> None:
        """Take a burst off the queue without learning from it."""
        async with self._database.write() as session:
            review = await _open(session, review_id, hold=True)
            self._close(review, ReviewStatus.DISMISSED, by)

    async def add(self, text: str, intent: str, *, by: str) -> NluExample:
        """Keep an example for the next training.

        Raises `Unprocessable` for an unknown intent or an unusable text, `Conflict` when the
        same words already stand for another intent.
        """
        await self._check(text, intent)
        async with self._database.write() as session:
            return await self._insert(session, text.strip(), intent, by)

    async def remove(self, example_id: int) -> None:
        async with self._database.write() as session:
            gone = await session.scalar(
                delete(NluExample).where(NluExample.id == example_id).returning(NluExample.id)
            )
            if gone is None:
                raise NotFound(f"没有编号为 {example_id} 的例句")

    async def examples(self) -> Sequence[NluExample]:
        """All examples of the shop, by intent and text."""
        async with self._database.read() as session:
            rows = await session.scalars(
                select(NluExample).order_by(NluExample.intent, NluExample.text)
            )
            return rows.all()

    async def export(self, path: Path) -> int:
        """Write the examples as Rasa NLU YAML, whole or not at all; returns how many."""
        examples = await self.examples()
        await asyncio.to_thread(_write, path, as_rasa(examples))
        return len(examples)

    def _close(self, review: NluReview, status: ReviewStatus, by: str) -> None:
        review.status, review.decided_by = status, by
        review.decided_at = self._clock.now()

    async def _check(self, text: str, intent: str) -> None:
        if intent not in self._labels:
            raise Unprocessable(f"没有意图 {intent}：可用的名字见 intents/intents.yml")
        if not _words(text):
            raise Unprocessable("例句不能为空，也不能只有标点或表情")
        if len(text) > _LONGEST:
            raise Unprocessable(f"例句最长 {_LONGEST} 字，请只留说明意图的那一句")
        shipped, where = (await asyncio.to_thread(_shipped)).get(_words(text), (intent, ""))
        if shipped != intent:
            raise Conflict(f"“{text.strip()}”在训练语料里已属于 {shipped}（{where}）")

    async def _insert(self, session: AsyncSession, text: str, intent: str, by: str) -> NluExample:
        known = await session.scalar(select(NluExample).where(NluExample.key == _key(text)))
        if known is not None:
            if known.intent != intent:
                raise Conflict(f"“{known.text}”已经教成 {known.intent}，请先删除编号 {known.id}")
            return known
        example = NluExample(
            key=_key(text), text=text, intent=intent, added_by=by, added_at=self._clock.now()
        )
        session.add(example)
        await session.flush()
        return example


async def _open(session: AsyncSession, review_id: int, *, hold: bool = False) -> NluReview:
    review = await session.get(NluReview, review_id, with_for_update=hold or None)
    if review is None:
        raise NotFound(f"没有编号为 {review_id} 的待审例句")
    if review.status != ReviewStatus.OPEN:
        raise Conflict(f"编号 {review_id} 已经处理过了")
    return review


def _key(text: str) -> str:
    """The same for wordings that mean the same to the engine."""
    return hashlib.sha256(_words(text).encode()).hexdigest()


def _words(text: str) -> str:
    """The normal text without blanks, punctuation and emoji."""
    return re.sub(r"\W", "", normal_text(text))


@cache
def _shipped() -> dict[str, tuple[str, str]]:
    """The words of the shipped training data with their intent and place."""
    try:
        data = load_training_data()
    except NluError:
        return {}
    return {
        _words(example.text): (
            example.intent,
            f"{example.path.name}:{example.line}" if example.path else "",
        )
        for example in data.examples
    }


def as_rasa(examples: Sequence[NluExample]) -> str:
    """The examples in Rasa's NLU format."""
    by_intent: dict[str, list[str]] = {}
    for example in examples:
        by_intent.setdefault(example.intent, []).append(" ".join(example.text.split()))
    blocks = [
        {"intent": intent, "examples": "".join(f"- {text}\n" for text in texts)}
        for intent, texts in by_intent.items()
    ]
    return yaml.dump(
        {"version": "3.1", "nlu": blocks}, allow_unicode=True, sort_keys=False, Dumper=_Dumper
    )


class _Dumper(yaml.SafeDumper):
    """Writes lists of examples as literal blocks, as Rasa's own files do."""


def _literal(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _literal)


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(content, encoding="utf-8")
    temporary.replace(path)
