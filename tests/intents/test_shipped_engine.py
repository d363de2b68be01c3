"""What the engine as shipped must get right, whatever else changes."""

from __future__ import annotations

import pytest
from trained import model_folder

from intents import BuiltinEngine, load_or_train
from intents.taxonomy import OUT_OF_SCOPE

# Training takes a quarter of a minute: one worker does it for all of these.
pytestmark = pytest.mark.xdist_group("shipped engine")


@pytest.fixture(scope="session")
def shipped(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> BuiltinEngine:
    with model_folder(request.config, tmp_path_factory) as folder:
        return BuiltinEngine(load_or_train(folder))


@pytest.mark.parametrize("hello", ["你好，", "您好 ", "在吗，", "客服你好，", "哈喽，"])
@pytest.mark.parametrize("want", ["这件还有L码吗", "尺码怎么选", "什么时候发货"])
def test_a_greeting_before_a_clear_question_does_not_make_it_strange(
    shipped: BuiltinEngine, hello: str, want: str
) -> None:
    alone = shipped.judge(want)
    greeted = shipped.judge(hello + want)
    assert alone.intent != OUT_OF_SCOPE
    assert greeted.intent == alone.intent


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("这件还有L码吗", "ask_stock"),
        ("太贵了", "complain_price"),
        ("什么时候发货", "ask_shipping_time"),
        ("怎么还不发货啊都三天了", "urge_shipping"),
        ("能便宜点不", "bargain"),
        ("发什么快递", "ask_courier"),
        ("我要退货", "request_return"),
        ("转人工", "request_human"),
        ("别再给我发消息了", "opt_out"),
        ("TD", "opt_out"),
        ("怎么进福利群", "join_group"),
        ("几点直播呀", "ask_livestream"),
    ],
)
def test_the_plainest_messages_are_understood(
    shipped: BuiltinEngine, text: str, intent: str
) -> None:
    assert shipped.judge(text).intent == intent


@pytest.mark.parametrize(
    "text", ["你们不要再发错了", "别再给我发错颜色", "先别发货 我换个码", "别再发圆通了"]
)
def test_what_must_not_be_sent_again_is_no_opt_out(shipped: BuiltinEngine, text: str) -> None:
    assert shipped.judge(text).intent != "opt_out"


@pytest.mark.parametrize("text", ["", "   ", "😂😂", "？？？", "\x00\x01", "a" * 10_000])
def test_what_says_nothing_is_refused(shipped: BuiltinEngine, text: str) -> None:
    assert shipped.judge(text).intent == OUT_OF_SCOPE
