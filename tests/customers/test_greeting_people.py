"""Who the new friend is: what they are called, who knows them already, and what follows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from greeting_lane import START, Lane, added
from greeting_lane import lane as lane
from sqlalchemy import event

from bot.customers.greeting_media import GreetingMedia
from bot.delivery.media import MediaLibrary
from bot.store.channel_tables import (
    Enrolment,
    Greeting,
    GuideNotice,
)
from bot.store.contact_tables import Follow, Guide, TagJob
from bot.store.tables import Customer


async def test_the_second_telling_of_a_meeting_need_not_name_the_channel_again(lane: Lane) -> None:
    await lane.channel(greeting={"text": "春季新品"}, tags=["海报"])
    lane.script.will("externalcontact/send_welcome_msg", 41053)
    await lane.arrive(added(state="c1", change="add_half_external_contact"))
    await lane.work()
    await lane.arrive(added(code=""))
    await lane.arrive(added(code="code-b", change="msg_audit_approved"))
    await lane.work()
    assert lane.texts[-1] == "春季新品"
    [job] = await lane.rows(TagJob)
    assert job.names == ["海报"]


async def test_half_added_then_added_is_one_meeting(lane: Lane) -> None:
    await lane.channel(tags=["海报"])
    half = "add_half_external_contact"
    await lane.arrive(added(state="c1", change=half))
    await lane.work()
    assert await lane.rows(TagJob) == []
    await lane.arrive(added(state="c1", code="code-b", at=START + timedelta(minutes=40)))
    await lane.work()
    assert len(lane.greeted) == 1
    rows = await lane.rows(Greeting)
    assert [row.outcome for row in rows] == ["sent", "skipped"]
    [job] = await lane.rows(TagJob)
    assert (job.names, job.cause) == (["海报"], "channel")


async def test_no_code_says_why_and_all_else_follows(lane: Lane) -> None:
    await lane.channel(tags=["海报"], journey="newcomer")
    await lane.arrive(added(state="c1", code=""))
    await lane.work()
    [row] = await lane.rows(Greeting)
    assert (row.outcome, lane.greeted) == ("skipped", [])
    assert "凭证" in row.reason
    assert len(await lane.rows(TagJob)) == 1
    assert len(await lane.rows(Enrolment)) == 1


async def test_nobody_who_opted_out_is_greeted_or_enrolled(lane: Lane) -> None:
    await lane.channel(journey="newcomer")
    await lane.knows("wm_a", opted_out_at=START)
    await lane.arrive(added(state="c1"))
    await lane.work()
    [row] = await lane.rows(Greeting)
    assert (row.outcome, lane.greeted) == ("skipped", [])
    assert "退订" in row.reason
    assert await lane.rows(Enrolment) == []


async def test_a_buyer_stays_a_buyer_and_a_sleeper_begins_anew(lane: Lane) -> None:
    await lane.knows("wm_a", stage="won")
    await lane.knows("wm_b", stage="dormant")
    await lane.arrive(added("wm_a", code="1"), added("wm_b", code="2"))
    await lane.work()
    stages = {one.external_userid: one.stage for one in await lane.rows(Customer)}
    assert stages == {"wm_a": "won", "wm_b": "icebreak"}


async def test_whoever_returns_is_welcomed_back(lane: Lane) -> None:
    await lane.arrive(added(at=START - timedelta(days=9)))
    await lane.work()
    left = added(change="del_follow_user", code="", at=START - timedelta(days=2))
    await lane.arrive(left)
    await lane.arrive(added(code="code-b"))
    await lane.work()
    first, second = lane.texts
    assert second == f"好久不见，欢迎回来～\n{first}"
    assert [row.relation for row in await lane.rows(Greeting)] == ["new", "returning"]


async def test_a_friend_of_two_guides_is_known_to_both(lane: Lane) -> None:
    await lane.channel(greeting={"text": "欢迎", "shared_text": "又见面啦"})
    await lane.arrive(added(guide="qing"))
    await lane.work()
    await lane.arrive(added(guide="tang", code="code-b", state="c1"))
    await lane.work()
    assert lane.texts[1] == "又见面啦"
    notices = {notice.userid: notice.text for notice in await lane.rows(GuideNotice)}
    assert set(notices) == {"qing", "tang"}
    assert "tang" in notices["qing"]
    assert "qing" in notices["tang"]


async def test_colleagues_are_told_the_name_even_without_a_greeting(lane: Lane) -> None:
    await lane.arrive(added(guide="qing"))
    await lane.work()
    contact = {"external_userid": "wm_a", "name": "小林", "avatar": "", "gender": 2, "type": 1}
    lane.script.will(
        "externalcontact/get",
        {"external_contact": contact, "follow_user": [{"userid": "tang", "createtime": 1}]},
    )
    await lane.arrive(added(guide="tang", code=""))
    await lane.work()
    assert all("「小林」" in notice.text for notice in await lane.rows(GuideNotice))


async def test_names_come_from_wecom_when_it_answers(lane: Lane) -> None:
    contact = {"external_userid": "wm_a", "name": "小林", "avatar": "", "gender": 2, "type": 1}
    lane.script.will(
        "externalcontact/get",
        {"external_contact": contact, "follow_user": [{"userid": "qing", "createtime": 1}]},
    )
    lane.script.will("user/get", {"errcode": 0, "userid": "qing", "name": "青青"})
    await lane.channel(greeting={"text": "{customer_name}你好，我是{shop_name}的{guide_name}"})
    await lane.arrive(added(state="c1"))
    await lane.work()
    assert lane.texts == ["小林你好，我是暖屿生活馆的青青"]
    [customer] = await lane.rows(Customer)
    assert customer.name == "小林"
    assert [(one.userid, one.name) for one in await lane.rows(Guide)] == [("qing", "青青")]


async def test_a_slow_answer_is_not_waited_for(lane: Lane) -> None:
    lane.script.will("externalcontact/get", "drop", "drop", "drop", "drop")
    await lane.channel()
    await lane.arrive(added(state="c1"))
    await lane.work(name_seconds=0.01)
    assert lane.texts == ["来自海报的亲，欢迎"]


async def test_an_empty_variable_stops_the_send(lane: Lane) -> None:
    await lane.channel(greeting={"text": "满{member_gift}送"})
    await lane.arrive(added(state="c1"))
    await lane.work()
    [row] = await lane.rows(Greeting)
    assert (row.outcome, lane.greeted) == ("failed", [])
    assert "member_gift" in row.reason


async def test_attachments_go_along_and_a_missing_file_does_not_stop_the_text(lane: Lane) -> None:
    (lane.tmp / "cover.png").write_bytes(b"picture")
    lane.script.will("media/upload", {"media_id": "m1", "type": "image"})
    link = {"title": "新人券", "url": "https://example.test/c"}
    attachments = [{"image": "cover.png"}, {"file": "gone.pdf"}, {"link": link}]
    await lane.channel(greeting={"text": "欢迎", "attachments": attachments})
    await lane.arrive(added(state="c1"))
    await lane.work()
    assert lane.greeted[0]["attachments"] == [
        {"msgtype": "image", "image": {"media_id": "m1"}},
        {"msgtype": "link", "link": link},
    ]
    [row] = await lane.rows(Greeting)
    assert row.outcome == "sent"
    assert "gone.pdf" in row.reason


async def test_files_are_uploaded_ahead_and_renewed_before_three_days_end(lane: Lane) -> None:
    (lane.tmp / "cover.png").write_bytes(b"picture")
    lane.script.will("media/upload", {"media_id": "m1"}, {"media_id": "m2"})
    media = GreetingMedia(
        MediaLibrary(lane.database, lane.client, lane.clock, root=lane.tmp), lane.clock
    )
    assert await media.prepare([{"image": "cover.png"}, {"image": "gone.png"}]) == [
        "话术里的文件不存在：gone.png；请放到话术目录下"
    ]
    assert lane.script.made("media/upload") == 1
    bodies, _ = await media.bodies([{"image": "cover.png"}])
    assert lane.script.made("media/upload") == 1
    lane.clock.turn(hours=70, minutes=30)
    await media.prepare([{"image": "cover.png"}])
    bodies, _ = await media.bodies([{"image": "cover.png"}])
    assert bodies == [{"msgtype": "image", "image": {"media_id": "m2"}}]


async def test_a_crowd_is_settled_in_as_many_statements_as_one(lane: Lane) -> None:
    await lane.channel(journey="newcomer", tags=["海报"], daily_cap=500)

    async def statements(*who: str) -> int:
        await lane.arrive(*(added(one, state="c1", code=f"code-{one}") for one in who))
        made: list[str] = []

        def note(*told: Any) -> None:
            made.append(told[2])

        engine = lane.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        await lane.work()
        event.remove(engine, "before_cursor_execute", note)
        return len(made)

    alone = await statements("wm_0")
    assert await statements(*(f"wm_{number}" for number in range(1, 41))) < 2.5 * alone
    for table in (Customer, Follow, Enrolment, TagJob):
        assert len(await lane.rows(table)) == 41
    assert {(one.channel, one.stage) for one in await lane.rows(Customer)} == {("c1", "icebreak")}
