"""Two `serve` processes on one PostgreSQL: the work is done once, whoever does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from e2e.conftest import StartBot
from e2e.crowd import Guide, assert_each_got_one, replies, writing
from e2e.running import Bot
from e2e.standin import Platform

pytestmark = [pytest.mark.postgres, pytest.mark.long]


@pytest.fixture(scope="module")
def replicas(
    start_any: StartBot, make_postgres_url: Callable[[], str]
) -> Iterator[tuple[Bot, Bot]]:
    """Two bots that start at the same moment on an empty database."""
    with Platform().serving() as platform:
        platform.account("wk_shop").page = 7
        shared = {"database": make_postgres_url(), "launch": False}
        token = "a-token-of-both-replicas"
        first = start_any(platform, BOT_API__TOKEN=token, **shared)
        second = start_any(platform, BOT_API__TOKEN=token, **shared)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Bot.start, (first, second)))
        yield first, second
        for bot in (first, second):
            assert bot.stop() == 0
            bot.check_log()


@pytest.fixture
def platform(replicas: tuple[Bot, Bot]) -> Platform:
    return replicas[0].platform


def test_sixty_customers_and_one_replica_killed(
    replicas: tuple[Bot, Bot], platform: Platform
) -> None:
    first, second = replicas
    people = [f"wm_crowd_{number:02d}" for number in range(60)]

    def tell() -> None:
        second.told()
        first.told()

    with Guide(replicas).working(), writing(platform, people, tell):
        first.wait_for(lambda: replies(platform, people) >= 20, "20 replies")
        first.kill()
        second.wait_for(lambda: replies(platform, people) >= 40, "40 replies")
        first.start()
        assert_each_got_one(second, platform, people)


def test_one_push_to_both_is_one_suggestion(
    replicas: tuple[Bot, Bot], platform: Platform, customer: str
) -> None:
    first, second = replicas
    platform.says(customer, "太贵了")
    push = platform.notice()
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
    replicas: tuple[Bot, Bot], platform: Platform, customer: str
) -> None:
    for bot, who in zip(replicas, (customer, f"{customer}_b"), strict=True):
        bot.approve(bot.hears(who, "太贵了")["id"])
        bot.delivered(who)
    assert len(set(platform.issued)) == 1
