from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts_library import (
    Direction,
    Script,
    SensitiveWords,
    SensitiveWordsError,
    Severity,
    coverage,
    lint_scripts,
    near_duplicates,
)

MakeScript = Callable[..., Script]
SHIPPED = SensitiveWords.load()


@pytest.mark.parametrize(
    "text",
    [
        "国家级面料",
        "國家級面料",
        "全网最低价",
        "全 网.最*低 价",
        "全\u200b网最低",
        "药到病除",
        "ＶＸ 傻Ｂ",
    ],
)
def test_forbidden_words_are_found_however_they_are_spelt(text: str) -> None:
    assert SHIPPED.verdict(text, Direction.OUTGOING) is Severity.BLOCK


@pytest.mark.parametrize(
    "text",
    [
        "最大码还有吗",
        "治愈系的奶油色",
        "This is a blue bag",
        "您是第一次来我们店吗",
        "这款适合通勤，版型偏宽松，要不要看看尺码表？",
        "垃圾袋在收银台旁边",
    ],
)
def test_ordinary_words_pass(text: str) -> None:
    assert SHIPPED.verdict(text, Direction.OUTGOING) is None
    assert SHIPPED.verdict(text, Direction.INCOMING) is None


def test_directions_differ() -> None:
    assert SHIPPED.verdict("再不发货我打12315投诉", Direction.INCOMING) is Severity.REVIEW
    assert SHIPPED.verdict("这是全国第一吗", Direction.INCOMING) is None


def test_a_hit_points_into_the_text_as_written() -> None:
    text = "亲，这是全 網最低！"
    [hit] = SHIPPED.find(text, Direction.OUTGOING)
    assert (hit.word, text[hit.start : hit.end], hit.written) == (
        "全网最低",
        "全 網最低",
        "全 網最低",
    )
    assert hit.category == "广告法绝对化用语"


def test_allowed_phrases_shield_what_they_contain() -> None:
    words = SensitiveWords.parse("[block both] 一\n治愈\n[allow out] 二\n治愈系\n")
    assert words.find("治愈系", Direction.OUTGOING) == ()
    assert len(words.find("治愈系", Direction.INCOMING)) == 1
    assert len(words.find("治愈系，治愈失眠", Direction.OUTGOING)) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("国家级\n", "第 1 行"),
        ("# 说明\n[block] 一\n", "第 2 行"),
        ("[block out 一\n", "写法不对"),
        ("[block out] 一\n***\n", "第 2 行"),
    ],
)
def test_a_broken_list_is_explained(content: str, words: str) -> None:
    with pytest.raises(SensitiveWordsError, match=words):
        SensitiveWords.parse(content)


def test_a_missing_list_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SensitiveWordsError, match="读不了"):
        SensitiveWords.load(tmp_path / "none.txt")


def test_an_empty_list_finds_nothing() -> None:
    assert SensitiveWords.parse("").find("国家级", Direction.OUTGOING) == ()


@given(st.text(max_size=80))
@settings(deadline=None)
def test_any_text_can_be_searched(text: str) -> None:
    for direction in Direction:
        for hit in SHIPPED.find(text, direction):
            assert text[hit.start : hit.end] == hit.written


def test_near_duplicates_ignore_punctuation_and_variables(make_script: MakeScript) -> None:
    scripts = [
        make_script("a", "{customer_name|亲}，这款是长绒棉，摸着软还不起静电，您可以放心"),
        make_script("b", "这款是长绒棉，摸着软，还不起静电！您可以放心哦"),
        make_script("c", "顺丰和圆通都可以发，您想指定哪一家呢"),
        make_script("d", "好的"),
        make_script("e", "好的呀"),
    ]
    [pair] = near_duplicates(scripts)
    assert (pair.first, pair.second) == ("a", "b")
    assert 0.9 <= pair.similarity < 1


def test_coverage_counts_cells_and_gaps(make_script: MakeScript) -> None:
    scripts = [
        make_script("a", intents=["i1"], stages=["won"]),
        make_script("b", intents=["i1", "i2"]),
        make_script("c"),
    ]
    report = coverage(scripts, ["i1", "i2", "i3"], ["won", "dormant"])
    assert report.cells["i1", "won"] == 2
    assert report.gaps == (("i3", "won"), ("i3", "dormant"))
    assert report.uncovered_intents == ("i3",)
    assert report.thin_intents(2) == ("i2", "i3")
    assert report.as_dict()["per_occasion"]["unclear"] == 1


def test_lint_names_words_length_age_and_likeness(make_script: MakeScript) -> None:
    scripts = [
        make_script("a", "这是{quality|国家级}品质"),
        make_script("b", "很长" * 200, valid={"until": "2026-11-12"}),
        make_script("c", "这款是长绒棉，摸着软还不起静电"),
        make_script("d", "这款是长绒棉，摸着软，还不起静电"),
    ]
    advice = lint_scripts(scripts, today=date(2026, 11, 21), words=SHIPPED)
    assert [(each.script_id, each.severity) for each in advice] == [
        ("a", Severity.BLOCK),
        ("b", Severity.REVIEW),
        ("b", Severity.REVIEW),
        ("d", Severity.REVIEW),
    ]
