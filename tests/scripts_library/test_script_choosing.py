from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts_library import (
    OUT_OF_SCOPE,
    Choice,
    ChoosingRules,
    Occasion,
    Script,
    ScriptIndex,
    ScriptStats,
    Situation,
    choose,
    obstacles,
    script_from_dict,
)

MakeScript = Callable[..., Script]
MakeSituation = Callable[..., Situation]
RULES = ChoosingRules(intent_labels={"complain_price": "嫌贵", "ask_size": "问尺码"})


def ids(choices: list[Choice]) -> list[str]:
    return [choice.script_id for choice in choices]


def test_a_choice_is_rendered_and_explained(
    make_script: MakeScript, make_situation: MakeSituation
) -> None:
    script = make_script(
        "value", "{customer_name|亲}，摸摸面料", intents=["complain_price"], stages=["objection"]
    )
    situation = make_situation(confidence=0.93, stage="objection")
    [choice] = choose([script], situation, rules=RULES)
    assert choice.text == "亲，摸摸面料"
    assert choice.reasons == ("意图匹配：嫌贵 (0.93)", "阶段匹配：异议处理")
    assert 0.93 < choice.score <= 1
    assert (choice.version, choice.intent, choice.title) == (1, "complain_price", "标题")


def test_exact_stage_beats_any_beats_neighbour(
    make_script: MakeScript, make_situation: MakeSituation
) -> None:
    scripts = [
        make_script("a.near", intents="complain_price", stages=["closing"]),
        make_script("b.any", intents="complain_price"),
        make_script("c.exact", intents="complain_price", stages=["objection"]),
        make_script("d.far", intents="complain_price", stages=["repurchase"]),
    ]
    choices = choose(scripts, make_situation(stage="objection"), limit=9)
    assert ids(choices) == ["c.exact", "b.any", "a.near"]
    assert "相邻阶段：促单" in choices[2].reasons


def test_a_far_stage_is_better_than_no_answer_but_never_automatic(
    make_script: MakeScript, make_situation: MakeSituation
) -> None:
    far = make_script("far", intents="complain_price", stages=["objection"], auto=True)
    [choice] = choose([far], make_situation(stage="icebreak"))
    assert not choice.auto
    assert any(reason.startswith("阶段不同") for reason in choice.reasons)


@pytest.mark.parametrize(
    ("now", "sent"),
    [
        (datetime(2026, 10, 31, 15, 59, tzinfo=UTC), False),
        (datetime(2026, 10, 31, 16, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 12, 15, 59, tzinfo=UTC), True),
        (datetime(2026, 11, 12, 16, 0, tzinfo=UTC), False),
    ],
)
def test_validity_is_in_shop_time(
    make_script: MakeScript, make_situation: MakeSituation, now: datetime, sent: bool
) -> None:
    valid = {"from": "2026-11-01", "until": "2026-11-12"}
    script = make_script("sale", intents="complain_price", valid=valid)
    situation = make_situation(now=now)
    assert bool(choose([script], situation)) is sent
    assert bool(obstacles(script, situation)) is not sent


def test_a_missing_variable_keeps_a_script_out(
    make_script: MakeScript, make_situation: MakeSituation
) -> None:
    script = make_script("shop", "{address}", intents="complain_price")
    assert choose([script], make_situation()) == []
    assert obstacles(script, make_situation()) == ("缺少变量：address",)
    [choice] = choose([script], make_situation(variables={"address": "中山路 1 号"}))
    assert choice.text == "中山路 1 号"


def test_what_was_not_understood_is_only_asked_about(
    make_script: MakeScript, make_situation: MakeSituation
) -> None:
    scripts = [
        make_script("topical", intents="complain_price"),
        make_script("clarify"),
        make_script("picture", occasion="image"),
        make_script("hello", occasion="opener"),
    ]
    situation = make_situation(OUT_OF_SCOPE, 0.2, ranking=[("complain_price", 0.2)])
    assert ids(choose(scripts, situation)) == ["clarify"]
    assert choose(scripts[:1], situation) == []


def test_an_intent_without_scripts_falls_back(
    make_script: MakeScript, make_situation: MakeSituation
) -> None:
    [choice] = choose([make_script("clarify")], make_situation("ask_size"))
    assert choice.script_id == "clarify"
    assert "没有对应的话术" in choice.reasons[0]


def test_confident_answers_are_not_mixed_with_questions(
    make_script: MakeScript, make_situation: MakeSituation
) -> None:
    scripts = [make_script("clarify"), make_script("topical", intents="complain_price")]
    assert ids(choose(scripts, make_situation(confidence=0.9))) == ["topical"]
    assert ids(choose(scripts, make_situation(confidence=0.4))) == ["topical", "clarify"]


def test_further_intents_come_after_and_never_automatic(
    make_script: MakeScript, make_situation: MakeSituation
) -> None:
    scripts = [
        make_script("price", intents="complain_price", auto=True),
        make_script("size", intents="ask_size", auto=True),
    ]
    ranking = [("complain_price", 0.6), ("ask_size", 0.3)]
    choices = choose(scripts, make_situation(confidence=0.6, ranking=ranking), rules=RULES)
    assert ids(choices) == ["price", "size"]
    assert [choice.auto for choice in choices] == [True, False]
    assert choices[1].reasons[0] == "也可能是：问尺码 (0.30)"


def test_a_second_want_gets_a_seat(make_script: MakeScript, make_situation: MakeSituation) -> None:
    scripts = [make_script(f"price.{n}", intents="complain_price") for n in range(5)]
    scripts.append(make_script("size", intents="ask_size"))
    wants = [("complain_price", 0.8), ("ask_size", 0.6)]
    choices = choose(scripts, make_situation(confidence=0.8, wants=wants), rules=RULES)
    assert ids(choices) == ["price.0", "size", "price.1"]
    assert choices[1].reasons[0] == "同时在问：问尺码 (0.60)"


def test_tags_prefer_the_fitting_script(
    make_script: MakeScript, make_situation: MakeSituation
) -> None:
    scripts = [
        make_script("a.knit", intents="complain_price", tags={"product": "针织衫"}),
        make_script("b.plain", intents="complain_price"),
        make_script("c.down", intents="complain_price", tags={"product": "羽绒服"}),
        make_script(
            "d.down.old",
            intents="complain_price",
            tags={"product": "羽绒服", "customer": "老客", "channel": "门店"},
        ),
    ]
    situation = make_situation(
        entities=[("product", "白鹅绒羽绒服")], customer_tags={"老客"}, channel="门店"
    )
    choices = choose(scripts, situation, limit=4)
    assert ids(choices) == ["d.down.old", "c.down", "b.plain", "a.knit"]
    assert {"商品匹配：羽绒服", "客户标签匹配：老客", "渠道匹配：门店"} <= set(choices[0].reasons)
    assert ids(choose(scripts, make_situation(), limit=1)) == ["b.plain"]


def test_the_tone_a_shop_prefers_wins_a_tie(
    make_script: MakeScript, make_situation: MakeSituation
) -> None:
    scripts = [
        make_script("a", intents="complain_price", tags={"tone": "活泼"}),
        make_script("b", intents="complain_price", tags={"tone": "专业"}),
    ]
    assert ids(choose(scripts, make_situation(tone="专业"))) == ["b", "a"]


def test_what_was_sent_lately_steps_back_and_recovers(
    make_script: MakeScript, make_situation: MakeSituation
) -> None:
    scripts = [make_script(name, intents="complain_price") for name in ("a", "b")]

    def score_after(days: float) -> float:
        sent = datetime(2026, 11, 5, 4, 0, tzinfo=UTC) - timedelta(days=days)
        choices = choose(scripts, make_situation(recently_sent={"a": sent}))
        return next(choice.score for choice in choices if choice.script_id == "a")

    scores = [score_after(days) for days in (0, 1, 6, 20, 31)]
    assert scores == sorted(scores)
    assert scores[-1] == choose(scripts, make_situation())[0].score
    sent = {"a": datetime(2026, 10, 31, tzinfo=UTC)}
    last = choose(scripts, make_situation(recently_sent=sent))[-1]
    assert (last.script_id, last.reasons[-1]) == ("a", "近 7 天发过，降权")


def test_past_results_and_operator_weight_count(
    make_script: MakeScript, make_situation: MakeSituation
) -> None:
    scripts = [make_script(name, intents="complain_price") for name in ("a", "b")]
    stats = {"a": ScriptStats(sent=2, rejected=18), "b": ScriptStats(13, 10, 5, 1, 8)}
    choices = choose(scripts, make_situation(), stats=stats)
    assert ids(choices) == ["b", "a"]
    assert "历史采纳率 62%（21 次），客户回复率 77%" in choices[0].reasons
    heavy = [
        make_script("a", intents="complain_price"),
        make_script("b", intents="complain_price", weight=3),
    ]
    best = choose(heavy, make_situation())[0]
    assert (best.script_id, best.reasons[-1]) == ("b", "运营加权 ×3")


def test_a_new_script_gets_a_small_chance(
    make_script: MakeScript, make_situation: MakeSituation
) -> None:
    scripts = [make_script(name, intents="complain_price") for name in ("a", "b")]
    average = ScriptStats(sent=10, replied=3, advanced=0)
    best = choose(scripts, make_situation(), stats={"a": average})[0]
    assert best.script_id == "b"
    assert any(reason.startswith("新话术") for reason in best.reasons)
    assert not any("新话术" in r for c in choose(scripts, make_situation()) for r in c.reasons)


def test_other_occasions_have_their_own_scripts(
    make_script: MakeScript, make_situation: MakeSituation
) -> None:
    scripts = [
        make_script("media", occasion="media"),
        make_script("image", occasion="image"),
        make_script("voice", occasion="voice"),
        make_script("back", occasion="win_back"),
    ]
    image = make_situation(OUT_OF_SCOPE, 0.0, occasion=Occasion.IMAGE)
    assert ids(choose(scripts, image)) == ["image", "media"]
    [choice] = choose(scripts, make_situation(OUT_OF_SCOPE, 0.0, occasion=Occasion.WIN_BACK))
    assert choice.reasons[0] == "场合匹配：唤回老客"


def test_equal_renderings_are_proposed_once(
    make_script: MakeScript, make_situation: MakeSituation
) -> None:
    scripts = [
        make_script("a", "{customer_name|亲}好", intents="complain_price"),
        make_script("b", "亲好", intents="complain_price"),
        make_script("c", "别的", intents="complain_price"),
    ]
    assert ids(choose(scripts, make_situation(), limit=2)) == ["a", "c"]


def test_naive_times_are_refused(make_situation: MakeSituation) -> None:
    with pytest.raises(ValueError, match="aware"):
        make_situation(now=datetime(2026, 11, 5))  # noqa: DTZ001


INTENTS = st.sampled_from(["i1", "i2", "i3"])
STAGES = st.sampled_from(["icebreak", "objection", "won", "dormant"])
DAYS = st.dates(datetime(2026, 10, 1).date(), datetime(2026, 12, 1).date())  # noqa: DTZ001


@st.composite
def libraries(draw: st.DrawFn) -> list[Script]:
    scripts = []
    for number in range(draw(st.integers(0, 12))):
        start, end = sorted((draw(DAYS), draw(DAYS)))
        text = draw(st.sampled_from(["好{a}", "好{a|是}", "好{b}", "好"]))
        entry = {
            "id": f"s{number}",
            "title": "题",
            "parts": [{"text": f"{number}{text}"}],
            "intents": draw(st.lists(INTENTS, max_size=2, unique=True)),
            "stages": draw(st.lists(STAGES, max_size=2, unique=True)),
            "valid": draw(st.sampled_from([{}, {"from": str(start), "until": str(end)}])),
            "tags": {"product": draw(st.sampled_from([[], ["羽绒服"]]))},
            "weight": draw(st.floats(0.1, 5)),
        }
        scripts.append(script_from_dict(entry))
    return scripts


@given(
    libraries(),
    st.sampled_from(["i1", "i2", OUT_OF_SCOPE]),
    st.floats(0, 1),
    STAGES,
    st.datetimes(datetime(2026, 10, 1), datetime(2026, 12, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from([{}, {"a": "值"}, {"a": "值", "b": "值"}]),
    st.randoms(use_true_random=False),
)
@settings(deadline=None, max_examples=150)
def test_choices_are_deterministic_valid_and_complete(
    scripts: list[Script],
    intent: str,
    confidence: float,
    stage: str,
    now: datetime,
    variables: dict[str, str],
    shuffling: random.Random,
) -> None:
    situation = Situation(
        now=now,
        intent=intent,
        confidence=confidence,
        stage=stage,
        variables=variables,
        ranking=[(intent, confidence), ("i3", confidence / 2)],
    )
    stats = {script.id: ScriptStats(sent=len(script.id) * 3) for script in scripts[::2]}
    choices = choose(scripts, situation, stats=stats)
    shuffled = list(scripts)
    shuffling.shuffle(shuffled)
    assert choose(ScriptIndex(shuffled), situation, stats=stats) == choices
    by_id = {script.id: script for script in scripts}
    for choice in choices:
        script = by_id[choice.script_id]
        assert obstacles(script, situation) == ()
        assert 0 <= choice.score <= 1 and choice.reasons and "{" not in choice.text
        assert intent != OUT_OF_SCOPE or script.occasion is Occasion.UNCLEAR
    assert len(choices) <= 3


def test_choosing_among_two_thousand_is_fast() -> None:
    scripts = [
        script_from_dict(
            {
                "id": f"s{n}",
                "title": "题",
                "parts": [{"text": f"{n} {{customer_name|亲}}"}],
                "intents": [f"i{n % 60}"],
                "stages": ["objection", "closing"],
                "tags": {"product": "羽绒服"},
            }
        )
        for n in range(2000)
    ]
    index = ScriptIndex(scripts)
    situation = Situation(
        now=datetime(2026, 11, 5, tzinfo=UTC),
        intent="i1",
        confidence=0.8,
        stage="objection",
        ranking=[("i1", 0.8), ("i2", 0.1), ("i3", 0.1)],
    )
    times = []
    for _ in range(20):
        started = time.perf_counter()
        choose(index, situation)
        times.append(time.perf_counter() - started)
    assert sorted(times)[10] < 0.005
