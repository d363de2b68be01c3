"""WeCom repeats, loses and reorders; a customer notices nothing of it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from e2e.envelope import pushed
from e2e.running import Bot
from e2e.standin import Platform


def _settle(bot: Bot, customer: str) -> None:
    """Wait until everything that was pushed so far has been worked through."""
    bot.hears(f"{customer}_last", "你好")


def test_six_copies_of_one_push_make_one_suggestion(
    bot: Bot, platform: Platform, customer: str
) -> None:
    platform.says(customer, "这件还有L码吗")
    push = platform.notice()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(bot.push, [push] * 6))
    assert {(answer.status, answer.text) for answer in answers} == {(200, "success")}
    suggestion = bot.suggestion(customer)
    bot.push(push)
    _settle(bot, customer)
    assert [one["id"] for one in bot.suggestions(customer, status="all")] == [suggestion["id"]]


def test_a_copy_after_the_reply_changes_nothing(
    bot: Bot, platform: Platform, customer: str
) -> None:
    platform.says(customer, "这件还有L码吗")
    push = platform.notice()
    bot.push(push)
    bot.approve(bot.suggestion(customer)["id"])
    assert len(bot.delivered(customer)) == 1
    bot.push(push)
    _settle(bot, customer)
    assert len(bot.suggestions(customer, status="all")) == 1
    assert len(platform.got(customer)) == 1


def test_a_row_that_comes_twice_counts_once(bot: Bot, platform: Platform, customer: str) -> None:
    account = platform.account("wk_twice")
    msgid = platform.says(customer, "太贵了", to="wk_twice")
    account.rows.append(account.rows[-1])
    bot.told("wk_twice")
    assert bot.suggestion(customer)["burst"]["text"] == "太贵了"
    account.rows.append(account.rows[-1])
    bot.told("wk_twice")
    _settle(bot, customer)
    assert len(bot.suggestions(customer, status="all")) == 1
    assert [row["msgid"] for row in account.rows] == [msgid] * 3


def test_the_same_msgid_in_two_accounts_is_two_messages(
    bot: Bot, platform: Platform, customer: str
) -> None:
    others = f"{customer}_other"
    platform.says(customer, "太贵了", to="wk_one", msgid="same_msgid")
    platform.says(others, "太贵了", to="wk_two", msgid="same_msgid")
    bot.told("wk_one")
    bot.told("wk_two")
    bot.suggestion(customer)
    bot.suggestion(others)


def test_the_same_words_twice_are_two_messages(
    bot: Bot, platform: Platform, customer: str
) -> None:
    now = int(time.time())
    platform.says(customer, "在吗", send_time=now - 60)
    platform.says(customer, "在吗", send_time=now)
    bot.told()
    found = bot.wait_for(
        lambda: len(bot.suggestions(customer)) == 2 and bot.suggestions(customer), "two"
    )
    assert [one["burst"]["text"] for one in found] == ["在吗", "在吗"]


def test_lines_out_of_order_are_read_in_order(bot: Bot, platform: Platform, customer: str) -> None:
    now = int(time.time())
    platform.says(customer, "第二句：有L码吗", send_time=now + 1)
    platform.says(customer, "第一句：这件毛衣", send_time=now)
    bot.told()
    assert bot.suggestion(customer)["burst"]["text"] == "第一句：这件毛衣\n第二句：有L码吗"


def test_a_push_for_nothing_new_is_harmless(bot: Bot, platform: Platform, customer: str) -> None:
    for _ in range(5):
        bot.told("wk_quiet")
    _settle(bot, customer)
    assert all(row["conversation"]["open_kfid"] != "wk_quiet" for row in bot.suggestions())


def test_a_lost_push_is_made_up_for_by_the_next(
    bot: Bot, platform: Platform, customer: str
) -> None:
    platform.says(customer, "这件还有L码吗")
    platform.notice()
    assert bot.hears(f"{customer}_b", "太贵了")
    assert bot.suggestion(customer)["burst"]["text"] == "这件还有L码吗"


def test_two_accounts_keep_their_conversations_apart(
    bot: Bot, platform: Platform, customer: str
) -> None:
    platform.says(customer, "这件还有L码吗", to="wk_east")
    platform.says(customer, "什么时候发货", to="wk_west")
    bot.told("wk_east")
    bot.told("wk_west")
    found = bot.wait_for(
        lambda: len(bot.suggestions(customer)) == 2 and bot.suggestions(customer), "two"
    )
    assert {one["conversation"]["open_kfid"] for one in found} == {"wk_east", "wk_west"}
    for one in found:
        bot.approve(one["id"], text=f"来自 {one['conversation']['open_kfid']}")
    bot.delivered(customer, 2)
    for call in platform.calls_of("kf/send_msg", customer):
        assert call.body["text"]["content"] == f"来自 {call.body['open_kfid']}"


def test_another_event_in_the_same_second_is_not_a_copy(
    bot: Bot, platform: Platform, customer: str
) -> None:
    """Two customers added in one second differ in a field only."""
    at = int(time.time())
    for who in ("wm_a", "wm_b"):
        xml = (
            f"<xml><ToUserName>{platform.credentials.corp_id}</ToUserName>"
            f"<FromUserName>sys</FromUserName><CreateTime>{at}</CreateTime>"
            "<MsgType>event</MsgType><Event>change_external_contact</Event>"
            f"<ChangeType>add_external_contact</ChangeType><UserID>guide</UserID>"
            f"<ExternalUserID>{customer}_{who}</ExternalUserID></xml>"
        )
        assert bot.push(pushed(xml, platform.credentials)).text == "success"
    rows = bot.rows("SELECT fields FROM inbox_event WHERE event = 'change_external_contact'")
    assert sum(customer in fields for (fields,) in rows) == 2
