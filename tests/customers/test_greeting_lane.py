"""From the stored callback to one greeting: words, repeats, refusals, kills."""

from __future__ import annotations

from datetime import timedelta

from greeting_lane import START, Lane, added
from greeting_lane import lane as lane
from sqlalchemy import select

from bot.customers.greeting_case import read_cases
from bot.customers.greeting_content import GreetingContent
from bot.customers.greetings import Verdict, record
from bot.customers.new_friends import note_new_friends
from bot.customers.segments import About, Condition, Group, Rule, save_segment
from bot.customers.shop_greetings import GreetingEdit, ShopGreetings
from bot.settings import GreetingSettings
from bot.store.channel_tables import (
    Enrolment,
    Greeting,
    GreetingOutcome,
    GuideNotice,
)
from bot.store.contact_tables import Follow, TagJob
from bot.store.database import Database
from bot.store.tables import Customer


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
        await record(session, [(case, Verdict(GreetingOutcome.SENT, text="欢迎"))])
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
