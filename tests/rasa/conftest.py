from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from ports import free_port
from rasa_rig import TOKEN, Clock

from intents import BuiltinEngine, load_or_train
from intents.circuit_breaker import CircuitBreaker
from intents.rasa.environment import Environment
from intents.rasa.server import RasaServer
from intents.rasa.training import train
from intents.rasa_client import RasaEngine
from intents.training_data import DATA_FOLDER

ROOT = Path(__file__).parents[2]
_SMALL_SOURCES = [DATA_FOLDER / name for name in ("social.yml", "entities.yml")]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("BOT_TEST_RASA") == "1":
        return
    skip = pytest.mark.skip(reason="needs Rasa: run `make test-rasa`, or set BOT_TEST_RASA=1")
    for item in items:
        if item.get_closest_marker("rasa"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def environment() -> Environment:
    environment = Environment(ROOT / ".venv-rasa")
    if not environment.usable:
        pytest.fail("Rasa is not installed: run `python -m intents.rasa install` first")
    return environment


@pytest.fixture(scope="session")
def model(environment: Environment) -> Path:
    return train(environment, ROOT / "var" / "rasa" / "models")


@pytest.fixture(scope="session")
def small_model(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(environment, tmp_path_factory.mktemp("small"), sources=_SMALL_SOURCES)


@pytest.fixture(scope="session")
def server(
    environment: Environment, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RasaServer]:
    with (tmp_path_factory.mktemp("rasa") / "server.log").open("wb") as log:
        server = RasaServer(environment, model, TOKEN, port=free_port(), log=log)
        server.start()
        try:
            asyncio.run(server.ready())
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def builtin() -> BuiltinEngine:
    return BuiltinEngine(load_or_train(ROOT / "var" / "nlu"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def rasa(
    session: aiohttp.ClientSession, server: RasaServer, builtin: BuiltinEngine, clock: Clock
) -> RasaEngine:
    breaker = CircuitBreaker(clock, failures=2, rest_seconds=30)
    return RasaEngine(
        session, server.url, breaker=breaker, fallback=builtin, token=TOKEN, timeout_seconds=10
    )
