"""What a real Rasa server, trained on our data, says about real kinds of messages."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from rasa_rig import TOKEN

from intents import OUT_OF_SCOPE, BuiltinEngine, load_taxonomy
from intents.metrics import percentile
from intents.rasa.server import RasaServer
from intents.rasa_client import RasaEngine

pytestmark = [pytest.mark.rasa, pytest.mark.xdist_group("rasa")]

PLAIN = {
    "ask_price": "这个多少钱呀",
    "ask_shipping_time": "今天下单什么时候能发货",
    "ask_courier": "能不能走顺丰 我补差价",
    "request_return": "我要退货退款",
    "ask_stock": "这个还有货吗",
    "ask_coupon": "优惠券怎么用不了",
    "join_group": "怎么进福利群",
    "opt_out": "别再给我发消息了 退订",
    "ask_livestream": "今晚几点直播",
    "thank": "谢谢亲",
}
MIXED = (
    *PLAIN.values(),
    "你好 这个加大码多少钱 后天能到吗",
    "到了2天了不送",
    "咋个反？",
    "给双十一价吧",
    "我的电话13800138000",
    "黑色的要两件，能便宜点不",
    "坏了[发怒]",
    "今天天气真好啊",
    "你们公司股票代码多少",
    "XXL的有吗？要顺豐",
    "ok",
    "13800138000",
    "12",
    "嗯嗯好的",
    "！！！",
)
ODD = ("", " ", "\n\t", "😂😂😂", "[捂脸][捂脸]", "\x00\x01\u200b", "?" * 50, "发货" * 5_000)


async def test_plain_messages_are_understood(rasa: RasaEngine) -> None:
    said = {intent: await rasa.understand(text) for intent, text in PLAIN.items()}
    assert {intent: one.intent for intent, one in said.items()} == {one: one for one in PLAIN}
    assert {one.engine for one in said.values()} == {"rasa"}
    assert rasa.counts.failures == rasa.counts.fallbacks == 0


async def test_the_ranking_keeps_to_the_taxonomy(
    session: aiohttp.ClientSession, server: RasaServer
) -> None:
    known = {*load_taxonomy().names, OUT_OF_SCOPE}
    async with session.post(
        f"{server.url}/model/parse", params={"token": TOKEN}, json={"text": "这个多少钱"}
    ) as response:
        answer = await response.json()
    named = [one["name"] for one in answer["intent_ranking"]]
    assert set(named) <= known and len(named) == len(set(named)) > 3
    confidences = [one["confidence"] for one in answer["intent_ranking"]]
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 <= one <= 1 for one in (*confidences, answer["stranger"]))


async def test_rasa_and_the_builtin_engine_agree(rasa: RasaEngine, builtin: BuiltinEngine) -> None:
    now = datetime(2026, 11, 21, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
    for text in MIXED:
        ours, theirs = builtin.judge(text, now), await rasa.understand(text, now=now)
        assert theirs.intent == ours.intent, text
        assert theirs.confidence == pytest.approx(ours.confidence, abs=0.02), text
        assert theirs.stranger == pytest.approx(ours.stranger, abs=0.02), text
        assert [one.intent for one in theirs.wants] == [one.intent for one in ours.wants], text
        assert theirs.entities == ours.entities, text


@pytest.mark.parametrize(
    "variants",
    [
        ("什么时候发货？", "什麼時候發貨?", "什么时候发货 ?", "什么时候发货？？？？？"),
        ("能发ems吗", "能发ＥＭＳ吗", "能发EMS吗"),
        ("多少钱😄", "多少钱[微笑]"),
    ],
)
async def test_one_meaning_in_many_spellings(rasa: RasaEngine, variants: tuple[str, ...]) -> None:
    said = [await rasa.understand(text) for text in variants]
    assert len({one.intent for one in said}) == 1
    assert len({round(one.confidence, 4) for one in said}) == 1
    assert [one.text for one in said] == list(variants)


async def test_entities_come_in_the_customers_own_coordinates(rasa: RasaEngine) -> None:
    text = "😄😄 我要ＸＸＬ的 两件，后天下午能到吗"
    now = datetime(2026, 11, 21, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
    found = {one.name: one for one in (await rasa.understand(text, now=now)).entities}
    assert found["size"].value == "2XL" and found["size"].text == "ＸＸＬ"
    assert found["quantity"].value == "2"
    assert found["time"].value.startswith("2026-11-23")
    assert all(text[one.start : one.end] == one.text for one in found.values())


@pytest.mark.parametrize("text", ODD)
async def test_odd_messages_get_a_verdict(rasa: RasaEngine, text: str) -> None:
    said = await rasa.understand(text)
    assert said.text == text
    assert rasa.counts.failures == 0


async def test_strangers_are_refused(rasa: RasaEngine) -> None:
    said = await rasa.understand("今天天气真好啊 外面下雨了吗")
    assert said.intent == OUT_OF_SCOPE and said.wants == () and said.ranking


async def test_many_at_once(rasa: RasaEngine) -> None:
    said = await asyncio.gather(*(rasa.understand(text) for text in (*PLAIN.values(),) * 8))
    assert {one.engine for one in said} == {"rasa"} and len(said) == 80


async def test_how_long_one_answer_takes(
    rasa: RasaEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    took = []
    for text in (*MIXED,) * 8:
        start = time.perf_counter()
        await rasa.understand(text)
        took.append((time.perf_counter() - start) * 1000)
    p50, p99 = percentile(took, 50), percentile(took, 99)
    with capsys.disabled():
        print(f"\nRasa over HTTP: p50 {p50:.1f} ms, p99 {p99:.1f} ms, n {len(took)}")  # noqa: T201
    assert p50 < 1000 and rasa.counts.fallbacks == 0
