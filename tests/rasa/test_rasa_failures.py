"""What the shop notices when a real Rasa server refuses, hangs, dies or changes its model."""

from __future__ import annotations

import signal
from pathlib import Path

import aiohttp
import pytest
from rasa_rig import TOKEN, Clock, restarted

from intents import BuiltinEngine
from intents.circuit_breaker import Circuit, CircuitBreaker
from intents.errors import EngineUnavailable
from intents.rasa.server import RasaServer
from intents.rasa_client import RasaEngine

pytestmark = [pytest.mark.rasa, pytest.mark.xdist_group("rasa")]

QUESTION = "今天下单什么时候能发货"


@pytest.mark.parametrize("params", [{}, {"token": "wrong"}, {"token": ""}])
async def test_no_answer_without_the_token(
    session: aiohttp.ClientSession, server: RasaServer, params: dict[str, str]
) -> None:
    for method, path in (("POST", "/model/parse"), ("PUT", "/model"), ("GET", "/status")):
        async with session.request(
            method, f"{server.url}{path}", params=params, json={"text": QUESTION}
        ) as response:
            assert response.status == 401


def test_the_token_is_not_in_the_process_list(server: RasaServer) -> None:
    arguments = Path(f"/proc/{server.pid}/cmdline").read_bytes()
    assert b"shop_nlu" in arguments and TOKEN.encode() not in arguments


async def test_a_wrong_token_means_the_fallback_answers(
    session: aiohttp.ClientSession, server: RasaServer, builtin: BuiltinEngine, clock: Clock
) -> None:
    breaker = CircuitBreaker(clock, failures=1)
    stranger = RasaEngine(session, server.url, breaker=breaker, fallback=builtin, token="wrong")
    assert (await stranger.understand(QUESTION)).engine == "builtin"
    assert breaker.state is Circuit.OPEN


async def test_a_port_in_use_is_named(server: RasaServer) -> None:
    second = RasaServer(server.environment, server.model, TOKEN, port=server.port)
    with pytest.raises(EngineUnavailable, match=f"{server.port}.*--port"):
        second.start()


async def test_a_hanging_server_is_left_alone_until_it_is_back(
    session: aiohttp.ClientSession, server: RasaServer, builtin: BuiltinEngine, clock: Clock
) -> None:
    breaker = CircuitBreaker(clock, failures=2, rest_seconds=30)
    hasty = RasaEngine(
        session, server.url, breaker=breaker, fallback=builtin, token=TOKEN, timeout_seconds=0.3
    )
    server.send(signal.SIGSTOP)
    try:
        for _ in range(2):
            assert (await hasty.understand(QUESTION)).engine == "builtin"
        assert breaker.state is Circuit.OPEN
        calls = hasty.counts.calls
        assert (await hasty.understand(QUESTION)).intent == "ask_shipping_time"
        assert hasty.counts.calls == calls
    finally:
        server.send(signal.SIGCONT)
    await server.ready()
    patient = RasaEngine(session, server.url, breaker=breaker, fallback=builtin, token=TOKEN)
    assert (await patient.understand(QUESTION)).engine == "builtin"
    clock.now += 31
    assert breaker.state is Circuit.HALF_OPEN
    assert (await patient.understand(QUESTION)).engine == "rasa"
    assert breaker.state is Circuit.CLOSED


async def test_a_dead_server_is_found_again_after_its_restart(
    rasa: RasaEngine, server: RasaServer, clock: Clock
) -> None:
    async with restarted(server):
        server.send(signal.SIGKILL)
        server.wait()
        said = [await rasa.understand(QUESTION) for _ in range(3)]
        assert {(one.engine, one.intent) for one in said} == {("builtin", "ask_shipping_time")}
        clock.now += 31
        assert (await rasa.understand(QUESTION)).engine == "builtin"
        assert rasa.breaker.state is Circuit.OPEN
    clock.now += 31
    assert (await rasa.understand(QUESTION)).engine == "rasa"
    assert rasa.breaker.state is Circuit.CLOSED


async def test_a_model_is_swapped_and_a_broken_one_is_not(
    rasa: RasaEngine, server: RasaServer, small_model: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "nlu-broken.tar.gz"
    broken.write_bytes(server.model.read_bytes()[:50_000])
    for bad in (broken, tmp_path / "nlu-absent.tar.gz"):
        with pytest.raises(EngineUnavailable, match="没有换模型"):
            await rasa.swap(str(bad))
        assert (await rasa.understand(QUESTION)).intent == "ask_shipping_time"
    await rasa.swap(str(small_model))
    try:
        assert (await rasa.understand("谢谢亲")).intent == "thank"
        assert (await rasa.understand(QUESTION)).intent != "ask_shipping_time"
    finally:
        await rasa.swap(str(server.model))
    said = await rasa.understand(QUESTION)
    assert (said.engine, said.intent) == ("rasa", "ask_shipping_time")
    assert rasa.counts.failures == 0
