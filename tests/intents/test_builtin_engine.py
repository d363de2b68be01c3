from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intents.builtin.engine import BuiltinEngine
from intents.builtin.model import BuiltinModel
from intents.builtin.training import train
from intents.taxonomy import OUT_OF_SCOPE
from intents.training_data import TrainingData


async def test_understands_what_it_was_taught(engine: BuiltinEngine) -> None:
    understood = await engine.understand("这个多少钱呀亲")
    assert understood.intent == "ask_price"
    assert understood.ranking[0].intent == "ask_price"
    assert understood.engine == "builtin"
    assert sum(one.confidence for one in understood.ranking) <= 1.0001
    assert understood.as_dict()["ranking"][0]["intent"] == "ask_price"


async def test_traditional_and_wide_letters_change_nothing(engine: BuiltinEngine) -> None:
    plain = await engine.understand("这件还有XL码吗")
    typed = await engine.understand("這件還有ＸＬ碼嗎")
    assert plain.ranking == typed.ranking


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("", OUT_OF_SCOPE),
        ("   \n", OUT_OF_SCOPE),
        ("😂😂😂", OUT_OF_SCOPE),
        ("[捂脸][捂脸]", OUT_OF_SCOPE),
        ("？？？", OUT_OF_SCOPE),
        ("\x00\x01\x02", OUT_OF_SCOPE),
        ("where is my parcel", OUT_OF_SCOPE),
        ("Привет как дела", OUT_OF_SCOPE),
        ("3", OUT_OF_SCOPE),
        ("13800138000", "provide_info"),
        ("SF1234567890123", "provide_info"),
        ("ok", "affirm"),
        ("OK👌", "affirm"),
        ("[OK]", "affirm"),
        ("👌🏻👌🏻", "affirm"),
        ("👍", OUT_OF_SCOPE),
        ("Hello!", "greet"),
        ("thank you", "thank"),
    ],
)
async def test_what_is_not_chinese_talk(engine: BuiltinEngine, text: str, intent: str) -> None:
    understood = await engine.understand(text)
    assert understood.intent == intent
    assert understood.text == text


async def test_ten_thousand_characters_are_harmless(engine: BuiltinEngine) -> None:
    understood = await engine.understand("多少钱" * 3400)
    assert understood.ranking
    assert len(understood.text) == 10_200


@given(st.text(max_size=200))
@settings(max_examples=150)
def test_no_text_is_too_odd(model: BuiltinModel, text: str) -> None:
    understood = BuiltinEngine(model).judge(text)
    assert understood.text == text
    assert 0.0 <= understood.confidence <= 1.0
    for entity in understood.entities:
        assert text[entity.start : entity.end] == entity.text


async def test_substance_leads_a_burst(engine: BuiltinEngine) -> None:
    understood = await engine.understand_burst(["你好", "在吗", "什么时候发货", "谢谢亲"])
    assert understood.intent == "ask_shipping_time"
    assert [want.intent for want in understood.wants] == ["ask_shipping_time"]
    assert understood.text == "你好\n在吗\n什么时候发货\n谢谢亲"


async def test_a_burst_keeps_several_wants(engine: BuiltinEngine) -> None:
    understood = await engine.understand_burst(["这个多少钱", "什么时候发货"])
    assert {want.intent for want in understood.wants} == {"ask_price", "ask_shipping_time"}
    assert understood.wants[0].intent == understood.intent


async def test_wants_inside_one_message(engine: BuiltinEngine) -> None:
    understood = await engine.understand("这个多少钱，什么时候发货")
    assert {want.intent for want in understood.wants} == {"ask_price", "ask_shipping_time"}


async def test_a_polite_burst_stays_polite(engine: BuiltinEngine) -> None:
    assert (await engine.understand_burst(["你好", "在吗"])).intent == "greet"


@pytest.mark.parametrize("lines", [[], [""], ["", "  "], ["😂", "[捂脸]"]])
async def test_empty_bursts_are_refused(engine: BuiltinEngine, lines: list[str]) -> None:
    assert (await engine.understand_burst(lines)).intent == OUT_OF_SCOPE


async def test_a_new_model_answers_from_the_next_message_on(
    engine: BuiltinEngine, shop_data: TrainingData
) -> None:
    taught = train(shop_data, data_hash="other")
    engine.swap(taught)
    assert (await engine.understand("太贵了")).intent == "complain_price"


def test_serving_needs_numpy_alone() -> None:
    check = (
        "import sys, intents, intents.evaluation, intents.rasa_client; "
        "sys.exit(any(name in sys.modules for name in ('sklearn', 'scipy', 'bot')))"
    )
    done = subprocess.run([sys.executable, "-c", check], check=False)
    assert done.returncode == 0
