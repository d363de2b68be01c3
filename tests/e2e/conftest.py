"""One platform and one bot for the scenarios that can share them, and more for the others."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ports import free_port
from trained import model_folder

from e2e.running import Bot, environment
from e2e.standin import Platform

StartBot = Callable[..., Bot]
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the built-in engine, trained from the shipped data once.

    The product tells models apart by their data.
    """
    with model_folder(request.config, tmp_path_factory) as folder:
        training = subprocess.run(
            [sys.executable, "-m", "bot", "train"],
            cwd=tmp_path_factory.mktemp("training"),
            env={**os.environ, "BOT_NLU__MODEL_DIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
        )
    assert training.returncode == 0, training.stdout.decode()
    return folder


@pytest.fixture(scope="session")
def start_any(
    model: Path, empty_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartBot]:
    """Starts bots, each with a state of its own, and sees to it that none outlives the tests.

    A `bare` one makes its tables itself.
    """
    bots: list[Bot] = []

    def start(
        platform: Platform,
        *,
        database: str | None = None,
        launch: bool = True,
        bare: bool = False,
        **changes: str,
    ) -> Bot:
        folder, port = tmp_path_factory.mktemp("bot"), free_port()
        if database is None and not bare:
            shutil.copyfile(empty_file, folder / "bot.db")
        token = changes.get("BOT_API__TOKEN") or secrets.token_hex(20)
        env = environment(
            platform,
            port=port,
            api_token=token,
            database=database or f"sqlite+aiosqlite:///{folder / 'bot.db'}",
            model=model,
            **changes,
        )
        bot = Bot(platform, folder, env, port, token)
        bots.append(bot)
        if launch:
            bot.start()
        return bot

    try:
        yield start
    finally:
        for bot in bots:
            bot.clean_up()


@pytest.fixture(scope="session")
def shared_platform() -> Iterator[Platform]:
    with Platform().serving() as platform:
        yield platform


@pytest.fixture(scope="session")
def shared_bot(shared_platform: Platform, start_any: StartBot) -> Iterator[Bot]:
    shared_platform.account("wk_shop")
    bot = start_any(shared_platform, bare=True)
    yield bot
    assert bot.stop() == 0
    bot.check_log()


@pytest.fixture(scope="session")
def shared_postgres_bot(
    start_any: StartBot, make_postgres_url: Callable[[], str]
) -> Iterator[Bot]:
    """The like of `shared_bot` on PostgreSQL, with a platform of its own."""
    with Platform().serving() as platform:
        platform.account("wk_shop")
        bot = start_any(platform, database=make_postgres_url())
        yield bot
        assert bot.stop() == 0
        bot.check_log()


_ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(scope="module", params=_ENGINES)
def either(request: pytest.FixtureRequest) -> Bot:
    """A ready bot, once on each engine."""
    name = "shared_bot" if request.param == "sqlite" else "shared_postgres_bot"
    bot: Bot = request.getfixturevalue(name)
    return bot


@pytest.fixture
def platform(shared_platform: Platform) -> Platform:
    """The platform that scenarios share; each has customers of its own."""
    return shared_platform


@pytest.fixture
def bot(shared_bot: Bot) -> Iterator[Bot]:
    """A ready bot with the default settings (but for a shorter burst)."""
    yield shared_bot
    shared_bot.check_log()


@pytest.fixture
def customer() -> str:
    """Somebody who has never written before."""
    return f"wm_customer_{next(_numbers):04d}"


@pytest.fixture
def own_platform() -> Iterator[Platform]:
    """A platform for a scenario that cannot share one."""
    with Platform().serving() as platform:
        platform.account("wk_shop")
        yield platform


@pytest.fixture
def start(start_any: StartBot) -> Iterator[StartBot]:
    """Bots for one scenario: gone after it, their logs checked."""
    bots: list[Bot] = []

    def one(*arguments: object, **options: object) -> Bot:
        bots.append(start_any(*arguments, **options))
        return bots[-1]

    yield one
    for bot in bots:
        bot.clean_up()
        bot.check_log()
