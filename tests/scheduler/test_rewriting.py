"""A journey's text changed in place."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler import parse_journeys
from scheduler.reading.excerpts import folder_excerpts
from scheduler.reading.loading import SHIPPED
from scheduler.reading.rewriting import entry_of, rewritten, written

TEXT = """version: 1
journeys:
# 收货以后问一问
- id: parcel
  name: 收货   # 短一点
  triggers:
  - event: parcel_arrived     # 物流报来
  steps:
  # 第一步
  - id: fit
    purpose: 问合不合身
    kind: nudge
    at: {hours: 3}   # 别太早
    content:
      # 只写一份
      text: "合适吗？"  # 短
  # 第二步
  - id: care
    purpose: 教打理
    kind: nudge
    at: {day: 2, time: "10:00"}
    content: {text: "别机洗"}
# 尾注
"""
LINES = st.text(st.sampled_from("您好#:{}[]'\"|>-& \\n\t，。1:é🙂\u2028"), min_size=1, max_size=24)


def step(entry: dict[str, Any], place: int) -> dict[str, Any]:
    one: dict[str, Any] = entry["steps"][place]
    return one


def changed(**more: Any) -> dict[str, Any]:
    entry = copy.deepcopy(entry_of(TEXT))
    assert entry is not None
    return entry | more


def test_what_does_not_change_keeps_every_sign() -> None:
    for text in (TEXT, *(text for _, text in folder_excerpts(SHIPPED).values())):
        entry = entry_of(text)
        assert entry is not None
        assert rewritten(text, entry) == text
        assert entry_of(written(entry)) == entry


def test_a_changed_value_leaves_its_neighbours_and_all_remarks() -> None:
    entry = changed(name="收到货")
    step(entry, 0)["at"] = {"hours": 5}
    step(entry, 0)["content"]["text"] = "合适吗？\n不合适就换"
    out = rewritten(TEXT, entry)
    assert "  name: 收到货   # 短一点\n" in out
    assert "    at: {hours: 5}   # 别太早\n" in out
    assert "      text: |-  # 短\n        合适吗？\n        不合适就换\n  # 第二步\n" in out
    assert out.count("#") == TEXT.count("#")


def test_steps_move_with_their_remarks_come_and_go() -> None:
    entry = changed()
    one, two = entry["steps"]
    two["at"]["day"] = 0
    entry["steps"] = [two, one, {**one, "id": "again", "window": "10:00-20:00"}]
    out = rewritten(TEXT, entry)
    order = ("# 第二步", "id: care", "day: 0", "# 第一步", "id: fit", "id: again", "# 尾注")
    places = [out.index(each) for each in order]
    assert places == sorted(places)
    del entry["steps"][1:]
    assert "# 第一步" not in rewritten(out, entry)


@pytest.mark.parametrize("key", ["catch_up", "window", "only_if"])
def test_new_keys_stand_where_they_are_usually_written(key: str) -> None:
    value = {"catch_up": {"send_late": 3}, "window": "09:00-18:00", "only_if": {"tags": ["a"]}}[
        key
    ]
    entry = changed()
    step(entry, 1)[key] = value
    out = rewritten(TEXT, entry)
    assert out.index("教打理") < out.index(f"{key}: ")
    assert (out.index(f"{key}: ") < out.index("别机洗")) == (key != "catch_up")
    assert len(parse_journeys(out)) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(LINES, LINES, st.lists(LINES, max_size=3), st.booleans())
def test_any_words_read_back_as_they_were_meant(
    first: str, second: str, listed: list[str], apart: bool
) -> None:
    entry = changed(name=first)
    step(entry, 0)["content"] = {"a": {"text": second, "images": listed}} if apart else listed
    step(entry, 1)["purpose"] = f"{second}\n{first}"
    entry["triggers"] = [{"event": listed}, {"added": first}]
    assert entry_of(rewritten(TEXT, entry)) == entry
