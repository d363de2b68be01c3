from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from apishop import Api
from sqlalchemy import select, update

from bot.customers.contact_events import apply_change
from bot.customers.follows import FollowChange
from bot.customers.hearing import take_to_heart
from bot.customers.profiles import meet
from bot.store.contact_tables import CorpTag, FollowTag, OptOut, TagGroup, TagJob
from bot.store.tables import Customer, Message, Outbound, Suggestion


async def befriend(api: Api, who: str, *guides: str, channel: str = "", later: int = 0) -> None:
    now = api.bot.ground.clock.now() + timedelta(seconds=later)
    async with api.database.write() as session:
        await meet(session, [who], stage="icebreak", now=now)
        for guide in guides:
            await apply_change(session, guide, who, FollowChange.ADDED, at=now, channel=channel)


async def bear(api: Api, guide: str, who: str, tag: str) -> None:
    now = api.bot.ground.clock.now()
    async with api.database.write() as session:
        if await session.get(TagGroup, "g") is None:
            session.add(TagGroup(group_id="g", name="组", read_at=now))
        if await session.get(CorpTag, f"et{tag}") is None:
            session.add(CorpTag(tag_id=f"et{tag}", group_id="g", name=tag, read_at=now))
        session.add(FollowTag(tag_id=f"et{tag}", external_userid=who, userid=guide))


async def test_customers_are_listed_newest_first_by_stage_tag_channel_and_guide(
    api: Api,
) -> None:
    for number in range(5):
        await befriend(
            api, f"wm{number}", "li" if number % 2 else "zhang", channel="door", later=number
        )
    await befriend(api, "wmLive", "li", channel="live", later=9)
    await bear(api, "li", "wm1", "VIP")
    async with api.database.write() as session:
        await session.execute(
            update(Customer).where(Customer.external_userid == "wm2").values(stage="closing")
        )
    status, found = await api.get("customers", limit=4)
    assert status == 200
    ids = [item["external_userid"] for item in found["items"]]
    assert ids == ["wmLive", "wm4", "wm3", "wm2"]
    _, rest = await api.get("customers", limit=4, cursor=found["next_cursor"])
    assert [item["external_userid"] for item in rest["items"]] == ["wm1", "wm0"]
    assert rest["next_cursor"] is None

    async def ids_by(**params: str) -> list[str]:
        _, page = await api.get("customers", **params)
        return [item["external_userid"] for item in page["items"]]

    assert await ids_by(stage="closing") == ["wm2"]
    assert await ids_by(tag="VIP") == await ids_by(tag="etVIP") == ["wm1"]
    assert await ids_by(channel="live") == ["wmLive"]
    assert await ids_by(guide="zhang", stage="icebreak") == ["wm4", "wm0"]
    assert await ids_by(q="wm3") == ["wm3"]
    assert await ids_by(tag="没有") == []
    assert found["items"][0]["guides"] == ["li"]


@pytest.mark.parametrize("cursor", ["abc", "bnVsbA", "W10", "WzEsMl0", "x" * 900, "%00"])
async def test_a_cursor_of_another_make_is_refused(api: Api, cursor: str) -> None:
    assert (await api.get("customers", cursor=cursor))[0] == 400


async def test_an_unknown_stage_names_those_there_are(api: Api) -> None:
    status, answer = await api.get("customers", stage="nowhere")
    assert status == 422
    assert "破冰" not in answer["error"]["message"]
    assert "icebreak" in answer["error"]["details"]["stages"]


async def test_one_person_met_by_two_guides_is_shown_with_both(api: Api) -> None:
    await befriend(api, "wmA", "zhang", "li", channel="door")
    await befriend(api, "wmOther", "wang")
    async with api.database.write() as session:
        await session.execute(update(Customer).values(unionid="oU"))
    await bear(api, "li", "wmA", "VIP")
    _, shown = await api.get("customers/wmA")
    assert [one["userid"] for one in shown["follows"]] == ["li", "wang", "zhang"]
    assert shown["follows"][0]["tags"] == ["VIP"]
    assert shown["same_person"] == ["wmOther"]
    assert shown["channel"] == "door"
    assert shown["stage_history"][0]["cause"] == "first_seen"


async def test_opting_out_and_back_holds_for_all_ids_of_the_person(api: Api) -> None:
    await befriend(api, "wmA")
    await befriend(api, "wmB")
    async with api.database.write() as session:
        await session.execute(update(Customer).values(unionid="oU"))
    assert await api.post("customers/wmA/opt-out", {"reason": "电话里说的"}) == (
        200,
        {"external_userid": "wmA", "opted_out": True, "changed": True},
    )
    assert (await api.post("customers/wmB/opt-out"))[1]["changed"] is False
    assert (await api.get("customers/wmB"))[1]["opted_out"] is True
    status, answer = await api.call("DELETE", "api/v1/customers/wmB/opt-out")
    assert (status, answer["changed"]) == (200, True)
    assert (await api.get("customers/wmA"))[1]["opted_out"] is False
    assert (await api.post("customers/nobody/opt-out"))[0] == 404
    async with api.database.read() as session:
        rows = (await session.scalars(select(OptOut).where(OptOut.external_userid == "wmA"))).all()
    assert [(row.out, row.source) for row in rows] == [(True, "api"), (False, "api")]


async def hear(
    api: Api, text: str, *, intent: str, confidence: float = 0.9, entities: list[Any] | None = None
) -> int:
    """A burst of one message with its suggestion, as the dialogue room makes them."""
    clock: Any = api.bot.ground.clock
    clock.turn(seconds=1)
    suggestion_id = await api.suggest()
    now = clock.now()
    async with api.database.write() as session:
        suggestion = await session.get_one(Suggestion, suggestion_id)
        suggestion.text = text
        suggestion.understanding = {
            "intent": intent,
            "confidence": confidence,
            "entities": entities or [],
        }
        message = Message(
            source=f"wk{suggestion_id}",
            msgid=f"m{suggestion_id}",
            conversation_id=suggestion.conversation_id,
            burst_id=suggestion.burst_id,
            origin=3,
            msgtype="text",
            text=text,
            payload={},
            sent_at=now,
            received_at=now,
        )
        session.add(message)
        await session.flush()
        await take_to_heart(session, suggestion, [message], now=now)
        return int(message.id)


async def test_opting_out_by_message_withdraws_automatic_replies_that_wait(api: Api) -> None:
    waiting = await api.suggest()
    now = api.bot.ground.clock.now()
    async with api.database.write() as session:
        suggestion = await session.get_one(Suggestion, waiting)
        suggestion.decided_by = "policy"
        for decided, msgid in ((waiting, "auto"), (None, "guide")):
            session.add(
                Outbound(
                    lane="c1",
                    due_at=now,
                    msgid=msgid,
                    suggestion_id=decided,
                    conversation_id=suggestion.conversation_id,
                    payload={},
                    created_at=now,
                )
            )
    await hear(api, "别再给我发消息了", intent="opt_out")
    assert (await api.get("customers/wmA"))[1]["opted_out"] is True
    async with api.database.read() as session:
        rows = (await session.scalars(select(Outbound).order_by(Outbound.id))).all()
    assert [row.state for row in rows] == ["failed", "ready"]
    assert rows[0].error == "客户已退订，不再自动发送"


async def test_a_guess_opts_nobody_out(api: Api) -> None:
    await hear(api, "别再发那家快递了", intent="opt_out", confidence=0.7)
    assert (await api.get("customers/wmA"))[1]["opted_out"] is False


async def test_a_portrait_names_its_source_and_is_confirmed_or_corrected(api: Api) -> None:
    size = {"entity": "size", "value": "M", "text": "M码", "start": 0, "end": 2}
    message_id = await hear(api, "我穿M码，预算300以内", intent="ask_size", entities=[size])
    _, shown = await api.get("customers/wmA/portrait")
    facts = {fact["field"]: fact for fact in shown["facts"]}
    assert facts["size"]["value"] == "M"
    assert facts["size"]["message_id"] == message_id
    assert facts["budget"]["confidence"] >= 0.7
    status, fact = await api.post(
        "customers/wmA/portrait", {"field": "size", "value": "L", "instead_of": "M"}
    )
    assert (status, fact["state"]) == (200, "confirmed")
    await hear(api, "我穿M码", intent="ask_size", entities=[size])
    _, shown = await api.get("customers/wmA/portrait")
    assert {fact["field"]: fact["value"] for fact in shown["facts"]}["size"] == "L"
    rejected = {"field": "budget", "value": "300", "right": False}
    assert (await api.post("customers/wmA/portrait", rejected))[1]["state"] == "rejected"
    assert (await api.post("customers/wmA/portrait", {"field": "x", "value": "1"}))[0] == 422


async def test_the_timeline_is_one_stream_in_pages_without_gaps(api: Api) -> None:
    await befriend(api, "wmA", "zhang", "li")
    for number in range(4):
        await hear(api, f"第{number}句", intent="greet")
        await api.post(
            "events",
            {"id": f"e{number}", "type": "viewed_product", "external_userid": "wmA", "data": {}},
        )
    await api.post("customers/wmA/opt-out")
    _, whole = await api.get("customers/wmA/timeline", limit=200)
    kinds = {item["kind"] for item in whole["items"]}
    assert kinds == {"behaviour", "follow", "message", "opt_out", "stage"}
    times = [item["at"] for item in whole["items"]]
    assert times == sorted(times, reverse=True)
    collected: list[tuple[str, int]] = []
    cursor = ""
    while True:
        _, page = await api.get("customers/wmA/timeline", limit=3, cursor=cursor)
        collected += [(item["kind"], item["id"]) for item in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert collected == [(item["kind"], item["id"]) for item in whole["items"]]
    _, only = await api.get("customers/wmA/timeline", kind="message,stage")
    assert {item["kind"] for item in only["items"]} == {"message", "stage"}
    assert (await api.get("customers/wmA/timeline", kind="dreams"))[0] == 422


async def test_tags_are_promised_for_every_guide(api: Api) -> None:
    await befriend(api, "wmA", "zhang", "li")
    status, answer = await api.post("customers/wmA/tags", {"add": ["VIP"]})
    assert status == 202
    assert len(answer["jobs"]) == 2
    async with api.database.read() as session:
        jobs = (await session.scalars(select(TagJob).order_by(TagJob.id))).all()
    assert [(job.userid, job.names) for job in jobs] == [("li", ["VIP"]), ("zhang", ["VIP"])]
    assert (await api.post("customers/wmA/tags", {"add": ["VIP"], "guide": "wang"}))[0] == 404
    assert (await api.post("customers/wmA/tags", {}))[0] == 422
    await befriend(api, "wmAlone")
    assert (await api.post("customers/wmAlone/tags", {"add": ["VIP"]}))[0] == 422


async def test_the_sync_says_that_it_never_ran(api: Api) -> None:
    status, answer = await api.get("sync")
    assert (status, answer["state"], answer["percent"]) == (200, "never", 0)


async def test_rules_are_previewed_with_counts(api: Api) -> None:
    await befriend(api, "wmA", "zhang")
    await hear(api, "送给我妈妈的", intent="ask_gift")
    status, answer = await api.get("tag-rules")
    assert status == 200
    by_id = {item["id"]: item for item in answer["items"]}
    assert by_id["gift-for-elders"]["would_add"] == 1
    assert by_id["gift-for-elders"]["samples"] == ["wmA"]
    assert by_id["often-bought"]["matching"] == 0
    assert answer["automatic"] is False
    assert (answer["customers"], answer["all_customers"]) == (1, True)
    assert (await api.get("tag-rules?customers=0"))[0] == 422


async def test_tags_are_listed_with_how_many_bear_them(api: Api) -> None:
    await befriend(api, "wmA", "zhang", "li")
    await bear(api, "zhang", "wmA", "VIP")
    await bear(api, "li", "wmA", "VIP")
    _, answer = await api.get("tags")
    assert answer["items"] == [
        {"id": "etVIP", "name": "VIP", "group": "组", "ours": False, "customers": 1}
    ]
    status, refusal = await api.call("PATCH", "api/v1/tags/etVIP", json={"name": "贵宾"})
    assert status == 422
    assert "不是本应用创建的" in refusal["error"]["message"]
    assert (await api.call("DELETE", "api/v1/tags/etNone"))[0] == 404
