"""The first decision wins; every later one hears so."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from e2e.running import Answer, Bot


def _reject(bot: Bot, suggestion_id: int) -> Answer:
    return bot.api("POST", f"/suggestions/{suggestion_id}/reject", {"reason": "不合适"})


def test_a_second_approval_is_refused(bot: Bot, customer: str) -> None:
    suggestion = bot.hears(customer, "太贵了")
    assert bot.approve(suggestion["id"]).status == 200
    for again in (bot.approve(suggestion["id"]), bot.approve(suggestion["id"], text="再发一次")):
        assert (again.status, again.code) == (409, "already_decided")
    again = _reject(bot, suggestion["id"])
    assert (again.status, again.code) == (409, "already_decided")
    assert bot.delivered(customer) == [suggestion["choices"][0]["text"]]


def test_what_was_rejected_cannot_be_approved(bot: Bot, customer: str) -> None:
    suggestion = bot.hears(customer, "太贵了")
    assert _reject(bot, suggestion["id"]).status == 200
    again = bot.approve(suggestion["id"])
    assert (again.status, again.code) == (409, "already_decided")
    assert bot.platform.got(customer) == []


@pytest.mark.parametrize("round_", range(3))
def test_of_many_at_once_one_wins(bot: Bot, customer: str, round_: int) -> None:
    suggestion = bot.hears(customer, "太贵了")
    texts = [f"第 {number} 位导购" for number in range(6)]
    tries: list[Callable[[], Answer]] = [
        lambda text=text: bot.approve(suggestion["id"], text=text)  # type: ignore[misc]
        for text in texts
    ]
    with ThreadPoolExecutor(len(tries)) as pool:
        answers = list(pool.map(lambda attempt: attempt(), tries))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 5
    winner = next(text for text, one in zip(texts, answers, strict=True) if one.status == 200)
    assert bot.delivered(customer) == [winner]


def test_of_an_approval_and_a_rejection_one_wins(bot: Bot, customer: str) -> None:
    suggestion = bot.hears(customer, "太贵了")
    with ThreadPoolExecutor(2) as pool:
        approval = pool.submit(bot.approve, suggestion["id"])
        rejection = pool.submit(_reject, bot, suggestion["id"])
    statuses = (approval.result().status, rejection.result().status)
    assert statuses in ((200, 409), (409, 200))
    [decided] = bot.suggestions(customer, status="all")
    assert decided["status"] == ("approved" if statuses[0] == 200 else "rejected")
