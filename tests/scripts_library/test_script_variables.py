from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts_library import (
    LinkPart,
    MissingVariable,
    RenderingError,
    Script,
    TemplateError,
    UnsendableText,
    escape_braces,
    parse_template,
    render,
    render_script,
)

MakeScript = Callable[..., Script]
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,12}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1).filter(
    lambda value: (
        value.strip()
        and not set(value) & set("\u202a\u202b\u202c\u202d\u202e")
        and not set(value) & set("\u2066\u2067\u2068\u2069")
    )
)


def test_value_wins_over_fallback() -> None:
    assert render("{customer_name|亲}您好", {"customer_name": "林女士"}) == "林女士您好"


@pytest.mark.parametrize("blank", [None, "", "  ", "\u0000"])
def test_blank_values_count_as_missing(blank: object) -> None:
    assert render("{customer_name|亲}您好", {"customer_name": blank}) == "亲您好"
    with pytest.raises(MissingVariable):
        render("{customer_name}您好", {"customer_name": blank})


def test_missing_variable_names_variable_and_script() -> None:
    with pytest.raises(MissingVariable) as caught:
        render("地址：{address}", {}, script_id="store.address")
    assert caught.value.variable == "address"
    assert caught.value.script_id == "store.address"
    assert "address" in str(caught.value) and "store.address" in str(caught.value)


def test_doubled_braces_are_literal() -> None:
    assert render("{{满减}}{n|1}", {"n": 2}) == "{满减}2"


def test_empty_fallback_leaves_nothing() -> None:
    assert render("好的{ending|}", {}) == "好的"


@given(VALUES)
@settings(deadline=None)
def test_values_are_never_expanded_again(value: str) -> None:
    assert render("{a}", {"a": value + "{b}{{"}) == value + "{b}{{"


@given(st.text(st.characters(exclude_categories=["Cs"])))
@settings(deadline=None)
def test_escaped_text_renders_to_itself(text: str) -> None:
    assert render(escape_braces(text), {}) == text


@given(st.text(alphabet="{}|ab ", max_size=20))
@settings(deadline=None)
def test_any_braces_parse_or_are_refused_with_a_place(text: str) -> None:
    try:
        template = parse_template(text)
    except TemplateError as error:
        assert 0 <= error.position < len(text)
        assert error.mend
    else:
        filled = template.render({place.name: "值" for place in template.placeholders})
        assert filled.count("值") == len(template.placeholders)


@given(st.lists(st.tuples(NAMES, st.one_of(st.none(), st.just("备用"))), max_size=6))
@settings(deadline=None)
def test_render_succeeds_exactly_with_the_required_variables(
    places: list[tuple[str, str | None]],
) -> None:
    text = "，".join(f"{{{name}}}" if fb is None else f"{{{name}|{fb}}}" for name, fb in places)
    required = parse_template(text).required
    assert required == {name for name, fallback in places if fallback is None}
    render(text, dict.fromkeys(required, "值"))
    for name in required:
        with pytest.raises(MissingVariable):
            render(text, dict.fromkeys(required - {name}, "值"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [("你好{", "没有配对"), ("你好}", "多了一个"), ("{1a}", "变量名"), ("{a{b}}", "没有配对")],
)
def test_bad_braces_are_refused(text: str, fault: str) -> None:
    with pytest.raises(TemplateError, match=fault):
        parse_template(text)


def test_control_and_direction_characters_of_values_are_dropped() -> None:
    assert render("{a}", {"a": "林\u202e\u0007女士\r\n好"}) == "林女士\n好"


def test_text_that_outgrows_the_platform_is_not_sent(make_script: MakeScript) -> None:
    script = make_script("long", "{a}")
    with pytest.raises(UnsendableText, match="2048"):
        render_script(script, {"a": "长" * 683})


def test_text_that_renders_to_nothing_is_not_sent(make_script: MakeScript) -> None:
    with pytest.raises(RenderingError):
        render_script(make_script("empty", "{a|}"), {})


def test_link_address_is_quoted_and_must_be_an_address(make_script: MakeScript) -> None:
    link = {"link": {"title": "尺码", "url": "{shop_url}/找 {q}"}}
    script = make_script("link", parts=[link])
    [part] = render_script(script, {"shop_url": "https://shop.example", "q": "羽绒 服"})
    assert isinstance(part, LinkPart)
    assert part.url == "https://shop.example/%E6%89%BE%20%E7%BE%BD%E7%BB%92%20%E6%9C%8D"
    with pytest.raises(UnsendableText, match="网址"):
        render_script(script, {"shop_url": "javascript:alert(1)", "q": "x"})
