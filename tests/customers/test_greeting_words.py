"""Which words greet whom: the channel's, a segment's, the shop's own."""

from __future__ import annotations

from typing import Any

import pytest
from corp import START
from hypothesis import given
from hypothesis import strategies as st

from bot.customers.greeting_case import Case, Wording
from bot.customers.greeting_content import GreetingContent, check_variables, render
from bot.customers.segment_facts import Facts
from bot.errors import GiveUp, SettingsError
from bot.settings import GreetingSettings, load_settings
from bot.store.channel_tables import Channel, Greeting
from bot.store.tables import Customer

OLD = {"name": "老客", "tags": ["会员"], "text": "会员专属欢迎"}
TANGS = {"name": "糖糖的", "guides": ["tang"], "text": "糖糖的欢迎", "stages": ["icebreak"]}


def case(
    *,
    greeting: dict[str, Any] | None = None,
    tags: list[str] | None = None,
    stage: str = "icebreak",
    guide: str = "qing",
    channel_tags: list[str] | None = None,
    others: tuple[str, ...] = (),
    returning: bool = False,
) -> Case:
    channel = None
    if greeting is not None:
        channel = Channel(greeting=greeting, tags=channel_tags or [])
    customer = Customer(external_userid="wm_a", tags=tags or [], stage=stage)
    row = Greeting(userid=guide, external_userid="wm_a", added_at=START)
    facts = Facts(stage=stage, tags=frozenset([*(tags or []), *(channel_tags or [])]))
    return Case(row, channel, customer, others, returning, False, facts)


@pytest.mark.parametrize(
    ("given_case", "text"),
    [
        (case(), "店里的欢迎"),
        (case(greeting={"text": "海报的欢迎"}, tags=["会员"]), "海报的欢迎"),
        (case(greeting={}, tags=["会员"]), "会员专属欢迎"),
        (case(greeting={}, channel_tags=["会员"]), "会员专属欢迎"),
        (case(guide="tang"), "糖糖的欢迎"),
        (case(guide="tang", stage="won"), "店里的欢迎"),
        (case(returning=True), "回来啦\n店里的欢迎"),
        (case(others=("tang",), returning=True), "同事认识你\n店里的欢迎"),
        (case(greeting={"text": "海报", "returning_text": "又来啦"}, returning=True), "又来啦"),
        (case(greeting={"text": "海报"}, returning=True), "回来啦\n海报"),
        (case(greeting={"text": "海报", "shared_text": "见过"}, others=("tang",)), "见过"),
    ],
)
def test_the_nearest_words_win(given_case: Case, text: str) -> None:
    settings = GreetingSettings.model_validate(
        {
            "default_text": "店里的欢迎",
            "returning_lead": "回来啦",
            "shared_lead": "同事认识你",
            "segments": [OLD, TANGS],
        }
    )
    assert Wording(settings).of(given_case, now=START).text == text


def test_a_channel_with_only_a_picture_keeps_the_shops_words() -> None:
    words = Wording(GreetingSettings(default_text="店里的欢迎")).of(
        case(greeting={"attachments": [{"image": "a.png"}]}), now=START
    )
    assert (words.text, words.attachments) == ("店里的欢迎", [{"image": "a.png"}])


def test_without_a_lead_nothing_is_put_before() -> None:
    settings = GreetingSettings(default_text="欢迎", returning_lead="")
    assert Wording(settings).of(case(returning=True), now=START).text == "欢迎"


def test_variables_are_filled_and_never_invented() -> None:
    values = {"customer_name": "{guide_name}", "guide_name": "青青"}
    assert render("{customer_name}，我是{guide_name}", values) == "{guide_name}，我是青青"
    with pytest.raises(GiveUp, match="shop_name"):
        render("这里是{shop_name}", {"shop_name": ""})
    check_variables("{customer_name}", values)
    with pytest.raises(ValueError, match="vip"):
        check_variables("{vip}", values)


@given(st.text(), st.dictionaries(st.sampled_from(["a", "b"]), st.text(min_size=1)))
def test_rendering_says_all_or_stops(text: str, values: dict[str, str]) -> None:
    try:
        said = render(text, values)
    except GiveUp:
        return
    if "{" not in text:
        assert said == text


def test_wecoms_own_form_of_an_attachment_is_kept() -> None:
    raw = {"msgtype": "link", "link": {"title": "t", "url": "u"}}
    assert GreetingContent(text="欢迎", attachments=[raw]).attachments == [raw]


def test_segments_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "BOT_GREETINGS__SEGMENTS", '[{"name": "老客", "text": "欢迎", "tags": "a,b"}]'
    )
    [segment] = load_settings().greetings.segments
    assert segment.tags == ["a", "b"]
    monkeypatch.setenv("BOT_GREETINGS__SEGMENTS", "[{")
    with pytest.raises(SettingsError, match="greetings"):
        load_settings()
