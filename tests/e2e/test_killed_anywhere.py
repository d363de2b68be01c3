"""`kill -9` at any moment, then start again: nothing is lost and nothing is doubled."""

from __future__ import annotations

import pytest

from e2e.conftest import StartBot
from e2e.crowd import Guide, assert_each_got_one, writing
from e2e.standin import Platform


def test_sixty_customers_and_three_kills(start: StartBot, own_platform: Platform) -> None:
    people = [f"wm_crowd_{number:02d}" for number in range(60)]
    own_platform.account("wk_shop").page = 7
    bot = start(own_platform)
    with Guide([bot]).working(), writing(own_platform, people, bot.told):
        for sent in (8, 22, 40):
            bot.wait_for(lambda sent=sent: len(own_platform.sent) >= sent, f"{sent} replies")
            bot.kill()
            bot.start()
        assert_each_got_one(bot, own_platform, people)


@pytest.mark.parametrize("how", ["close", "hang"])
def test_killed_between_the_send_and_its_record(
    start: StartBot, own_platform: Platform, customer: str, how: str
) -> None:
    """The platform had sent it, the bot never heard so and died."""
    bot = start(own_platform, BOT_WECOM__TIMEOUT_SECONDS="20")
    suggestion = bot.hears(customer, "太贵了")
    own_platform.fails_for(customer, how, works=True)
    bot.approve(suggestion["id"])
    bot.wait_for(lambda: own_platform.got(customer), "the reply")
    bot.kill()
    bot.start()
    bot.wait_for(lambda: bot.deliveries(customer, state="done"), "the record of it")
    assert own_platform.got(customer) == [suggestion["choices"][0]["text"]]


def test_killed_between_the_push_and_the_pull(
    start: StartBot, own_platform: Platform, customer: str
) -> None:
    """The push was acknowledged; that is a promise."""
    bot = start(own_platform)
    own_platform.says(customer, "太贵了")
    own_platform.fails("kf/sync_msg", "hang")
    bot.told()
    bot.kill()
    bot.start()
    bot.suggestion(customer)
    assert len(bot.suggestions(customer, status="all")) == 1


def test_killed_while_a_burst_gathers(
    start: StartBot, own_platform: Platform, customer: str
) -> None:
    bot = start(own_platform, BOT_DIALOGUE__BURST_SECONDS="2")
    own_platform.says(customer, "你好")
    bot.told()
    bot.wait_for(lambda: bot.rows("SELECT id FROM burst"), "the burst")
    bot.kill()
    own_platform.says(customer, "还有L码吗")
    bot.start()

    def heard() -> list[str]:
        texts = (one["burst"]["text"] for one in bot.suggestions(customer))
        return "\n".join(texts).splitlines()

    bot.wait_for(lambda: heard() == ["你好", "还有L码吗"], "both lines, each once")


def test_a_restart_goes_on_at_the_saved_cursor(
    start: StartBot, own_platform: Platform, customer: str
) -> None:
    bot = start(own_platform)
    bot.hears(customer, "太贵了")
    assert bot.stop() == 0
    pulls = len(own_platform.calls_of("kf/sync_msg"))
    bot.start()
    bot.hears(f"{customer}_b", "什么时候发货")
    cursors = [call.body.get("cursor") for call in own_platform.calls_of("kf/sync_msg")[pulls:]]
    assert cursors[0] == "c1.0"
    assert len(bot.suggestions(customer, status="all")) == 1
