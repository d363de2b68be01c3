"""What WeCom will not send is not tried again; a guide reads why, in Chinese."""

from __future__ import annotations

import re

import pytest

from e2e.running import Bot
from e2e.standin import Platform


def _is_chinese(text: str) -> bool:
    return len(re.findall(r"[\u4e00-\u9fff]", text)) >= 6


@pytest.mark.parametrize("errcode", [95018, 95001, 95002, 95013, 95016, 40058])
def test_a_refusal_is_final_and_explained(
    bot: Bot, platform: Platform, customer: str, errcode: int
) -> None:
    suggestion = bot.hears(customer, "太贵了")
    platform.fails_for(customer, errcode, times=100)
    bot.approve(suggestion["id"])
    [delivery] = bot.wait_for(lambda: bot.deliveries(customer, state="failed"), "the refusal")
    assert delivery["errcode"] == errcode
    assert _is_chinese(delivery["error"])
    assert delivery["text"] == suggestion["choices"][0]["text"]
    bot.approve(bot.hears(f"{customer}_b", "太贵了")["id"])
    bot.delivered(f"{customer}_b")
    assert len(platform.calls_of("kf/send_msg", customer)) == 1
    assert platform.got(customer) == []


def test_a_refused_send_can_be_tried_again_by_a_person(
    bot: Bot, platform: Platform, customer: str
) -> None:
    suggestion = bot.hears(customer, "太贵了")
    platform.fails_for(customer, 95018)
    bot.approve(suggestion["id"])
    [delivery] = bot.wait_for(lambda: bot.deliveries(customer, state="failed"), "the refusal")
    assert bot.api("POST", f"/deliveries/{delivery['id']}/retry").status == 200
    assert len(bot.delivered(customer)) == 1
    first, second = platform.calls_of("kf/send_msg", customer)
    assert first.body["msgid"] == second.body["msgid"]
    assert bot.api("POST", f"/deliveries/{delivery['id']}/retry").status == 404


@pytest.mark.parametrize("fail_type", [0, 1, 2, 4, 5, 6, 8, 10, 11, 12, 13, 99])
def test_a_message_that_did_not_arrive_is_marked(
    bot: Bot, platform: Platform, customer: str, fail_type: int
) -> None:
    suggestion = bot.hears(customer, "太贵了")
    bot.approve(suggestion["id"])
    bot.delivered(customer)
    [call] = platform.calls_of("kf/send_msg", customer)
    platform.event(
        "wk_shop",
        "msg_send_fail",
        external_userid=customer,
        fail_msgid=call.body["msgid"],
        fail_type=fail_type,
    )
    bot.told()
    [delivery] = bot.wait_for(lambda: bot.deliveries(customer, state="failed"), "the mark")
    assert _is_chinese(delivery["error"])
    [line] = [
        line
        for line in bot.api("GET", f"/conversations/{suggestion['conversation']['id']}").json[
            "lines"
        ]
        if not line["from_customer"]
    ]
    assert (line["state"], line["problem"]) == ("failed", delivery["error"])
    assert len(platform.got(customer)) == 1


def test_news_of_a_failure_for_an_unknown_message_is_harmless(
    bot: Bot, platform: Platform, customer: str
) -> None:
    platform.event(
        "wk_shop", "msg_send_fail", external_userid=customer, fail_msgid="never", fail_type=10
    )
    bot.hears(f"{customer}_b", "太贵了")


def test_only_five_messages_follow_one_of_the_customer(
    bot: Bot, platform: Platform, customer: str
) -> None:
    """The sixth is not even tried, until the customer writes again."""
    ids = []
    for _ in range(6):
        ids.append(bot.hears(customer, "太贵了")["id"])
        if len(ids) < 6:
            bot.api("POST", f"/suggestions/{ids.pop()}/reject", {"reason": "先不回"})
            ids.append(0)
    assert platform.got(customer) == []
    bot.approve(ids[-1], text="只有一条")
    assert bot.delivered(customer) == ["只有一条"]


def test_a_colleague_in_wecom_answers_first(bot: Bot, platform: Platform, customer: str) -> None:
    suggestion = bot.hears(customer, "太贵了")
    platform.says(customer, "同事已回复", origin=5, servicer_userid="guide")
    bot.told()
    bot.wait_for(lambda: bot.suggestions(customer, status="superseded"), "the suggestion to go")
    late = bot.approve(suggestion["id"])
    assert (late.status, late.code) == (409, "already_decided")
    assert platform.got(customer) == []
