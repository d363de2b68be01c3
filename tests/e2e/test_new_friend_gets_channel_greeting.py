"""A new friend hears from the shop within seconds, once, in the words of their channel."""

from __future__ import annotations

import concurrent.futures
import time
from typing import Any

import pytest

from e2e.conftest import StartBot
from e2e.contacts import Contacts
from e2e.running import Bot
from e2e.standin import Platform

GREETING = "您好{customer_name}，我是{shop_name}的{guide_name}，扫海报来的朋友先领券🎁"


@pytest.fixture
def contacts(platform: Platform) -> Contacts:
    return Contacts(platform)


def _channel(bot: Bot, text: str = GREETING, **more: Any) -> Any:
    body = {"name": "春季海报", "guides": ["qing", "tang"], "greeting": {"text": text}, **more}
    answer = bot.api("POST", "/channels", body)
    assert answer.status == 201, answer.text
    return answer.json


def _tell(bot: Bot, contacts: Contacts, friend: Any) -> None:
    answer = bot.push(contacts.push(friend))
    assert (answer.status, answer.text) == (200, "success")


def _greeting(bot: Bot, who: str) -> Any:
    """The settled row of a new friend."""

    def settled() -> Any:
        rows = bot.api("GET", f"/greetings?external_userid={who}").json["items"]
        return rows[0] if rows and rows[0]["outcome"] else None

    return bot.wait_for(settled, f"the greeting of {who} to be settled")


def test_a_channel_is_made_shown_changed_and_deleted(bot: Bot, contacts: Contacts) -> None:
    channel = _channel(bot, tags=["海报"])
    way = contacts.ways[channel["config_id"]]
    assert way["state"] == channel["state"]
    assert way["user"] == ["qing", "tang"]
    assert channel["qr_code"] == way["qr_code"]
    path = f"/channels/{channel['id']}"
    assert bot.api("GET", path).json["name"] == "春季海报"
    assert channel["id"] in [one["id"] for one in bot.api("GET", "/channels").json["items"]]
    changed = bot.api("PATCH", path, {"guides": ["tang"], "name": "夏季海报"})
    assert (changed.status, changed.json["guides"]) == (200, ["tang"])
    assert way["user"] == ["tang"]
    assert bot.api("DELETE", path).status == 200
    assert channel["config_id"] not in contacts.ways
    assert bot.api("GET", path).status == 404


def test_the_greeting_is_the_channels(bot: Bot, contacts: Contacts) -> None:
    channel = _channel(bot, tags=["海报", "春季"])
    friend = contacts.adds(state=channel["state"])
    _tell(bot, contacts, friend)
    row = _greeting(bot, friend.who)
    assert row["outcome"] == "sent"
    name = f"客{friend.who[-5:]}"
    expected = GREETING.format(customer_name=name, shop_name="暖屿生活馆", guide_name="青青")
    assert contacts.greeted(friend.who) == [expected]
    profile = bot.wait_for(
        lambda: _with_tags(bot, friend.who, {"海报", "春季"}), "the channel's tags"
    )
    assert profile["stage"] == "icebreak"
    assert profile["channel"] == channel["state"]
    assert contacts.tag_names("qing", friend.who) == {"海报", "春季"}


def _with_tags(bot: Bot, who: str, tags: set[str]) -> Any:
    answer = bot.api("GET", f"/customers/{who}")
    return answer.json if answer.status == 200 and set(answer.json["tags"]) >= tags else None


def test_without_a_channel_the_shops_own_words_greet(bot: Bot, contacts: Contacts) -> None:
    friend = contacts.adds(guide="tang")
    _tell(bot, contacts, friend)
    assert _greeting(bot, friend.who)["outcome"] == "sent"
    [text] = contacts.greeted(friend.who)
    assert "暖屿生活馆" in text
    assert "糖糖" in text


def test_three_copies_are_one_greeting(bot: Bot, contacts: Contacts) -> None:
    channel = _channel(bot)
    friend = contacts.adds(state=channel["state"])
    at = int(time.time())
    for _ in range(3):
        assert bot.push(contacts.push(friend, at=at)).text == "success"
    _greeting(bot, friend.who)
    assert len(contacts.greeted(friend.who)) == 1
    calls = contacts.platform.calls_of("externalcontact/send_welcome_msg")
    assert [call.errcode for call in calls if call.body["welcome_code"] == friend.code] == [0]


def test_two_friends_of_one_second_are_two(bot: Bot, contacts: Contacts) -> None:
    channel = _channel(bot)
    both = [contacts.adds(state=channel["state"]) for _ in range(2)]
    at = int(time.time())
    for friend in both:
        assert bot.push(contacts.push(friend, at=at)).text == "success"
    for friend in both:
        assert _greeting(bot, friend.who)["outcome"] == "sent"
        assert len(contacts.greeted(friend.who)) == 1


def test_an_expired_code_is_told_to_the_guide(bot: Bot, contacts: Contacts) -> None:
    channel = _channel(bot)
    friend = contacts.adds(state=channel["state"], expired=True)
    _tell(bot, contacts, friend)
    row = _greeting(bot, friend.who)
    assert (row["outcome"], row["errcode"]) == ("failed", 41050)
    assert "20 秒" in row["reason"]
    told = bot.wait_for(
        lambda: [
            text for userid, text in contacts.told if userid == "qing" and row["text"] in text
        ],
        "a notice to the guide",
    )
    assert len(told) == 1


def test_a_lost_answer_greets_once(bot: Bot, contacts: Contacts, platform: Platform) -> None:
    channel = _channel(bot)
    friend = contacts.adds(state=channel["state"])
    platform.fails(
        "externalcontact/send_welcome_msg",
        "close",
        works=True,
        applies=lambda body: body.get("welcome_code") == friend.code,
    )
    _tell(bot, contacts, friend)
    assert _greeting(bot, friend.who)["outcome"] == "sent"
    assert len(contacts.greeted(friend.who)) == 1


def test_without_a_code_nothing_is_sent(bot: Bot, contacts: Contacts) -> None:
    friend = contacts.adds(code=False)
    _tell(bot, contacts, friend)
    row = _greeting(bot, friend.who)
    assert row["outcome"] == "skipped"
    assert "凭证" in row["reason"]


def test_somebody_who_opted_out_hears_nothing(bot: Bot, contacts: Contacts) -> None:
    channel = _channel(bot)
    friend = contacts.adds(state=channel["state"])
    now = int(time.time())
    bot.push(contacts.push(friend, at=now - 60))
    _greeting(bot, friend.who)
    assert bot.api("POST", f"/customers/{friend.who}/opt-out", {}).status == 200
    bot.push(contacts.change("del_follow_user", "qing", friend.who, at=now - 30))
    bot.push(contacts.push(contacts.adds(friend.who, state=channel["state"]), at=now))
    bot.wait_for(lambda: _greeting(bot, friend.who)["outcome"] == "skipped", "the second meeting")
    assert "退订" in _greeting(bot, friend.who)["reason"]
    assert len(contacts.greeted(friend.who)) == 1


def test_the_other_guide_is_told_of_a_shared_friend(bot: Bot, contacts: Contacts) -> None:
    channel = _channel(bot)
    first = contacts.adds(state=channel["state"], guide="qing")
    _tell(bot, contacts, first)
    _greeting(bot, first.who)
    second = contacts.adds(first.who, state=channel["state"], guide="tang")
    _tell(bot, contacts, second)
    bot.wait_for(lambda: len(contacts.greeted(first.who)) == 2, "the second greeting")
    old, new = contacts.greeted(first.who)
    assert new != old.replace("青青", "糖糖")
    bot.wait_for(
        lambda: (
            {userid for userid, text in contacts.told if "tang" in text or "qing" in text}
            >= {"qing", "tang"}
        ),
        "both guides to be told",
    )


def test_somebody_who_returns_is_greeted_as_such(bot: Bot, contacts: Contacts) -> None:
    channel = _channel(bot, text="欢迎{customer_name}")
    now = int(time.time())
    friend = contacts.adds(state=channel["state"])
    bot.push(contacts.push(friend, at=now - 60))
    _greeting(bot, friend.who)
    left = contacts.change("del_follow_user", "qing", friend.who, at=now - 30)
    assert bot.push(left).text == "success"
    again = contacts.adds(friend.who, state=channel["state"])
    bot.push(contacts.push(again, at=now))
    bot.wait_for(lambda: len(contacts.greeted(friend.who)) == 2, "the second greeting")
    first, second = contacts.greeted(friend.who)
    assert second.endswith(first)
    assert second != first


def test_a_bad_variable_is_refused(bot: Bot, contacts: Contacts) -> None:
    body = {"name": "x", "guides": ["qing"], "greeting": {"text": "你好{vip_level}"}}
    answer = bot.api("POST", "/channels", body)
    assert answer.status == 422
    assert "vip_level" in answer.text


@pytest.mark.long
def test_a_burst_of_friends_beside_two_thousand_messages(
    start: StartBot, own_platform: Platform
) -> None:
    contacts, bot = Contacts(own_platform), start(own_platform)
    channel = _channel(bot, text="欢迎{customer_name}来到{shop_name}")
    for number in range(2000):
        own_platform.says(f"wm_chat_{number:04d}", f"这件有货吗{number}")
    bot.told()
    friends = []

    def one(_: int) -> None:
        friend = contacts.adds(state=channel["state"])
        friends.append(friend)
        assert bot.push(contacts.push(friend)).text == "success"

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(300)))
    bot.wait_for(
        lambda: sum(1 for one in friends if contacts.greeted(one.who)) == 300,
        "everybody to be greeted",
        patience=30,
    )
    assert all(len(contacts.greeted(one.who)) == 1 for one in friends)
    mine = {one.who for one in friends}
    waits = sorted(one.after for one in contacts.welcomes if one.who in mine)
    assert waits[-1] < 20


@pytest.mark.long
def test_killed_while_greeting_nobody_is_greeted_twice(
    start: StartBot, own_platform: Platform
) -> None:
    contacts, bot = Contacts(own_platform), start(own_platform)
    channel = _channel(bot)
    friend = contacts.adds(state=channel["state"])
    own_platform.fails("externalcontact/send_welcome_msg", "hang", works=True)
    _tell(bot, contacts, friend)
    bot.wait_for(lambda: contacts.greeted(friend.who), "the greeting to arrive")
    bot.kill()
    bot.start()
    assert _greeting(bot, friend.who)["outcome"] in ("sent", "unsure")
    assert len(contacts.greeted(friend.who)) == 1
