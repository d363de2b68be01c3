"""WeCom is busy, forgets our token or loses its answer: the customer gets exactly one message."""

from __future__ import annotations

import time

import pytest

from e2e.conftest import StartBot
from e2e.running import Bot
from e2e.standin import Platform

pytestmark = pytest.mark.long

# Name of the fault, how the call fails, and whether the platform had done the work by then.
SEND_FAULTS = [
    ("busy", -1, False),
    ("busy after all", -1, True),
    ("changed meanwhile", 6000, False),
    ("token expired", 42001, False),
    ("token unknown", 40014, False),
    ("connection closed before", "close", False),
    ("answer lost", "close", True),
    ("answer never comes", "hang", True),
    ("call never answered", "hang", False),
    ("HTTP 500 before", "http500", False),
    ("HTTP 500 after", "http500", True),
    ("no JSON before", "html", False),
    ("no JSON after", "html", True),
    ("sent before", 95033, True),
]


@pytest.mark.parametrize(
    ("how", "works"), [fault[1:] for fault in SEND_FAULTS], ids=[fault[0] for fault in SEND_FAULTS]
)
def test_a_send_that_fails_once_arrives_once(
    bot: Bot, platform: Platform, customer: str, how: int | str, works: bool
) -> None:
    suggestion = bot.hears(customer, "太贵了")
    fault = platform.fails_for(customer, how, works=works)
    assert bot.approve(suggestion["id"]).status == 200
    assert bot.delivered(customer) == [suggestion["choices"][0]["text"]]
    assert fault.times == 0
    assert bot.deliveries(customer, state="failed") == []
    assert len({call.body["msgid"] for call in platform.calls_of("kf/send_msg", customer)}) == 1


def test_a_send_that_fails_many_times_arrives_once(
    bot: Bot, platform: Platform, customer: str
) -> None:
    suggestion = bot.hears(customer, "太贵了")
    platform.fails_for(customer, "close", works=True, times=4)
    bot.approve(suggestion["id"])
    assert bot.delivered(customer) == [suggestion["choices"][0]["text"]]
    assert len(platform.calls_of("kf/send_msg", customer)) == 5


def test_the_token_is_taken_back(bot: Bot, platform: Platform, customer: str) -> None:
    """WeCom revokes a token early; all that is under way goes on with another."""
    people = [f"{customer}_{number}" for number in range(5)]
    for who in people:
        platform.says(who, "太贵了")
    bot.told()
    waiting = [bot.suggestion(who)["id"] for who in people]
    platform.revoke()
    fetched = len(platform.calls_of("gettoken"))
    for suggestion_id in waiting:
        bot.approve(suggestion_id)
    for who in people:
        assert len(bot.delivered(who)) == 1
    assert len(platform.calls_of("gettoken")) == fetched + 1


@pytest.mark.parametrize("how", [-1, 42001, "close", "http500", "html", "hang"])
def test_a_pull_that_fails_loses_nothing(
    bot: Bot, platform: Platform, customer: str, how: int | str
) -> None:
    kfid = f"wk_{customer}"
    platform.says(customer, "太贵了", to=kfid)
    fault = platform.fails("kf/sync_msg", how, applies=lambda body: body["open_kfid"] == kfid)
    bot.told(kfid)
    bot.suggestion(customer)
    assert fault.times == 0
    assert len(bot.suggestions(customer, status="all")) == 1


def test_too_many_calls_are_followed_by_a_pause(
    start: StartBot, own_platform: Platform, customer: str
) -> None:
    bot = start(own_platform)
    suggestion = bot.hears(customer, "太贵了")
    own_platform.fails("kf/send_msg", 45009)
    bot.approve(suggestion["id"])
    bot.wait_for(lambda: own_platform.calls_of("kf/send_msg"), "the refused call")
    others = [f"{customer}_{number}" for number in range(3)]
    for who in others:
        bot.approve(bot.hears(who, "太贵了")["id"])
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        assert len(own_platform.calls_of("kf/send_msg")) == 1
        time.sleep(0.1)
    [delivery] = bot.deliveries(customer, state="ready")
    assert "45009" in delivery["error"]
    assert bot.deliveries(customer, state="failed") == []


def test_a_dead_platform_holds_up_no_callback(
    start: StartBot, own_platform: Platform, customer: str
) -> None:
    """Every answer of the platform hangs; ours to its pushes does not."""
    bot = start(own_platform)
    own_platform.fails("kf/sync_msg", "hang", times=3)
    own_platform.says(customer, "太贵了")
    slowest = 0.0
    for _ in range(20):
        push = own_platform.notice()
        started = time.monotonic()
        assert bot.push(push).text == "success"
        slowest = max(slowest, time.monotonic() - started)
    assert slowest < 1
    assert bot.suggestion(customer)


def test_it_starts_while_the_platform_is_down(start: StartBot, customer: str) -> None:
    """A bot that starts during an outage is ready and catches up afterwards."""
    platform = Platform()
    platform.account("wk_shop")
    with platform.serving():
        pass
    bot = start(platform)
    platform.says(customer, "太贵了")
    bot.told()
    with platform.serving():
        bot.suggestion(customer)


def test_a_platform_that_knows_fewer_calls(
    start: StartBot, own_platform: Platform, customer: str
) -> None:
    """Names and account lists are niceties: without them the main path still works."""
    own_platform.profiles = False
    for api in ("kf/account/list", "kf/customer/batchget"):
        own_platform.fails(api, "html", times=1000)
    bot = start(own_platform)
    suggestion = bot.hears(customer, "太贵了")
    bot.approve(suggestion["id"])
    assert len(bot.delivered(customer)) == 1


def test_a_wrong_secret_is_said_in_the_log_and_nowhere_shown(
    start: StartBot, own_platform: Platform, customer: str
) -> None:
    wrong = "another-secret-of-the-corp"
    bot = start(own_platform, BOT_WECOM__SECRET=wrong)
    own_platform.says(customer, "太贵了")
    bot.told()
    bot.wait_for(lambda: "40001" in bot.output, "a word about the secret")
    assert wrong not in bot.output
    assert len(own_platform.calls_of("gettoken")) < 20
