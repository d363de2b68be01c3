from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from bot.sandbox import Platform, SandboxSettings, moments
from bot.sandbox.clock_guides import latest_cards, see_to_tasks
from bot.sandbox.clock_walk import PassingTime

from .conftest import START, Caller, FakeClock, Running

GUIDE, ANNA = "guide_qing", "wmAnna"
DAY = timedelta(days=1)


@pytest.fixture
def friends(platform: Platform) -> Platform:
    platform.add_customer(ANNA, "安娜")
    platform.friends.begin(GUIDE, ANNA, channel="", half=False, now=platform.now())
    return platform


def _post(call: Caller) -> None:
    made = call("externalcontact/add_moment_task", text={"content": "早"})
    assert made["errcode"] == 0


async def test_time_jumps_when_nobody_lives_by_it(platform: Platform) -> None:
    passing = PassingTime(platform)
    assert await passing.let(DAY) == START + DAY
    with pytest.raises(ValueError, match="往前"):
        await passing.let(-DAY)


async def test_a_day_passes_in_steps_and_companions_look_after_each(platform: Platform) -> None:
    passing, seen = PassingTime(platform), []

    async def look() -> None:
        seen.append(platform.clock())

    passing.companions.append(look)
    await passing.let(DAY)
    assert platform.clock() == START + DAY
    steps = [after - before for before, after in pairwise(seen)]
    assert max(steps) <= timedelta(hours=1)
    assert 30 <= len(steps) <= 48
    assert datetime(2026, 11, 20, 12, 1, tzinfo=UTC) in seen


async def test_guides_publish_by_day_and_sleep_at_night(
    friends: Platform, call: Caller, clock: FakeClock
) -> None:
    passing = PassingTime(friends)

    async def nothing() -> None:
        return

    passing.companions.append(nothing)
    clock.advance(hours=13)
    _post(call)
    await passing.let(timedelta(hours=8))
    assert moments.feed(friends, ANNA) == []
    await passing.let(timedelta(hours=4))
    assert [one["text"] for one in moments.feed(friends, ANNA)] == ["早"]


async def test_guides_who_were_told_to_wait_do_not_publish_by_themselves(
    friends: Platform, call: Caller
) -> None:
    passing = PassingTime(friends)

    async def nothing() -> None:
        return

    passing.companions.append(nothing)
    passing.guides_act = False
    _post(call)
    await passing.let(timedelta(hours=3))
    assert moments.feed(friends, ANNA) == []
    assert not PassingTime(friends).guides_act


async def test_the_clock_stays_turned_after_a_restart(tmp_path: Path, clock: FakeClock) -> None:
    settings = SandboxSettings(clock=clock, data_path=tmp_path / "sandbox.db")
    first = Platform(settings)
    passing = PassingTime(first)

    async def nothing() -> None:
        return

    passing.companions.append(nothing)
    await passing.let(timedelta(hours=5))
    first.close()
    second = Platform(settings)
    assert second.clock() == START + timedelta(hours=5)
    second.close()


async def test_the_page_turns_the_clock_and_confirms_for_guides(running: Running) -> None:
    platform, client = running.platform, running.client
    platform.add_customer(ANNA, "安娜")
    platform.friends.begin(GUIDE, ANNA, channel="", half=False, now=platform.now())
    await running.post("externalcontact/add_moment_task", {"text": {"content": "上新"}})
    async with client.post("/sandbox/api/clock", json={"seconds": 3600}) as response:
        state = await response.json()
    assert state["now"] == (START + timedelta(hours=1)).isoformat()
    [task] = [one for one in state["tasks"] if one["userid"] == GUIDE]
    assert (task["guide"], task["text"]) == ("青青", "上新")
    body = {"kind": task["kind"], "id": task["id"], "userid": GUIDE}
    async with client.post("/sandbox/api/guides/confirm", json=body) as response:
        assert ANNA in {pair.external_userid for pair in platform.friends.of_guide(GUIDE)}
        assert (await response.json())["reached"] >= 1
    async with client.get(f"/sandbox/api/customers/{ANNA}/moments") as response:
        [post] = (await response.json())["items"]
    like = {"moment_id": post["moment_id"], "userid": GUIDE}
    async with client.post(f"/sandbox/api/customers/{ANNA}/moments", json=like) as response:
        assert (await response.json())["items"][0]["liked"]
    async with client.post("/sandbox/api/guides", json={"on": False}) as response:
        assert not (await response.json())["guides_act"]


async def test_guides_follow_up_with_the_words_of_a_card_once(
    friends: Platform, call: Caller
) -> None:
    card = "【跟进】安娜：问合不合身\n可以直接复制：\n\n安娜好，衣服合身吗？"
    for text in (card, "今天有新客", card.replace("安娜", "没这个人")):
        told = call("message/send", touser=GUIDE, msgtype="text", agentid=1000002,
                    text={"content": text})  # fmt: skip
        assert told["errcode"] == 0
    assert [one["to"] for one in latest_cards(friends)] == [None, None, "安娜"]
    assert see_to_tasks(friends) == 1
    assert see_to_tasks(friends) == 0
    [message] = friends.timeline.of_customer(ANNA)
    assert (message.content["content"], message.servicer) == ("安娜好，衣服合身吗？", GUIDE)
    assert latest_cards(friends)[-1]["sent"]
