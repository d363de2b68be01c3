from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intents.normalize import normal_text, normalize


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("ＸＸＬ有麼？", "xxl有么?"),
        ("請問這個多少錢", "请问这个多少钱"),
        ("哈哈哈哈哈", "哈哈"),
        ("太贵了!!!!!!", "太贵了!!"),
        ("XXXL", "xxxl"),
        ("100000块", "100000块"),
        ("在\u200b吗\ufeff", "在吗"),
        ("第一\n\n 第二", "第一 第二"),
        ("好[微笑]", "好☺"),
        ("无语[捂脸][捂脸]", "无语☹☹"),
        ("[加大码]的", "[加大码]的"),
        ("😡怎么还没发", "☹怎么还没发"),
        ("玫瑰🌹", "玫瑰☺"),
        ("说话 /:>W<", "说话 ◇"),
        ("\x00\x01\x1b", ""),
        ("", ""),
    ],
)
def test_ways_of_typing_become_one(typed: str, normal: str) -> None:
    assert normal_text(typed) == normal


@given(st.text(max_size=60))
def test_the_way_back_stays_inside_the_original(text: str) -> None:
    normalized = normalize(text)
    assert len(normalized.origin) == len(normalized.text)
    assert list(normalized.origin) == sorted(normalized.origin)
    for start in range(len(normalized.text)):
        first, last = normalized.span(start, start + 1)
        assert 0 <= first < last <= len(text)


@given(st.text(alphabet="请問這個多少錢abcＸＬ１２ !?😂\u200b[捂脸]", max_size=40))
def test_normal_text_stays_as_it_is(text: str) -> None:
    once = normal_text(text)
    assert normal_text(once) == once


def test_span_points_at_what_was_typed() -> None:
    normalized = normalize("我要\u200bＸＬ碼的")
    start = normalized.text.index("xl码")
    first, last = normalized.span(start, start + 3)
    assert normalized.original[first:last] == "ＸＬ碼"
