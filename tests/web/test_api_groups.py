"""`/groups`, `/group-templates` and `/group-codes` over HTTP, on the sandbox's platform."""

from __future__ import annotations

from apishop import Api

from bot.groups.figures import growth
from bot.store.group_tables import CustomerGroup, GroupMember, GroupMove


async def fill(api: Api, *names: str) -> None:
    now = api.bot.ground.clock.now()
    async with api.database.write() as session:
        for name in names:
            chat = f"wr{name}"
            session.add(
                CustomerGroup(
                    chat_id=chat, name=f"{name}群", owner="qing", known_since=now, customers=1
                )
            )
            await session.flush()
            who = {"chat_id": chat, "userid": "wmA"}
            session.add(GroupMember(**who, kind=2, name="小林", joined_at=now, invitor="qing"))
            session.add(
                GroupMove(**who, kind="joined", at=now, day="2026-11-20", source="event", scene=3)
            )


async def test_groups_are_listed_shown_and_changed(api: Api) -> None:
    await fill(api, "A", "B", "C")
    status, first = await api.get("groups", limit=2)
    assert (status, len(first["items"]), first["next_after"]) == (200, 2, "wrB")
    _, rest = await api.get("groups", after=first["next_after"])
    assert [one["chat_id"] for one in rest["items"]] == ["wrC"]
    status, changed = await api.call(
        "PATCH", "api/v1/groups/wrA", json={"segment": "mothers", "tags": ["试点"]}
    )
    assert (status, changed["segment_label"], changed["tags"]) == (200, "宝妈群", ["试点"])
    assert changed["purpose"] and changed["greeting"] == "no_template"
    _, found = await api.get("groups", tag="试点")
    assert [one["chat_id"] for one in found["items"]] == ["wrA"]
    _, members = await api.get("groups/wrA/members")
    assert members["items"][0]["invitor"] == "qing"
    assert members["items"][0]["kind"] == "customer"
    _, moves = await api.get("groups/wrA/history")
    assert moves["items"][0]["scene"] == 3


async def test_figures_of_groups(api: Api) -> None:
    await fill(api, "A", "B", "C")
    _, shared = await api.get("groups/duplicates", at_least=3)
    assert [group["name"] for group in shared["items"][0]["groups"]] == ["A群", "B群", "C群"]
    assert (await api.get("groups/duplicates", at_least=4))[1]["items"] == []
    _, days = await api.get("groups/growth", days=2)
    assert (days["joined"], days["items"][-1]["joined"]) == (3, 3)
    async with api.database.read() as session:
        zone = api.bot.ground.settings.shop.zone
        now = api.bot.ground.clock.now()
        own = await growth(session, now=now, zone=zone, days=1, chat_id="wrA")
    assert own[0].joined == 1


async def test_what_is_wrong_is_said(api: Api) -> None:
    await fill(api, "A")
    for path in ("groups/wrX", "groups/wrX/members", "group-templates/9", "group-codes/9"):
        status, answer = await api.get(path)
        assert (status, answer["error"]["code"]) == (404, "not_found")
    status, answer = await api.call("PATCH", "api/v1/groups/wrA", json={"segment": "cats"})
    assert status == 422 and "群分类" in answer["error"]["message"]
    status, answer = await api.call("PATCH", "api/v1/groups/wrA", json={"tags": ["a\x00b"]})
    assert status == 422
    assert (await api.get("groups", silent="maybe"))[0] == 422
    assert (await api.post("groups/wrA/greeting-picked"))[0] == 422
    status, answer = await api.post("group-templates", {"segment": "vip", "text": "%NAME%"})
    assert status == 422 and "%NICKNAME%" in answer["error"]["message"]
    assert (await api.get("groups/wrA/history", before="2026-11-20T00:00:00"))[0] == 422


async def test_segments_come_with_their_samples(api: Api) -> None:
    _, segments = await api.get("group-segments")
    assert {"mothers", "vip"} <= {one["segment"] for one in segments["items"]}
    assert (await api.get("group-templates"))[1] == {"items": []}
    assert (await api.get("group-codes"))[1] == {"items": [], "next_after": None}
