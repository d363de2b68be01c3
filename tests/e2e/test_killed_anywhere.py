"""`kill -9` at any moment, then start again: nothing is lost and nothing is doubled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.conftest import StartBot
from e2e.crowd import Guide, assert_each_got_one, replies, writing
from e2e.running import Bot
from e2e.standin import Platform

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def mortal(start_any: StartBot) -> Iterator[Bot]:
    """A bot that is killed again and again; it waits long for answers and longer for lines."""
    with Platform().serving() as platform:
        platform.account("wk_shop")
        yield start_any(
            platform, BOT_WECOM__TIMEOUT_SECONDS="20", BOT_DIALOGUE__BURST_SECONDS="1.5"
        )


@pytest.fixture
def bot(mortal: Bot) -> Iterator[Bot]:
    yield mortal
    mortal.check_log()


@pytest.fixture
def platform(mortal: Bot) -> Platform:
    return mortal.platform


def test_sixty_customers_and_three_kills(start: StartBot, own_platform: Platform) -> None:
    people = [f"wm_crowd_{number:02d}" for number in range(60)]
    own_platform.account("wk_shop").page = 7
    bot = start(own_platform)
    with Guide([bot]).working(), writing(own_platform, people, bot.told):
        for sent in (8, 22, 40):
            bot.wait_for(
                lambda sent=sent: replies(own_platform, people) >= sent, f"{sent} replies"
            )
            bot.kill()
            bot.start()
        assert_each_got_one(bot, own_platform, people)


@pytest.mark.parametrize("how", ["close", "hang"])
def test_killed_between_the_send_and_its_record(
    bot: Bot, platform: Platform, customer: str, how: str
) -> None:
    """The platform had sent it, the bot never heard so and died."""
    suggestion = bot.hears(customer, "太贵了")
    platform.fails_for(customer, how, works=True)
    bot.approve(suggestion["id"])
    bot.wait_for(lambda: platform.got(customer), "the reply")
    bot.kill()
    bot.start()
    bot.wait_for(lambda: bot.deliveries(customer, state="done"), "the record of it")
    assert platform.got(customer) == [suggestion["choices"][0]["text"]]


def test_killed_between_the_push_and_the_pull(bot: Bot, platform: Platform, customer: str) -> None:
    """The push was acknowledged; that is a promise."""
    platform.says(customer, "太贵了")
    platform.fails("kf/sync_msg", "hang")
    bot.told()
    bot.kill()
    bot.start()
    bot.suggestion(customer)
    assert len(bot.suggestions(customer, status="all")) == 1


def test_killed_while_a_burst_gathers(bot: Bot, platform: Platform, customer: str) -> None:
    platform.says(customer, "你好")
    bot.told()
    bot.wait_for(lambda: _stored(bot, customer), "the first line to be stored")
    bot.kill()
    platform.says(customer, "还有L码吗")
    bot.start()

    def heard() -> list[str]:
        texts = (one["burst"]["text"] for one in bot.suggestions(customer))
        return "\n".join(texts).splitlines()

    bot.wait_for(lambda: heard() == ["你好", "还有L码吗"], "both lines, each once")


def test_a_restart_goes_on_at_the_saved_cursor(
    bot: Bot, platform: Platform, customer: str
) -> None:
    bot.hears(customer, "太贵了", to="wk_cursor")
    assert bot.stop() == 0
    pulls = len(platform.calls_of("kf/sync_msg"))
    bot.start()
    bot.hears(f"{customer}_b", "什么时候发货", to="wk_cursor")
    cursors = [
        call.body.get("cursor")
        for call in platform.calls_of("kf/sync_msg")[pulls:]
        if call.body["open_kfid"] == "wk_cursor"
    ]
    assert cursors[0] == "c1.0"
    assert len(bot.suggestions(customer, status="all")) == 1


def test_a_message_written_while_it_was_down_is_answered(
    bot: Bot, platform: Platform, customer: str
) -> None:
    bot.kill()
    platform.says(customer, "什么时候发货")
    bot.start()
    bot.suggestion(customer)


def _stored(bot: Bot, customer: str) -> list[tuple[object, ...]]:
    return bot.rows(
        "SELECT message.id FROM message JOIN conversation ON conversation.id = conversation_id "
        f"WHERE external_userid = '{customer}'"
    )
