"""A customer writes in short lines; those within a few seconds are answered together."""

from __future__ import annotations

import time

from e2e.running import Bot
from e2e.standin import Platform


def test_a_burst_is_one_suggestion_with_all_lines(
    bot: Bot, platform: Platform, customer: str
) -> None:
    lines = ["你好", "我想问下这件毛衣", "还有L码吗"]
    for line in lines:
        platform.says(customer, line)
    bot.told()
    suggestion = bot.suggestion(customer)
    assert suggestion["burst"]["text"].splitlines() == lines
    assert suggestion["understanding"]["intent"] != "greet"


def test_lines_that_are_pushed_one_by_one_join(
    bot: Bot, platform: Platform, customer: str
) -> None:
    lines = ["在吗", "什么时候发货", "我急着穿"]
    for line in lines:
        platform.says(customer, line)
        bot.told()
    suggestion = bot.suggestion(customer)
    assert suggestion["burst"]["text"].splitlines() == lines


def test_lines_further_apart_are_two(bot: Bot, platform: Platform, customer: str) -> None:
    now = int(time.time())
    platform.says(customer, "这件还有L码吗", send_time=now - 40)
    platform.says(customer, "什么时候发货", send_time=now - 10)
    bot.told()
    found = bot.wait_for(
        lambda: len(bot.suggestions(customer)) == 2 and bot.suggestions(customer), "two"
    )
    assert [one["burst"]["text"] for one in found] == ["这件还有L码吗", "什么时候发货"]


def test_two_customers_at_once_do_not_mix(bot: Bot, platform: Platform, customer: str) -> None:
    other = f"{customer}_other"
    platform.says(customer, "这件还有L码吗")
    platform.says(other, "什么时候发货")
    platform.says(customer, "我要黑色的")
    bot.told()
    assert bot.suggestion(customer)["burst"]["text"].splitlines() == [
        "这件还有L码吗",
        "我要黑色的",
    ]
    assert bot.suggestion(other)["burst"]["text"] == "什么时候发货"


def test_a_picture_among_the_lines_stays_with_them(
    bot: Bot, platform: Platform, customer: str
) -> None:
    platform.says(customer, "这件还有L码吗")
    platform.arrives(
        "wk_shop", msgtype="image", image={"media_id": "m1"}, external_userid=customer
    )
    bot.told()
    suggestion = bot.suggestion(customer)
    assert suggestion["burst"]["text"].splitlines() == ["这件还有L码吗", "[图片]"]
    assert suggestion["understanding"]["intent"] in ("ask_stock", "ask_size")
