"""A guide who reads English is told the same reasons."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

from bot.dialogue import policy
from bot.web.console.reason_words import reason_in_english
from scripts_library import choosing, scoring

HAN = re.compile(r"[㐀-鿿]")
PIECES = re.compile(r"不限|近 \d+ 天|，客户回复率 .+|运营[加降]权|7发过，降权")


def sentences(module: ModuleType) -> Iterator[str]:
    """Each Chinese sentence in the code, with something in the place of each value."""
    tree = ast.parse(inspect.getsource(module))
    parts = {
        id(one)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for one in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(one.value) if isinstance(one, ast.Constant) else "7 (0.9)"
                for one in node.values
            )
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in parts
        ):
            yield node.value


def spoken(module: ModuleType) -> list[str]:
    found = [one for one in sentences(module) if HAN.search(one)]
    return [one for one in found if not PIECES.fullmatch(one.replace("7 (0.9)", "7"))]


@pytest.mark.parametrize("reason", [*spoken(policy), *spoken(choosing), *spoken(scoring)])
def test_every_reason_has_an_english_sentence(reason: str) -> None:
    told = [reason_in_english(one, {}) for one in (reason, reason.replace("7 (0.9)", "7"))]
    assert any(not HAN.search(one) for one in told), reason


def test_values_and_labels_are_carried_over() -> None:
    labels = {"问价格": "Ask price", "破冰": "Icebreak", "种草": "Desire"}
    assert reason_in_english("意图匹配：问价格 (0.97)", labels) == "Intent: Ask price (0.97)"
    assert (
        reason_in_english("相邻阶段：破冰、种草", labels) == "Neighbouring stage: Icebreak, Desire"
    )
    assert reason_in_english("近 3 天发过，降权", {}) == "Sent within 3 days, lowered"
    assert reason_in_english("运营加权 ×1.5", {}) == "Raised by the operator ×1.5"
    assert reason_in_english("历史采纳率 80%（10 次），客户回复率 50%", {}) == (
        "Accepted 80% of 10 times, answered 50%"
    )


def test_what_a_guide_wrote_stays() -> None:
    assert reason_in_english("语气太硬了", {}) == "语气太硬了"
