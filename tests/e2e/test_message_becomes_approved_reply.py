"""The main path: a customer writes, a guide decides, the customer reads it."""

from __future__ import annotations

from e2e.running import Bot
from e2e.standin import Platform


def test_one_suggestion_then_exactly_one_send(bot: Bot, platform: Platform, customer: str) -> None:
    suggestion = bot.hears(customer, "这件还有L码吗")
    assert suggestion["status"] == "pending"
    assert suggestion["customer"]["external_userid"] == customer
    assert suggestion["customer"]["stage"]
    assert suggestion["conversation"]["kind"] == "kf"
    assert suggestion["conversation"]["open_kfid"] == "wk_shop"
    assert suggestion["burst"]["text"] == "这件还有L码吗"
    assert suggestion["burst"]["at"]
    understanding = suggestion["understanding"]
    assert understanding["intent"] in ("ask_stock", "ask_size")
    assert understanding["ranking"][0]["intent"] == understanding["intent"]
    assert 0 < understanding["confidence"] <= 1
    first = suggestion["choices"][0]
    assert first["reasons"] and first["score"] > 0
    assert platform.got(customer) == []

    answer = bot.approve(suggestion["id"])
    assert answer.status == 200
    assert answer.json["id"] == suggestion["id"]
    assert answer.json["status"] == "approved"
    assert isinstance(answer.json["outbound_id"], int)

    assert bot.delivered(customer) == [first["text"]]
    [call] = platform.calls_of("kf/send_msg", customer)
    assert call.body["open_kfid"] == "wk_shop"
    assert call.body["msgid"]
    assert bot.suggestions(customer) == []
    [decided] = bot.suggestions(customer, status="approved")
    assert decided["id"] == suggestion["id"]


def test_approving_needs_no_body(bot: Bot, customer: str) -> None:
    suggestion = bot.hears(customer, "太贵了")
    assert bot.api("POST", f"/suggestions/{suggestion['id']}/approve").status == 200
    assert bot.delivered(customer) == [suggestion["choices"][0]["text"]]


def test_a_guide_sends_their_own_words(bot: Bot, customer: str) -> None:
    suggestion = bot.hears(customer, "什么时候发货")
    mine = '亲，今天 18 点前下单当天发出 🚚\n「顺丰」包邮 \\u4f60 "引号" <b>&amp;'
    assert bot.approve(suggestion["id"], text=mine).status == 200
    assert bot.delivered(customer) == [mine]


def test_a_guide_picks_another_script(bot: Bot, customer: str) -> None:
    suggestion = bot.hears(customer, "太贵了")
    assert len(suggestion["choices"]) > 1
    second = suggestion["choices"][1]
    assert bot.approve(suggestion["id"], script_id=second["script_id"]).status == 200
    assert bot.delivered(customer) == [second["text"]]


def test_a_rejected_suggestion_sends_nothing(bot: Bot, platform: Platform, customer: str) -> None:
    suggestion = bot.hears(customer, "太贵了")
    path = f"/suggestions/{suggestion['id']}/reject"
    answer = bot.api("POST", path, {"reason": "答非所问"})
    assert answer.status == 200
    assert answer.json == {"id": suggestion["id"], "status": "rejected"}
    [decided] = bot.suggestions(customer, status="rejected")
    assert decided["reason"] == "答非所问"

    other = f"{customer}_next"
    bot.approve(bot.hears(other, "太贵了")["id"])
    bot.delivered(other)
    assert platform.got(customer) == []


def test_the_stage_and_its_reason_are_kept(bot: Bot, customer: str) -> None:
    bot.hears(customer, "太贵了")
    profile = bot.api("GET", f"/customers/{customer}").json
    assert profile["external_userid"] == customer
    assert profile["stage"] == profile["stage_history"][-1]["to_stage"] == "objection"
    assert profile["stage_history"][-1]["cause"]
    assert profile["opted_out"] is False


def test_the_conversation_shows_both_sides(bot: Bot, customer: str) -> None:
    suggestion = bot.hears(customer, "这件还有L码吗")
    bot.approve(suggestion["id"], text="有的，L 码还有三件")
    bot.delivered(customer)
    path = f"/conversations/{suggestion['conversation']['id']}"
    lines = bot.api("GET", path).json["lines"]
    assert [(line["from_customer"], line["text"], line["state"]) for line in lines] == [
        (True, "这件还有L码吗", "received"),
        (False, "有的，L 码还有三件", "sent"),
    ]


def test_a_second_message_after_the_reply_is_a_new_suggestion(bot: Bot, customer: str) -> None:
    first = bot.hears(customer, "太贵了")
    bot.approve(first["id"])
    bot.delivered(customer)
    second = bot.hears(customer, "什么时候发货")
    assert second["id"] > first["id"]
    assert second["burst"]["text"] == "什么时候发货"
    bot.approve(second["id"])
    assert len(bot.delivered(customer, 2)) == 2
