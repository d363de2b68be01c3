from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.sandbox import (
    CUSTOMERS,
    DEFAULT_ACCOUNT,
    SENDER,
    Call,
    Envelope,
    Platform,
    SandboxSettings,
    answer,
    create_app,
)

START = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
XIAOLIN = CUSTOMERS[0].external_userid
AMAY = CUSTOMERS[1].external_userid


@dataclass
class FakeClock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Bot:
    """A callback that records what it is told, and can be made to misbehave."""

    envelope: Envelope
    notices: list[dict[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    attempts: int = 0

    async def verify(self, request: web.Request) -> web.Response:
        query = request.query
        text = self.envelope.open(
            query["echostr"],
            signature=query["msg_signature"],
            timestamp=query["timestamp"],
            nonce=query["nonce"],
        )
        return web.Response(text=text)

    async def push(self, request: web.Request) -> web.Response:
        self.attempts += 1
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        outer = ElementTree.fromstring(await request.text())
        query = request.query
        text = self.envelope.open(
            outer.findtext("Encrypt", ""),
            signature=query["msg_signature"],
            timestamp=query["timestamp"],
            nonce=query["nonce"],
        )
        inner = ElementTree.fromstring(text)
        self.notices.append({child.tag: child.text or "" for child in inner})
        return web.Response(text="success", status=status)


class Caller:
    """Calls the API in process with the current token."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def token(self) -> str:
        settings = self.platform.settings
        query = {"corpid": settings.corp_id, "corpsecret": settings.secret}
        return str(self.raw("gettoken", "GET", query=query)["access_token"])

    def raw(
        self,
        api: str,
        method: str = "POST",
        *,
        query: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        outcome = answer(self.platform, Call(api, method, query or {}, body or {}))
        assert isinstance(outcome.answer, dict)
        return outcome.answer

    def __call__(self, api: str, **body: Any) -> dict[str, Any]:
        return self.raw(api, query={"access_token": self.token()}, body=body)

    def send(self, said: str = "您好", /, **more: Any) -> dict[str, Any]:
        fields = {"touser": XIAOLIN, "open_kfid": DEFAULT_ACCOUNT, "msgtype": "text"}
        return self("kf/send_msg", **{**fields, "text": {"content": said}, **more})

    def sync(self, **more: Any) -> dict[str, Any]:
        return self("kf/sync_msg", **{"open_kfid": DEFAULT_ACCOUNT, **more})

    def state(self) -> int:
        ids = {"open_kfid": DEFAULT_ACCOUNT, "external_userid": XIAOLIN}
        return int(self("kf/service_state/get", **ids)["service_state"])

    def move(self, state: int, **more: Any) -> dict[str, Any]:
        ids = {"open_kfid": DEFAULT_ACCOUNT, "external_userid": XIAOLIN}
        return self("kf/service_state/trans", **ids, service_state=state, **more)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def settings(clock: FakeClock) -> SandboxSettings:
    return SandboxSettings(
        clock=clock,
        callback_timeout_seconds=0.6,
        callback_retry_seconds=0.01,
        hang_seconds=0.2,
    )


@pytest.fixture
def platform(settings: SandboxSettings) -> Iterator[Platform]:
    platform = Platform(settings)
    yield platform
    platform.close()


@pytest.fixture
def call(platform: Platform) -> Caller:
    return Caller(platform)


@dataclass
class Running:
    """A sandbox over HTTP, its inside, and the bot that it calls back."""

    client: TestClient[web.Request, web.Application]
    platform: Platform
    bot: Bot

    async def settle(self) -> None:
        """Wait until every push has been carried."""
        app = self.client.server.app  # type: ignore[attr-defined]
        await app[SENDER].idle()

    async def token(self) -> str:
        settings = self.platform.settings
        query = {"corpid": settings.corp_id, "corpsecret": settings.secret}
        async with self.client.get("/cgi-bin/gettoken", params=query) as response:
            return str((await response.json())["access_token"])

    async def post(self, api: str, body: dict[str, Any]) -> dict[str, Any]:
        query = {"access_token": await self.token()}
        text = json.dumps(body, ensure_ascii=False)
        async with self.client.post(f"/cgi-bin/{api}", params=query, data=text) as response:
            assert response.status == 200
            answered: dict[str, Any] = await response.json()
            return answered


@pytest.fixture
async def running(settings: SandboxSettings) -> AsyncIterator[Running]:
    envelope = Envelope(settings.token, settings.encoding_aes_key, settings.corp_id)
    bot = Bot(envelope)
    bot_app = web.Application()
    bot_app.router.add_get("/wecom/callback", bot.verify)
    bot_app.router.add_post("/wecom/callback", bot.push)
    async with TestServer(bot_app) as server:
        url = str(server.make_url("/wecom/callback"))
        told = replace(settings, callback_url=url)
        platform = Platform(told)
        async with TestClient(TestServer(create_app(told, platform))) as client:
            yield Running(client, platform, bot)
