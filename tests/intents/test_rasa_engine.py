from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from intents.builtin.engine import BuiltinEngine
from intents.circuit_breaker import Circuit, CircuitBreaker
from intents.errors import EngineUnavailable
from intents.rasa_client import RasaEngine
from intents.taxonomy import OUT_OF_SCOPE

PRICE = {
    "intent": {"name": "ask_price", "confidence": 0.9},
    "intent_ranking": [
        {"name": "ask_price", "confidence": 0.9},
        {"name": "bargain", "confidence": 0.06},
        {"name": "out_of_scope", "confidence": 0.04},
    ],
    "entities": [{"entity": "size", "value": "XL", "start": 0, "end": 3}],
}


class Rasa:
    """A server that answers as told and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Any = PRICE
        self.status = 200
        self.hang = asyncio.Event()
        self.hang.set()
        self.asked = asyncio.Event()
        self.texts: list[str] = []
        self.queries: list[dict[str, str]] = []
        self.models: list[str] = []
        self.at_once = self.most_at_once = 0

    async def parse(self, request: web.Request) -> web.Response:
        self.queries.append(dict(request.query))
        self.texts.append((await request.json())["text"])
        self.asked.set()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        try:
            await self.hang.wait()
        finally:
            self.at_once -= 1
        if isinstance(self.answer, str):
            return web.Response(text=self.answer, status=self.status)
        return web.json_response(self.answer, status=self.status)

    async def put_model(self, request: web.Request) -> web.Response:
        self.models.append((await request.json())["model_file"])
        return web.Response(status=204 if self.status == 200 else self.status, text="no")


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def rasa() -> Rasa:
    return Rasa()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def server(rasa: Rasa) -> AsyncIterator[TestServer]:
    app = web.Application()
    app.router.add_post("/model/parse", rasa.parse)
    app.router.add_put("/model", rasa.put_model)
    async with TestServer(app) as running:
        yield running
        rasa.hang.set()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def client(
    server: TestServer, session: aiohttp.ClientSession, engine: BuiltinEngine, time: Time
) -> RasaEngine:
    return RasaEngine(
        session,
        str(server.make_url("/")),
        breaker=CircuitBreaker(time, failures=3, rest_seconds=30),
        fallback=engine,
        token="secret",
        timeout_seconds=0.2,
        concurrency=2,
    )


async def test_a_parse_becomes_an_understanding(client: RasaEngine, rasa: Rasa) -> None:
    understood = await client.understand("加大碼多少錢")
    assert (understood.intent, understood.engine) == ("ask_price", "rasa")
    assert [one.intent for one in understood.ranking] == ["ask_price", "bargain"]
    (entity,) = understood.entities
    assert (entity.value, entity.text) == ("XL", "加大碼")
    assert rasa.texts == ["加大码多少钱"]
    assert rasa.queries == [{"token": "secret"}]
    assert (client.counts.calls, client.counts.failures, client.counts.fallbacks) == (1, 0, 0)


@pytest.mark.parametrize(
    "answer",
    [
        PRICE | {"intent": {"name": "nlu_fallback", "confidence": 0.7}},
        {
            "intent": {"name": "out_of_scope", "confidence": 0.8},
            "intent_ranking": [
                {"name": "out_of_scope", "confidence": 0.8},
                {"name": "ask_price", "confidence": 0.2},
            ],
        },
        {"intent": {"name": "ask_price", "confidence": 0.1}, "entities": []},
    ],
)
async def test_a_refusal_is_a_refusal(client: RasaEngine, rasa: Rasa, answer: Any) -> None:
    rasa.answer = answer
    understood = await client.understand("今天天气怎么样")
    assert understood.intent == OUT_OF_SCOPE
    assert understood.ranking[0].intent == "ask_price"
    assert understood.engine == "rasa"


@pytest.mark.parametrize(
    "nonsense",
    [
        "<html>",
        "",
        [],
        {},
        {"intent": None},
        {"intent": {"name": "ask_price"}},
        {"intent": {"name": None, "confidence": 0.9}},
        {"intent": {"name": "ask_price", "confidence": "much"}},
        {"intent": {"name": "ask_price", "confidence": 7}},
        {"intent": {"name": "unheard_of", "confidence": 0.9}},
        PRICE | {"intent_ranking": "none"},
        PRICE | {"intent_ranking": [3]},
    ],
)
async def test_nonsense_is_answered_by_the_fallback(
    client: RasaEngine, rasa: Rasa, nonsense: Any
) -> None:
    rasa.answer = nonsense
    understood = await client.understand("这个多少钱")
    assert (understood.intent, understood.engine) == ("ask_price", "builtin")
    assert (client.counts.failures, client.counts.fallbacks) == (1, 1)


async def test_odd_entities_are_left_out(client: RasaEngine, rasa: Rasa) -> None:
    rasa.answer = PRICE | {
        "entities": [3, {"entity": "size"}, {"entity": "size", "value": 1, "start": 9, "end": 99}]
    }
    assert (await client.understand("多少钱")).entities == ()


@pytest.mark.parametrize("status", [401, 409, 500])
async def test_an_error_status_is_a_failure(client: RasaEngine, rasa: Rasa, status: int) -> None:
    rasa.status = status
    assert (await client.understand("这个多少钱")).engine == "builtin"
    assert client.counts.failures == 1


async def test_a_hanging_server_opens_the_circuit_and_a_probe_closes_it(
    client: RasaEngine, rasa: Rasa, time: Time
) -> None:
    rasa.hang.clear()
    for _ in range(3):
        assert (await client.understand("这个多少钱")).engine == "builtin"
    assert client.breaker.state is Circuit.OPEN
    await client.understand("这个多少钱")
    assert client.counts.calls == 3
    rasa.hang.set()
    time.now = 30
    assert (await client.understand("这个多少钱")).engine == "rasa"
    assert client.breaker.state is Circuit.CLOSED
    assert client.counts.fallbacks == 4


async def test_a_dead_server_is_answered_by_the_fallback(
    client: RasaEngine, server: TestServer
) -> None:
    await server.close()
    assert (await client.understand("这个多少钱")).engine == "builtin"


async def test_without_a_fallback_the_caller_is_told(
    server: TestServer, session: aiohttp.ClientSession, rasa: Rasa, time: Time
) -> None:
    rasa.status = 500
    alone = RasaEngine(session, str(server.make_url("")), breaker=CircuitBreaker(time))
    with pytest.raises(EngineUnavailable):
        await alone.understand("这个多少钱")


async def test_requests_are_bounded(client: RasaEngine, rasa: Rasa) -> None:
    answers = await asyncio.gather(*(client.understand(f"多少钱 {i}件") for i in range(8)))
    assert {one.engine for one in answers} == {"rasa"}
    assert rasa.most_at_once <= 2


async def test_what_is_not_talk_is_not_sent(client: RasaEngine, rasa: Rasa) -> None:
    assert (await client.understand("😂😂")).intent == OUT_OF_SCOPE
    assert (await client.understand("where is it")).intent == OUT_OF_SCOPE
    assert rasa.texts == []


async def test_a_burst_is_asked_line_by_line_and_joined(client: RasaEngine, rasa: Rasa) -> None:
    understood = await client.understand_burst(["加大码", "多少钱"])
    assert understood.intent == "ask_price"
    assert sorted(rasa.texts) == sorted(["加大码 多少钱", "加大码", "多少钱"])


async def test_a_cancelled_call_says_nothing_about_the_server(
    client: RasaEngine, rasa: Rasa
) -> None:
    rasa.hang.clear()
    asking = asyncio.create_task(client.understand("这个多少钱"))
    await rasa.asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert client.counts.failures == 0


async def test_a_model_is_swapped(client: RasaEngine, rasa: Rasa) -> None:
    await client.swap("models/new.tar.gz")
    assert rasa.models == ["models/new.tar.gz"]
    rasa.status = 400
    with pytest.raises(EngineUnavailable, match="HTTP 400"):
        await client.swap("models/broken.tar.gz")
