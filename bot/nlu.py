"""The NLU engine that the settings ask for."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp

from bot.errors import SettingsError
from bot.settings import NluSettings
from intents import BuiltinEngine, NluEngine, NluError, load_or_train
from intents.circuit_breaker import CircuitBreaker
from intents.rasa_client import RasaEngine


async def make_engine(settings: NluSettings, http: aiohttp.ClientSession) -> NluEngine:
    """The chosen engine, ready to answer; the built-in one stands behind Rasa."""
    builtin = await builtin_engine(settings)
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


async def builtin_engine(settings: NluSettings) -> BuiltinEngine:
    """The built-in engine, trained on first use; raises `SettingsError` when that fails."""
    sources: list[Path] | None = list(settings.data) or None
    try:
        model = await asyncio.to_thread(load_or_train, settings.model_dir, sources=sources)
    except NluError as error:
        raise SettingsError(str(error)) from None
    return BuiltinEngine(model)
