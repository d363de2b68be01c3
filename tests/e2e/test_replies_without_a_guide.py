"""With `auto_send` the harmless replies go by themselves; a person gets all the rest."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from e2e.conftest import StartBot
from e2e.running import Bot
from e2e.standin import Platform


@pytest.fixture(scope="module")
def eager(start_any: StartBot) -> Iterator[Bot]:
    """A bot whose owner only switched `auto_send` on."""
    with Platform().serving() as platform:
        platform.account("wk_shop")
        bot = start_any(platform, BOT_DIALOGUE__AUTO_SEND="true")
        yield bot
        assert bot.stop() == 0
        bot.check_log()


def _waits(bot: Bot, customer: str) -> str:
    """The reason for which a suggestion waits; nothing was sent."""
    suggestion = bot.suggestion(customer)
    bot.hears(f"{customer}_later", "太贵了")
    assert bot.platform.got(customer) == []
    return str(suggestion["policy"])


def _says(bot: Bot, customer: str, text: str, **more: object) -> None:
    bot.platform.says(customer, text, **more)
    bot.told()


def test_by_default_everything_waits(bot: Bot, customer: str) -> None:
    _says(bot, customer, "你好")
    assert _waits(bot, customer)


def test_a_greeting_is_answered_at_once(eager: Bot, customer: str) -> None:
    _says(eager, customer, "你好")
    [text] = eager.delivered(customer)
    [decided] = eager.suggestions(customer, status="approved")
    assert decided["choices"][0]["text"] == text
    assert decided["decided_by"] == "policy"
    again = eager.approve(decided["id"])
    assert (again.status, again.code) == (409, "already_decided")
    assert len(eager.platform.got(customer)) == 1


@pytest.mark.parametrize("text", ["我要投诉你们，太差劲了", "转人工", "叫你们老板出来，我要投诉"])
def test_whoever_wants_a_person_gets_one(eager: Bot, customer: str, text: str) -> None:
    _says(eager, customer, text)
    assert _waits(eager, customer)
    suggestion = eager.suggestion(customer)
    assert suggestion["conversation"]["held"] is True

    _says(eager, customer, "你好", send_time=int(time.time()) + 30)
    eager.wait_for(lambda: len(eager.suggestions(customer)) == 2, "the next line")
    assert eager.platform.got(customer) == []

    conversation = suggestion["conversation"]["id"]
    assert eager.api("POST", f"/conversations/{conversation}/release").status == 200
    _says(eager, customer, "你好", send_time=int(time.time()) + 60)
    assert len(eager.delivered(customer)) == 1


def test_a_greeting_with_a_complaint_goes_to_a_person(eager: Bot, customer: str) -> None:
    eager.platform.says(customer, "你好")
    _says(eager, customer, "我要投诉")
    assert _waits(eager, customer)


def test_a_price_question_waits(eager: Bot, customer: str) -> None:
    _says(eager, customer, "太贵了能不能便宜点")
    assert _waits(eager, customer)


def test_nonsense_waits(eager: Bot, customer: str) -> None:
    _says(eager, customer, "阿巴阿巴阿巴歪比巴卜")
    assert _waits(eager, customer)


def test_an_old_message_is_never_answered_by_itself(eager: Bot, customer: str) -> None:
    _says(eager, customer, "你好", send_time=int(time.time()) - 3600)
    assert "15" in _waits(eager, customer)


def test_a_picture_waits(eager: Bot, customer: str) -> None:
    eager.platform.arrives(
        "wk_shop", msgtype="image", image={"media_id": "M"}, external_userid=customer
    )
    eager.told()
    assert _waits(eager, customer)


def test_a_conversation_on_hold_waits(eager: Bot, customer: str) -> None:
    _says(eager, customer, "你好")
    eager.delivered(customer)
    [decided] = eager.suggestions(customer, status="approved")
    conversation = decided["conversation"]["id"]
    held = eager.api("POST", f"/conversations/{conversation}/hold", {"reason": "我来接待"})
    assert held.status == 200
    _says(eager, customer, "你好", send_time=int(time.time()) + 30)
    eager.suggestion(customer)
    eager.hears(f"{customer}_later", "太贵了")
    assert len(eager.platform.got(customer)) == 1


def test_a_customer_who_was_taken_over_in_wecom_waits(eager: Bot, customer: str) -> None:
    eager.platform.event(
        "wk_shop",
        "session_status_change",
        external_userid=customer,
        change_type=1,
        new_servicer_userid="guide",
    )
    _says(eager, customer, "你好")
    assert _waits(eager, customer)
