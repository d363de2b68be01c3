"""Segments, the shop's greeting, stages moved by hand: what operators and programs change."""

from __future__ import annotations

from apishop import Api

from bot.customers.profiles import meet

MOTHERS = {
    "every": True,
    "groups": [
        {
            "conditions": [{"about": "stage", "value": "icebreak"}],
            "groups": [
                {
                    "every": False,
                    "conditions": [
                        {"about": "tag", "value": "妈妈"},
                        {"about": "channel", "value": "door", "negate": True},
                    ],
                }
            ],
        }
    ],
}


async def test_a_nested_segment_is_saved_counted_greeted_and_deleted(api: Api) -> None:
    now = api.bot.ground.clock.now()
    async with api.database.write() as session:
        await meet(session, ["wmA", "wmB"], stage="icebreak", now=now)
    body = {"name": "宝妈", "rule": MOTHERS}
    status, saved = await api.call("PUT", "api/v1/segments", json=body)
    assert (status, saved["customers"], saved["greeting"]) == (200, 2, None)
    path = f"api/v1/segments/{saved['id']}"
    greeting = {"greeting": {"text": "宝妈你好"}, "place": 3}
    status, greeted = await api.call("PUT", f"{path}/greeting", json=greeting)
    assert (status, greeted["greeting"]["text"], greeted["greeting_place"]) == (200, "宝妈你好", 3)
    _, words = await api.get("greetings/words")
    assert words["segments"] == [{"name": "宝妈", "saved": True, "text": "宝妈你好"}]
    status, plain = await api.call("DELETE", f"{path}/greeting")
    assert (status, plain["greeting"]) == (200, None)
    assert (await api.call("DELETE", path))[0] == 200
    assert (await api.call("DELETE", path))[0] == 404
    bad = {"name": "宝妈", "rule": {"groups": [{"conditions": [{"value": "a\x00"}]}]}}
    assert (await api.call("PUT", "api/v1/segments", json=bad))[0] == 422


async def test_the_default_greeting_is_edited_and_given_back(api: Api) -> None:
    status, words = await api.call("PUT", "api/v1/greetings/words", json={"text": "新的话"})
    assert (status, words["text"], words["edited"]) == (200, "新的话", ["text"])
    status, words = await api.call("PUT", "api/v1/greetings/words", json={"text": None})
    assert (status, words["edited"]) == (200, [])
    assert "customer_name" in words["text"]
    for wrong in ({"text": "  "}, {"text": "{vip}"}, {"words": "x"}, {"shared_lead": "\x00"}):
        assert (await api.call("PUT", "api/v1/greetings/words", json=wrong))[0] == 422


async def test_a_stage_is_moved_by_hand_with_a_reason(api: Api) -> None:
    async with api.database.write() as session:
        await meet(session, ["wmA"], stage="icebreak", now=api.bot.ground.clock.now())

    async def move(**body: str) -> tuple[int, str]:
        status, answer = await api.post("customers/wmA/stage", body)
        return status, answer.get("stage") or answer["error"]["code"]

    assert await move(to="won", reason="门店里付了现金", by="li") == (200, "won")
    assert await move(to="closing", reason="晚了一步", seen="icebreak") == (409, "conflict")
    assert await move(to="discover", reason="点错了") == (200, "discover")
    assert await move(to="nowhere", reason="?") == (422, "unprocessable")
    assert await move(to="won", reason="") == (422, "unprocessable")
    assert await move(to="won", reason="付款") == (200, "won")
    assert await move(to="repurchase", reason="又买了") == (200, "repurchase")
    assert await move(to="discover", reason="退回") == (409, "conflict")
    _, customer = await api.get("customers/wmA")
    assert [one["detail"] for one in customer["stage_history"]][1:3] == [
        "li：门店里付了现金",
        "api：点错了",
    ]
    assert (await api.post("customers/nobody/stage", {"to": "won", "reason": "x"}))[0] == 404
