from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox import Call, Platform, answer, mass_sends

GUIDE = "guide_qing"
PEOPLE = ("wmMassOne", "wmMassTwo")


def _call(platform: Platform, api: str, **body: Any) -> dict[str, Any]:
    query = {"access_token": _token(platform)}
    outcome = answer(platform, Call(f"externalcontact/{api}", query=query, body=body))
    assert isinstance(outcome.answer, dict)
    return outcome.answer


def _token(platform: Platform) -> str:
    corp = platform.settings
    query = {"corpid": corp.corp_id, "corpsecret": corp.secret}
    outcome = answer(platform, Call("gettoken", method="GET", query=query))
    assert isinstance(outcome.answer, dict)
    return str(outcome.answer["access_token"])


@pytest.fixture
def friends(platform: Platform) -> Platform:
    for who in PEOPLE:
        platform.add_customer(who, who)
        platform.friends.begin(GUIDE, who, channel="", half=False, now=platform.now())
    return platform


def _new(platform: Platform, text: str = "上新了") -> str:
    made = _call(
        platform,
        "add_msg_template",
        sender=GUIDE,
        external_userid=[*PEOPLE, "wmStranger"],
        text={"content": text},
    )
    assert made["errcode"] == 0, made
    assert made["fail_list"] == ["wmStranger"]
    return str(made["msgid"])


def test_nothing_is_sent_before_the_guide_confirms(friends: Platform, clock: Any) -> None:
    msgid = _new(friends)
    assert _call(friends, "get_groupmsg_task", msgid=msgid)["errcode"] == 41063
    clock.advance(seconds=3)
    assert _call(friends, "get_groupmsg_task", msgid=msgid)["task_list"][0]["status"] == 0
    assert mass_sends.received(friends, PEOPLE[0]) == []
    assert mass_sends.confirm(friends, msgid) == list(PEOPLE)
    rows = _call(friends, "get_groupmsg_send_result", msgid=msgid, userid=GUIDE)["send_list"]
    assert {row["status"] for row in rows} == {1}


def test_who_has_had_enough_or_left_does_not_receive(friends: Platform, clock: Any) -> None:
    for _ in range(mass_sends.limit("days_of_month", friends.now())):
        mass_sends.confirm(friends, _dispatched(friends, clock))
    friends.friends.end(GUIDE, PEOPLE[1], by="customer")
    last = _dispatched(friends, clock)
    assert mass_sends.confirm(friends, last) == []
    rows = _call(friends, "get_groupmsg_send_result", msgid=last, userid=GUIDE)["send_list"]
    assert {row["external_userid"]: row["status"] for row in rows} == {
        PEOPLE[0]: mass_sends.LIMIT,
        PEOPLE[1]: mass_sends.NOT_FRIENDS,
    }


def _dispatched(platform: Platform, clock: Any) -> str:
    msgid = _new(platform)
    clock.advance(seconds=3)
    return msgid


def test_three_reminders_a_day_and_one_cancellation(friends: Platform, clock: Any) -> None:
    msgid = _dispatched(friends, clock)
    codes = [_call(friends, "remind_groupmsg_send", msgid=msgid)["errcode"] for _ in range(4)]
    assert codes == [0, 0, 0, 41094]
    codes = [_call(friends, "cancel_groupmsg_send", msgid=msgid)["errcode"] for _ in range(2)]
    assert codes == [0, 41093]
    assert mass_sends.confirm(friends, msgid) == []


def test_tasks_of_the_api_are_listed_without_a_creator(friends: Platform) -> None:
    msgid, now = _new(friends, "读回来"), friends.now()
    listed = _call(
        friends,
        "get_groupmsg_list_v2",
        chat_type="single",
        start_time=now - 60,
        end_time=now + 60,
    )["group_msg_list"]
    assert [(one["msgid"], one["text"]["content"]) for one in listed] == [(msgid, "读回来")]
    assert "creator" not in listed[0]


def test_a_post_is_made_by_a_job_and_seen_by_those_with_the_tag(
    friends: Platform, clock: Any
) -> None:
    from bot.sandbox import moments

    group = _call(friends, "add_corp_tag", group_name="批次", tag=[{"name": "今天"}])["tag_group"]
    tag = group["tag"][0]["id"]
    _call(friends, "mark_tag", userid=GUIDE, external_userid=PEOPLE[0], add_tag=[tag])
    reach = {
        "sender_list": {"user_list": [GUIDE]},
        "external_contact_list": {"tag_list": [tag]},
    }
    job = _call(friends, "add_moment_task", text={"content": "早"}, visible_range=reach)["jobid"]
    clock.advance(seconds=3)
    [(moment_id, userid)] = moments.waiting(friends)
    assert moments.by_job(friends, job)["moment_id"] == moment_id
    assert moments.publish(friends, moment_id, userid) == [PEOPLE[0]]
    assert moments.publish(friends, moment_id, userid) == []
    moments.react(friends, moment_id, userid, PEOPLE[0], moments.LIKE)
    said = _call(friends, "get_moment_comments", moment_id=moment_id, userid=GUIDE)
    assert [one["external_userid"] for one in said["like_list"]] == [PEOPLE[0]]


def test_ten_posts_a_minute(friends: Platform) -> None:
    codes = [
        _call(friends, "add_moment_task", text={"content": str(number)})["errcode"]
        for number in range(11)
    ]
    assert codes == [0] * 10 + [45009]
