"""A corp on the sandbox's platform: what the tests of several rooms begin with."""

from __future__ import annotations

import asyncio
import shutil
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import settings

from bot.clock import ManualClock
from bot.delivery.tokens import StoredTokens
from bot.sandbox import Platform, SandboxSettings, create_app
from bot.settings import WeComSettings
from bot.store.database import Database
from bot.wecom.client import WeComClient

settings.register_profile("rooms", deadline=None)  # the machine may be busy with other things
settings.load_profile("rooms")
# Plain lines for pytest to keep: structlog's own default draws every stack in colours, slowly.
structlog.configure(
    processors=[structlog.processors.KeyValueRenderer()],
    wrapper_class=structlog.stdlib.BoundLogger,
    logger_factory=structlog.stdlib.LoggerFactory(),
)

START = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
SECRET = "corp-secret-7fQ2kX9mWz"
KEY = "U2FuZGJveFdlQ29tQ2FsbGJhY2tLZXlPZjMyQnl0ZXM"
NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def ledger(tmp_path: Path, empty_file: Path) -> AsyncIterator[Database]:
    """One SQLite database, for what does not depend on the engine."""
    path = tmp_path / "ledger.db"
    shutil.copyfile(empty_file, path)
    database = Database(f"sqlite+aiosqlite:///{path}")
    yield database
    await database.close()


@dataclass
class Naps:
    """Stands in for `asyncio.sleep`: notes how long the client would have waited."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def wecom_settings(base: str = NOWHERE, **more: Any) -> WeComSettings:
    given = {
        "api_base": base,
        "corp_id": "ww5a6e626f78776563",
        "secret": SECRET,
        "token": "CallbackToken",
        "encoding_aes_key": KEY,
        "timeout_seconds": 0.4,
    }
    return WeComSettings.model_validate(given | more)


@pytest.fixture
def platform(clock: ManualClock) -> Iterator[Platform]:
    corp = SandboxSettings(
        clock=clock.now,
        callback_url=NOWHERE,
        callback_timeout_seconds=0.2,
        callback_retry_seconds=0.0,
        hang_seconds=1.0,
    )
    platform = Platform(corp)
    yield platform
    platform.close()


@pytest.fixture
async def platform_url(platform: Platform) -> AsyncIterator[str]:
    async with TestServer(create_app(platform.settings, platform)) as server:
        yield str(server.make_url("/cgi-bin/"))


@pytest.fixture
async def connect(
    platform: Platform,
    platform_url: str,
    http: aiohttp.ClientSession,
    clock: ManualClock,
    naps: Naps,
) -> Callable[[Database], WeComClient]:
    """Gives a client of the platform whose tokens are shared through a database."""
    corp = platform.settings
    ours = wecom_settings(
        platform_url, corp_id=corp.corp_id, secret=corp.secret, agent_id=corp.agent_id
    )

    def client(database: Database) -> WeComClient:
        return WeComClient(ours, http, shared=StoredTokens(database), clock=clock, sleep=naps)

    return client


@dataclass
class Script:
    """A platform that answers from a list: per API, what to do at each call in turn."""

    answers: dict[str, deque[Any]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    issued: int = 0

    def will(self, api: str, *answers: Any) -> None:
        self.answers[api] = deque(answers)

    def made(self, api: str) -> int:
        return sum(1 for called, _, _ in self.calls if called == api)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        api = request.match_info["api"]
        self.calls.append((api, dict(request.query), await request.read()))
        waiting = self.answers.get(api)
        if waiting:
            return await self._give(request, waiting.popleft())
        if api == "gettoken":
            self.issued += 1
            return web.json_response({"access_token": f"t{self.issued}", "expires_in": 7200})
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    async def _give(self, request: web.Request, answer: Any) -> web.StreamResponse:
        if callable(answer):
            answer = await answer()
        if answer == "drop":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(answer, web.Response):
            return answer
        if isinstance(answer, int):
            return web.json_response({"errcode": answer, "errmsg": "refused"})
        return web.json_response(answer)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def scripted(
    script: Script, http: aiohttp.ClientSession, ledger: Database, clock: ManualClock, naps: Naps
) -> AsyncIterator[Callable[..., WeComClient]]:
    """Gives clients of a platform that answers from `script`."""
    app = web.Application()
    app.router.add_route("*", "/cgi-bin/{api:.+}", script.answer)
    async with TestServer(app) as server:
        base = str(server.make_url("/cgi-bin/"))

        def client(**more: Any) -> WeComClient:
            return WeComClient(
                wecom_settings(base, **more),
                http,
                shared=StoredTokens(ledger),
                clock=clock,
                sleep=naps,
            )

        yield client


async def until(holds: Callable[[], Awaitable[bool] | bool], *, seconds: float = 60) -> None:
    """Poll until something holds."""
    async with asyncio.timeout(seconds):
        while True:
            answer = holds()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(*loops: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Loops of the product for as long as the block runs."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
