"""Two `serve` processes on one PostgreSQL: the work is done once, whoever does it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from e2e.conftest import StartBot
from e2e.crowd import Guide, assert_each_got_one, writing
from e2e.running import Bot
from e2e.standin import Platform

pytestmark = pytest.mark.postgres


@pytest.fixture
def replicas(
    start: StartBot, own_platform: Platform, make_postgres_url: Callable[[], str]
) -> tuple[Bot, Bot]:
    """Two bots that start at the same moment on an empty database."""
    url = make_postgres_url()
    shared = {"database": url, "launch": False, "BOT_API__TOKEN": "a-token-of-both-replicas"}
    first, second = start(own_platform, **shared), start(own_platform, **shared)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Bot.start, (first, second)))
    return first, second


def test_sixty_customers_and_one_replica_killed(
    replicas: tuple[Bot, Bot], own_platform: Platform
) -> None:
    first, second = replicas
    people = [f"wm_crowd_{number:02d}" for number in range(60)]
    own_platform.account("wk_shop").page = 7

    def tell() -> None:
        second.told()
        first.told()

    with Guide(replicas).working(), writing(own_platform, people, tell):
        first.wait_for(lambda: len(own_platform.sent) >= 20, "20 replies")
        first.kill()
        second.wait_for(lambda: len(own_platform.sent) >= 40, "40 replies")
        first.start()
        assert_each_got_one(second, own_platform, people)


def test_one_push_to_both_is_one_suggestion(
    replicas: tuple[Bot, Bot], own_platform: Platform, customer: str
) -> None:
    first, second = replicas
    own_platform.says(customer, "太贵了")
    push = own_platform.notice()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda bot: bot.push(push), [first, second] * 3))
    assert {(answer.status, answer.text) for answer in answers} == {(200, "success")}
    suggestion = first.suggestion(customer)
    assert second.suggestion(customer)["id"] == suggestion["id"]

    with ThreadPoolExecutor(2) as pool:
        decisions = list(pool.map(lambda bot: bot.approve(suggestion["id"]), replicas))
    assert sorted(answer.status for answer in decisions) == [200, 409]
    assert len(first.delivered(customer)) == 1
    assert len(first.suggestions(customer, status="all")) == 1


def test_one_token_is_enough_for_both(
    replicas: tuple[Bot, Bot], own_platform: Platform, customer: str
) -> None:
    for bot, who in zip(replicas, (customer, f"{customer}_b"), strict=True):
        bot.approve(bot.hears(who, "太贵了")["id"])
        bot.delivered(who)
    assert len(set(own_platform.issued)) == 1
