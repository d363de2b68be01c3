from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.customers.portrait import LABELS, find_facts


def entity(name: str, value: str, text: str = "") -> dict[str, Any]:
    return {"entity": name, "value": value, "text": text or value}


@pytest.mark.parametrize(
    ("text", "entities", "found"),
    [
        ("身高165体重110斤", [], {("height", "165cm"), ("weight", "55kg")}),
        ("165/55kg 选什么码", [], {("height", "165cm"), ("weight", "55kg")}),
        ("身高1米65", [], {("height", "165cm")}),
        ("宝宝两岁半了", [], {("child_age", "2岁半")}),
        ("8个月的宝宝能用吗", [], {("child_age", "8个月")}),
        ("女儿十二岁", [], {("child_age", "12岁")}),
        ("预算300到500", [], {("budget", "300-500")}),
        ("200块以内的有吗", [], {("budget", "200")}),
        ("送给我婆婆的", [], {("gift_for", "婆婆")}),
        ("我是敏感肌，对酒精过敏", [], {("skin", "敏感肌"), ("allergy", "酒精")}),
        ("我不是油皮", [], set()),
        ("对花粉过敏能用吗", [], set()),
        ("生日是5月20号", [], {("birthday", "05-20")}),
        ("生日13月40号", [], set()),
        ("我穿M码", [entity("size", "M", "M码")], {("size", "M")}),
        (
            "不要黑色，喜欢米白色",
            [entity("color", "黑色"), entity("color", "米白色")],
            {("color", "米白色")},
        ),
        ("我在杭州", [entity("city", "杭州")], {("city", "杭州")}),
        ("打8折左右", [], set()),
        ("第3个", [], set()),
    ],
)
def test_what_customers_say_of_themselves_is_found(
    text: str, entities: list[dict[str, Any]], found: set[tuple[str, str]]
) -> None:
    assert {(one.field, one.value) for one in find_facts(text, entities)} == found


def test_wearing_a_size_says_more_than_asking_for_it() -> None:
    worn = find_facts("我平时穿L码", [entity("size", "L", "L码")])
    asked = find_facts("还有L码吗", [entity("size", "L", "L码")])
    assert worn[0].confidence > asked[0].confidence


@given(
    st.text(
        alphabet="我送给妈妈宝岁半个月预算对过敏身高体重生日0123456789斤kg/月号 \n，。",
        max_size=60,
    )
)
def test_any_text_gives_known_fields_quoted_from_it(text: str) -> None:
    for finding in find_facts(text):
        assert finding.field in LABELS
        assert finding.quote in text
        assert 0 < finding.confidence <= 1
        assert finding.value
