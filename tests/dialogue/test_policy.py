"""When a reply goes by itself: a table of cases, each one step from being allowed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from corp import START
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogue.policy import Case, Policy
from bot.settings import DialogueSettings
from intents import OUT_OF_SCOPE, Ranked, Understanding
from scripts_library.sensitive import SensitiveWords

WORDS = SensitiveWords.load()
OPEN = {"auto_send": True, "auto_intents": ["greet", "ask_price", "complain"]}


def understanding(intent: str = "greet", **more: Any) -> Understanding:
    given = {"text": "在吗", "confidence": 0.95, "ranking": ()} | more
    return Understanding(intent=intent, **given)


def case(**more: Any) -> Case:
    given: dict[str, Any] = {
        "understanding": understanding(),
        "choice": {"text": "在的，请问想看什么？", "auto": True},
        "said_at": START,
        "now": START,
        "held": False,
        "opted_out": False,
    }
    return Case(**given | more)


def policy(**settings: Any) -> Policy:
    return Policy(DialogueSettings.model_validate(OPEN | settings), WORDS)


def test_everything_in_order_sends() -> None:
    decision = policy().decide(case())
    assert (decision.send, decision.hold) == (True, None)


ALSO = {"wants": (Ranked("greet", 0.9), Ranked("ask_refund", 0.6))}
OBSTACLES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "switched off": ({"auto_send": False}, {}, "等待导购确认"),
    "held": ({}, {"held": True}, "人工"),
    "opted out": ({}, {"opted_out": True}, "退订"),
    "stale": ({}, {"now": START + timedelta(minutes=15, seconds=1)}, "15 分钟"),
    "out of scope": ({}, {"understanding": understanding(OUT_OF_SCOPE)}, "名单"),
    "not on the list": ({}, {"understanding": understanding("ask_stock")}, "名单"),
    "an empty list": ({"auto_intents": []}, {}, "名单"),
    "unsure": ({}, {"understanding": understanding(confidence=0.89)}, "89%"),
    "no choice": ({}, {"choice": None}, "没有允许"),
    "choice not automatic": ({}, {"choice": {"text": "在的", "auto": False}}, "没有允许"),
    "choice from an older version": ({}, {"choice": {"text": "在的"}}, "没有允许"),
    "wants more": ({}, {"understanding": understanding(**ALSO)}, "同时"),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_each_obstacle_stops_by_itself_and_says_so(name: str) -> None:
    settings, facts, words = OBSTACLES[name]
    decision = policy(**settings).decide(case(**facts))
    assert not decision.send
    assert decision.hold is None
    assert words in decision.reason


@pytest.mark.parametrize("minutes", [-60, 0, 15])
def test_fresh_enough(minutes: int) -> None:
    assert policy().decide(case(now=START + timedelta(minutes=minutes))).send


@pytest.mark.parametrize("intent", ["request_human", "complain"])
@pytest.mark.parametrize("auto_send", [True, False])
def test_who_wants_a_person_is_held_even_if_the_list_allows_it(
    intent: str, auto_send: bool
) -> None:
    decision = policy(auto_send=auto_send).decide(case(understanding=understanding(intent)))
    assert not decision.send
    assert decision.hold


def test_a_wish_for_a_person_beside_another_intent_counts() -> None:
    both = understanding(wants=(Ranked("greet", 0.9), Ranked("request_human", 0.5)))
    decision = policy().decide(case(understanding=both))
    assert decision.hold == "客户要求转人工"


def test_a_shops_own_human_intents() -> None:
    strict = policy(human_intents=["greet"])
    assert "greet" in (strict.decide(case()).hold or "")
    assert (
        policy(human_intents=["greet"]).decide(case(understanding=understanding("complain"))).send
    )


def test_a_sensitive_word_of_the_customer_waits() -> None:
    said = understanding(text="在吗 我要投诉")
    decision = policy().decide(case(understanding=said))
    assert (decision.send, decision.reason) == (False, "客户消息含敏感词")


def test_a_sensitive_word_of_ours_waits() -> None:
    decision = policy().decide(case(choice={"text": "我们全网最低", "auto": True}))
    assert (decision.send, decision.reason) == (False, "回复含敏感词")


@given(
    st.builds(
        case,
        understanding=st.builds(
            understanding,
            st.sampled_from(["greet", "ask_price", "complain", "request_human", "ask_stock"]),
            confidence=st.floats(0, 1),
            wants=st.lists(
                st.builds(Ranked, st.sampled_from(["greet", "complain"]), st.just(0.5))
            ).map(tuple),
        ),
        choice=st.none() | st.builds(lambda auto: {"text": "在的", "auto": auto}, st.booleans()),
        held=st.booleans(),
        opted_out=st.booleans(),
        now=st.integers(0, 60).map(lambda minutes: START + timedelta(minutes=minutes)),
    ),
    st.booleans(),
)
def test_nothing_is_ever_sent_that_any_rule_forbids(facts: Case, auto_send: bool) -> None:
    decision = policy(auto_send=auto_send).decide(facts)
    said = facts.understanding
    wanted = {said.intent, *(want.intent for want in said.wants)}
    if decision.send:
        assert auto_send
        assert facts.choice is not None
        assert facts.choice["auto"]
        assert not facts.held
        assert not facts.opted_out
        assert said.confidence >= 0.9
        assert wanted <= {"greet", "ask_price"}
        assert facts.now - facts.said_at <= timedelta(minutes=15)
    assert bool(decision.hold) == bool(wanted & {"request_human", "complain"})
    assert decision.reason


def test_the_shipped_default_sends_nothing() -> None:
    assert not Policy(DialogueSettings(), WORDS).decide(case()).send
    assert isinstance(START, datetime)
