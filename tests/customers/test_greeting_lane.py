"""From the stored callback to one greeting: words, repeats, refusals and what follows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from corp import Naps, Script
from sqlalchemy import select, update

from bot.clock import ManualClock
from bot.customers.acquaintance import Acquaintance
from bot.customers.aftercare import Aftercare
from bot.customers.funnel import load_funnel
from bot.customers.greeting_case import read_cases
from bot.customers.greeting_content import GreetingContent
from bot.customers.greeting_media import GreetingMedia
from bot.customers.greetings import Greeter, Verdict, record
from bot.customers.new_friends import note_new_friends
from bot.customers.segments import About, Condition, Group, Rule, save_segment
from bot.customers.shop_greetings import GreetingEdit, ShopGreetings
from bot.delivery.media import MediaLibrary
from bot.settings import GreetingSettings
from bot.store.channel_tables import (
    Channel,
    Enrolment,
    Greeting,
    GreetingOutcome,
    GuideNotice,
)
from bot.store.claims import claim
from bot.store.contact_tables import Follow, Guide, TagJob
from bot.store.database import Database
from bot.store.tables import Customer
from bot.wecom.client import WeComClient
from bot.wecom.events import InboundEvent, typed_event

LEASE = 60
START = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


@dataclass
class Lane:
    """The fast lane on one database, with a platform that answers from a script."""

    database: Database
    client: WeComClient
    clock: ManualClock
    script: Script
    naps: Naps
    tmp: Any

    def greeter(self, **settings: Any) -> Greeter:
        own = GreetingSettings(**settings)
        media = MediaLibrary(self.database, self.client, self.clock, root=self.tmp)
        return Greeter(
            self.database,
            self.client,
            self.clock,
            shop=ShopGreetings(self.database, self.clock, own, {"shop_name"}),
            stage="icebreak",
            acquaintance=Acquaintance(self.database, self.client, self.clock, own),
            media=GreetingMedia(media, self.clock),
            aftercare=Aftercare(self.clock, load_funnel(), own),
            variables={"shop_name": "暖屿生活馆"},
            sleep=self.nap,
        )

    async def nap(self, seconds: float) -> None:
        await self.naps(seconds)
        self.clock.turn(seconds=seconds)

    async def arrive(self, *events: InboundEvent) -> None:
        async with self.database.write() as session:
            await note_new_friends(session, events, now=self.clock.now())

    async def work(self, **settings: Any) -> None:
        """What the worker does: claim and handle until nothing is left."""
        greeter = self.greeter(**settings)
        while rows := await self.claim():
            await asyncio.gather(*(greeter.handle(row) for row in rows))

    async def claim(self) -> Sequence[Greeting]:
        async with self.database.write() as session:
            return await claim(
                session,
                Greeting,
                by="h/1/x",
                now=self.clock.now(),
                lease=timedelta(seconds=LEASE),
                limit=64,
            )

    async def free(self) -> None:
        """The process that held the leases is gone."""
        async with self.database.write() as session:
            await session.execute(update(Greeting).values(leased_by=None, leased_until=None))

    async def knows(self, who: str, **fields: Any) -> None:
        values = {"stage": "discover", "stage_since": START, "tags": [], "first_seen_at": START}
        async with self.database.write() as session:
            session.add(Customer(external_userid=who, **(values | fields)))

    @property
    def greeted(self) -> list[dict[str, Any]]:
        return [
            json.loads(body)
            for api, _, body in self.script.calls
            if api == "externalcontact/send_welcome_msg"
        ]

    @property
    def texts(self) -> list[str]:
        return [body["text"]["content"] for body in self.greeted]

    async def rows(self, table: Any) -> list[Any]:
        async with self.database.read() as session:
            return list((await session.scalars(select(table))).all())

    async def channel(self, state: str = "c1", **fields: Any) -> None:
        now = self.clock.now()
        values = {
            "kind": "contact_way",
            "name": "门店海报",
            "status": "active",
            "guides": ["qing"],
            "greeting": {"text": "来自海报的{customer_name}，欢迎"},
            "created_at": now,
            "updated_at": now,
        }
        async with self.database.write() as session:
            session.add(Channel(state=state, **(values | fields)))


@pytest.fixture
async def lane(
    ledger: Database,
    scripted: Callable[..., WeComClient],
    script: Script,
    clock: ManualClock,
    naps: Naps,
    tmp_path: Any,
) -> Lane:
    return Lane(ledger, scripted(), clock, script, naps, tmp_path)


def added(
    who: str = "wm_a",
    *,
    guide: str = "qing",
    state: str = "",
    code: str = "code-a",
    at: datetime = START,
    change: str = "add_external_contact",
) -> InboundEvent:
    fields = {
        "ToUserName": "ww1",
        "FromUserName": "sys",
        "CreateTime": str(int(at.timestamp())),
        "MsgType": "event",
        "Event": "change_external_contact",
        "ChangeType": change,
        "UserID": guide,
        "ExternalUserID": who,
    }
    return typed_event(
        fields | ({"State": state} if state else {}) | ({"WelcomeCode": code} if code else {})
    )


async def test_a_new_friend_is_greeted_in_the_channels_words(lane: Lane) -> None:
    await lane.channel(journey="newcomer", tags=[])
    await lane.arrive(added(state="c1"))
    await lane.work()
    assert lane.greeted == [{"welcome_code": "code-a", "text": {"content": "来自海报的亲，欢迎"}}]
    [row] = await lane.rows(Greeting)
    assert (row.state, row.outcome, row.relation) == ("done", "sent", "new")
    [customer] = await lane.rows(Customer)
    assert (customer.stage, customer.channel) == ("icebreak", "c1")
    [follow] = await lane.rows(Follow)
    assert (follow.userid, follow.channel_state) == ("qing", "c1")
    [enrolment] = await lane.rows(Enrolment)
    assert (enrolment.journey, enrolment.external_userid) == ("newcomer", "wm_a")
    assert await lane.rows(GuideNotice) == []


async def test_after_the_channel_come_saved_segments_and_then_the_edited_default(
    lane: Lane,
) -> None:
    await lane.channel("poster")
    await lane.channel("bare", greeting={}, tags=["妈妈"], name="宝妈活动")
    mothers = Rule(groups=[Group(conditions=[Condition(about=About.TAG, value="妈妈")])])
    async with lane.database.write() as session:
        number = await save_segment(session, "宝妈", mothers, by="li", now=START)
    book = ShopGreetings(lane.database, lane.clock, GreetingSettings(), {"shop_name"})
    await book.edit_segment(number, GreetingContent(text="宝妈你好，这里是{shop_name}"), by="li")
    await book.edit(GreetingEdit(text="改过的默认话"), by="li")
    await lane.arrive(
        added("wm_a", state="poster", code="1"),
        added("wm_b", state="bare", code="2"),
        added("wm_c", code="3"),
    )
    await lane.work()
    said = {body["welcome_code"]: body["text"]["content"] for body in lane.greeted}
    assert said == {
        "1": "来自海报的亲，欢迎",
        "2": "宝妈你好，这里是暖屿生活馆",
        "3": "改过的默认话",
    }


async def test_a_paused_channel_greets_as_the_shop_and_enrols_nobody(lane: Lane) -> None:
    await lane.channel(journey="newcomer", tags=["门店"], paused_at=START)
    await lane.arrive(added(state="c1"))
    await lane.work(default_text="店里的话")
    assert lane.texts == ["店里的话"]
    assert await lane.rows(Enrolment) == []
    [job] = await lane.rows(TagJob)
    assert job.names == ["门店"]


async def test_copies_of_one_event_greet_once(lane: Lane) -> None:
    await lane.arrive(added(), added())
    await lane.arrive(added())
    await lane.work()
    assert len(lane.greeted) == 1


async def test_two_friends_of_one_second_are_two(lane: Lane) -> None:
    await lane.arrive(added("wm_a", code="1"), added("wm_b", code="2"))
    await lane.work()
    assert {body["welcome_code"] for body in lane.greeted} == {"1", "2"}


async def test_an_expired_code_leaves_a_reason_and_a_notice(lane: Lane) -> None:
    lane.script.will("externalcontact/send_welcome_msg", 41050)
    await lane.arrive(added())
    await lane.work()
    [row] = await lane.rows(Greeting)
    assert (row.outcome, row.errcode) == ("failed", 41050)
    assert "20 秒" in row.reason
    [notice] = await lane.rows(GuideNotice)
    assert notice.userid == "qing"
    assert row.text in notice.text


async def test_a_chat_that_began_needs_no_greeting(lane: Lane) -> None:
    lane.script.will("externalcontact/send_welcome_msg", 41051)
    await lane.arrive(added())
    await lane.work()
    [row] = await lane.rows(Greeting)
    assert (row.outcome, row.errcode) == ("skipped", 41051)
    assert await lane.rows(GuideNotice) == []


async def test_after_a_lost_answer_welcomed_means_it_arrived(lane: Lane) -> None:
    lane.script.will("externalcontact/send_welcome_msg", "drop", 41051)
    await lane.arrive(added())
    await lane.work()
    [row] = await lane.rows(Greeting)
    assert (row.outcome, row.sent_at is not None) == ("sent", True)
    assert len(lane.greeted) == 2


async def test_a_busy_platform_is_asked_again_within_the_twenty_seconds(lane: Lane) -> None:
    lane.script.will("externalcontact/send_welcome_msg", -1, 41096, {"errcode": 0})
    await lane.arrive(added())
    await lane.work()
    [row] = await lane.rows(Greeting)
    assert row.outcome == "sent"
    assert row.sent_at - row.received_at < timedelta(seconds=3)


async def test_another_app_that_never_ends_is_given_up_on_in_time(lane: Lane) -> None:
    lane.script.will("externalcontact/send_welcome_msg", *[41096] * 50)
    await lane.arrive(added())
    await lane.work()
    [row] = await lane.rows(Greeting)
    assert (row.outcome, row.errcode) == ("failed", 41096)
    assert lane.clock.now() - row.received_at <= timedelta(seconds=20)
    assert len(await lane.rows(GuideNotice)) == 1


async def test_silence_to_the_end_is_unsure_and_never_repeated(lane: Lane) -> None:
    lane.script.will("externalcontact/send_welcome_msg", *["drop"] * 50)
    await lane.arrive(added())
    await lane.work()
    [row] = await lane.rows(Greeting)
    assert row.outcome == "unsure"
    assert len(await lane.rows(GuideNotice)) == 1


async def test_a_frequency_limit_is_not_waited_for(lane: Lane) -> None:
    lane.script.will("externalcontact/send_welcome_msg", 45009)
    await lane.arrive(added())
    await lane.work()
    [row] = await lane.rows(Greeting)
    assert (row.outcome, row.errcode) == ("failed", 45009)
    assert lane.naps.seconds == []


async def test_consent_to_archiving_comes_later(lane: Lane) -> None:
    lane.script.will("externalcontact/send_welcome_msg", 41053)
    await lane.arrive(added())
    await lane.work()
    assert await lane.rows(GuideNotice) == []
    await lane.arrive(added(code="code-b", change="msg_audit_approved"))
    await lane.work()
    assert [row.outcome for row in await lane.rows(Greeting)] == ["failed", "sent"]


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


async def test_killed_between_the_call_and_the_record(lane: Lane) -> None:
    """The platform has it already: the repeat says so and nothing is sent twice."""
    await lane.arrive(added())
    [row] = await lane.claim()
    lane.clock.turn(seconds=1)
    await lane.free()
    lane.script.will("externalcontact/send_welcome_msg", 41051)
    await lane.work()
    [row] = await lane.rows(Greeting)
    assert (row.outcome, row.state) == ("sent", "done")


async def test_killed_and_back_too_late_is_told_to_the_guide(lane: Lane) -> None:
    await lane.arrive(added())
    await lane.claim()
    lane.clock.turn(seconds=25)
    await lane.free()
    await lane.work()
    [row] = await lane.rows(Greeting)
    assert (row.outcome, lane.greeted) == ("unsure", [])
    assert len(await lane.rows(GuideNotice)) == 1


async def test_killed_after_the_record_only_the_rest_is_done(lane: Lane) -> None:
    await lane.channel(journey="newcomer")
    await lane.arrive(added(state="c1"))
    [row] = await lane.claim()
    async with lane.database.read() as session:
        [case] = await read_cases(session, [row], stage="icebreak")
    async with lane.database.write() as session:
        await record(session, case, Verdict(GreetingOutcome.SENT, text="欢迎"))
    await lane.free()
    await lane.work()
    assert lane.greeted == []
    [row] = await lane.rows(Greeting)
    assert (row.outcome, row.state) == ("sent", "done")
    assert len(await lane.rows(Enrolment)) == 1


async def test_what_another_process_took_over_is_left_alone(lane: Lane) -> None:
    await lane.arrive(added())
    [row] = await lane.claim()
    row.leased_by = "h/2/other"
    await lane.greeter().handle(row)
    [kept] = await lane.rows(Greeting)
    assert (kept.state, kept.outcome) == ("ready", None)
    assert await lane.rows(Customer) == []


async def test_a_delete_heard_before_its_add_ends_nothing_later(lane: Lane) -> None:
    left = added(change="del_follow_user", code="", at=START - timedelta(minutes=5))
    await lane.arrive(added(), left)
    [row] = await lane.rows(Greeting)
    assert row.ended_at is None


async def test_arrivals_are_kept_once_on_either_engine(database: Database) -> None:
    async with database.write() as session:
        assert await note_new_friends(session, [added(), added()], now=START)
    async with database.write() as session:
        await note_new_friends(session, [added(), added("wm_b", code="2")], now=START)
        assert not await note_new_friends(
            session, [added(change="edit_external_contact")], now=START
        )
    async with database.read() as session:
        rows = (await session.scalars(select(Greeting))).all()
    assert sorted(row.external_userid for row in rows) == ["wm_a", "wm_b"]
