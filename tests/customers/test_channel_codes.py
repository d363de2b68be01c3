"""Codes are made once, found again, and have the right guides behind them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from corp import START, Script
from meanwhile import Meanwhile
from meanwhile import meanwhile as meanwhile
from sqlalchemy import select, update

from bot.clock import ManualClock
from bot.customers.channel_codes import ChannelCodes, StrangeGuides
from bot.customers.channel_draft import ChannelDraft, ChannelPatch
from bot.customers.channels import Channels
from bot.errors import GiveUp, MendSettings, NotFound, UnknownOutcome, Unprocessable
from bot.sandbox import GUIDES, Platform
from bot.store.channel_tables import Channel, ChannelStatus, Greeting
from bot.store.database import Database
from bot.wecom.client import WeComClient

QING, TANG = GUIDES
ADD = "externalcontact/add_contact_way"
UPDATE = "externalcontact/update_contact_way"


@dataclass
class Room:
    channels: Channels
    database: Database
    platform: Platform
    clock: ManualClock

    def way(self, channel: Channel) -> dict[str, Any] | None:
        body = self.platform.store.value(
            "SELECT body FROM contact_ways WHERE config_id = ?", channel.config_id
        )
        return json.loads(body) if body else None

    async def rows(self) -> list[Channel]:
        async with self.database.read() as session:
            return list((await session.scalars(select(Channel).order_by(Channel.id))).all())

    async def came(self, channel: Channel, userid: str, *who: str) -> None:
        now = self.clock.now()
        async with self.database.write() as session:
            for one in who:
                session.add(
                    Greeting(
                        key=f"{channel.id}/{one}",
                        lane=one,
                        state="done",
                        due_at=now,
                        userid=userid,
                        external_userid=one,
                        change_type="add_external_contact",
                        channel_id=channel.id,
                        added_at=now,
                        received_at=now,
                    )
                )
            await session.execute(update(Channel).values(look_at=now))


def make_room(database: Database, client: WeComClient, clock: ManualClock) -> Channels:
    codes = ChannelCodes(client, clock)
    zone = ZoneInfo("Asia/Shanghai")
    return Channels(database, codes, clock, zone=zone, variables=["store_phone"])


@pytest.fixture
async def room(
    database: Database,
    connect: Callable[[Database], WeComClient],
    platform: Platform,
    clock: ManualClock,
) -> Room:
    return Room(make_room(database, connect(database), clock), database, platform, clock)


def draft(**more: Any) -> ChannelDraft:
    return ChannelDraft.model_validate({"name": "海报", "guides": [QING, TANG], **more})


async def test_a_channel_is_made_with_its_code(room: Room) -> None:
    channel = await room.channels.create(draft(remark="门口海报", tags=["海报"]))
    assert channel.status == ChannelStatus.ACTIVE
    way = room.way(channel)
    assert way is not None
    assert (way["state"], way["user"], way["remark"]) == (
        channel.state,
        [QING, TANG],
        "门口海报",
    )
    assert way["qr_code"] == channel.qr_code
    assert [one.id for one in await room.channels.page()] == [channel.id]


async def test_a_patch_changes_only_what_it_names(room: Room) -> None:
    channel = await room.channels.create(draft(tags=["海报"]))
    calls = len(room.platform.calls)
    changed = await room.channels.change(channel.id, ChannelPatch(tags=["直播"], name="直播间"))
    assert (changed.tags, changed.name, changed.guides) == (["直播"], "直播间", [QING, TANG])
    changed = await room.channels.change(channel.id, ChannelPatch(guides=[TANG]))
    way = room.way(channel)
    assert way is not None
    assert way["user"] == [TANG]
    assert len(room.platform.calls) > calls


async def test_guides_whom_wecom_does_not_know_are_named(room: Room) -> None:
    with pytest.raises(StrangeGuides, match="企业微信不认导购 guide_nobody：") as refusal:
        await room.channels.create(draft(guides=[QING, "guide_nobody"]))
    assert refusal.value.status == 422
    assert refusal.value.details["guides"] == ["guide_nobody"]
    assert await room.rows() == []


@pytest.mark.parametrize("errcode", [40003, 60111])
async def test_all_are_named_when_wecom_lists_nobody(
    ledger: Database,
    scripted: Callable[..., WeComClient],
    script: Script,
    clock: ManualClock,
    errcode: int,
) -> None:
    script.will(ADD, errcode)
    script.will("externalcontact/get_follow_user_list", 48002)
    with pytest.raises(StrangeGuides, match=f"导购 {QING}、{TANG}：.*{errcode}"):
        await make_room(ledger, scripted(), clock).create(draft())


async def test_a_refused_patch_leaves_all_as_it_was(room: Room) -> None:
    channel = await room.channels.create(draft())
    with pytest.raises(StrangeGuides):
        await room.channels.change(channel.id, ChannelPatch(guides=["guide_nobody"]))
    assert (await room.channels.get(channel.id)).guides == [QING, TANG]


async def test_a_refused_channel_says_why(
    ledger: Database, scripted: Callable[..., WeComClient], script: Script, clock: ManualClock
) -> None:
    channels = make_room(ledger, scripted(), clock)
    script.will(ADD, 48002)
    with pytest.raises(MendSettings):
        await channels.create(draft())
    [row] = await channels.page()
    assert row.status == ChannelStatus.FAILED
    assert row.error
    await channels.tend()
    assert script.made(ADD) == 1


async def test_an_unknown_variable_is_refused_before_anything_is_made(room: Room) -> None:
    with pytest.raises(Unprocessable, match="vip_level"):
        await room.channels.create(draft(greeting={"text": "你好{vip_level}"}))
    await room.channels.create(draft(greeting={"text": "{customer_name}请打{store_phone}"}))
    assert len(await room.rows()) == 1


async def test_deleting_twice_is_no_error_at_wecom(room: Room) -> None:
    channel = await room.channels.create(draft())
    room.platform.store.run("DELETE FROM contact_ways")
    await room.channels.delete(channel.id)
    with pytest.raises(NotFound):
        await room.channels.get(channel.id)


async def test_a_lost_answer_makes_no_second_code(room: Room) -> None:
    room.platform.faults.set("lost_answer", times=1, api=ADD)
    channel = await room.channels.create(draft())
    assert channel.status == ChannelStatus.ACTIVE
    assert room.platform.store.value("SELECT COUNT(*) FROM contact_ways") == 1
    assert room.way(channel) is not None


async def test_a_busy_moment_makes_one_code_all_the_same(room: Room) -> None:
    room.platform.faults.set("busy", times=1, api=ADD)
    channel = await room.channels.create(draft())
    assert channel.status == ChannelStatus.ACTIVE
    assert room.platform.store.value("SELECT COUNT(*) FROM contact_ways") == 1


async def test_killed_after_the_call_the_code_is_found_by_its_state(room: Room) -> None:
    channel = await room.channels.create(draft())
    async with room.database.write() as session:
        await session.execute(
            update(Channel).values(
                status=ChannelStatus.CREATING, config_id=None, qr_code="", on_duty=[]
            )
        )
        await session.execute(update(Channel).values(look_at=room.clock.now()))
    await room.channels.create(draft(name="另一个"))
    await room.channels.tend()
    found = await room.channels.get(channel.id)
    assert (found.config_id, found.qr_code) == (channel.config_id, channel.qr_code)
    assert found.status == ChannelStatus.ACTIVE
    assert room.platform.store.value("SELECT COUNT(*) FROM contact_ways") == 2


async def test_killed_before_the_call_the_code_is_made_later(room: Room) -> None:
    room.platform.faults.set("busy", api=ADD)
    with pytest.raises(UnknownOutcome) as refusal:
        await room.channels.create(draft())
    assert "不要重复创建" in refusal.value.hint
    room.platform.faults.clear()
    await room.channels.tend()
    assert room.platform.store.value("SELECT COUNT(*) FROM contact_ways") == 0
    room.clock.turn(seconds=91)
    await room.channels.tend()
    [row] = await room.rows()
    assert row.status == ChannelStatus.ACTIVE
    assert room.way(row) is not None


async def test_guards_change_by_the_hour(room: Room) -> None:
    assert room.clock.now() == START  # ten in the morning in Shanghai
    day = {"from": "09:00", "to": "18:00", "guides": [QING]}
    night = {"from": "18:00", "to": "09:00", "guides": [TANG]}
    channel = await room.channels.create(draft(shifts=[day, night]))
    assert channel.on_duty == [QING]
    await room.channels.tend()
    room.clock.turn(hours=8)
    await room.channels.tend()
    way = room.way(channel)
    assert way is not None
    assert way["user"] == [TANG]
    assert (await room.channels.get(channel.id)).on_duty == [TANG]


async def test_a_full_guide_steps_back_until_midnight(room: Room) -> None:
    channel = await room.channels.create(draft(guides=[QING], backups=[TANG], daily_cap=2))
    await room.came(channel, QING, "wm_a")
    await room.channels.tend()
    assert (await room.channels.get(channel.id)).on_duty == [QING]
    await room.came(channel, QING, "wm_b")
    await room.channels.tend()
    assert (await room.channels.get(channel.id)).on_duty == [TANG]
    room.clock.turn(hours=14, minutes=1)
    await room.channels.tend()
    assert (await room.channels.get(channel.id)).on_duty == [QING]


async def test_a_change_that_failed_is_tried_again(room: Room) -> None:
    day = {"from": "09:00", "to": "18:00", "guides": [QING]}
    channel = await room.channels.create(draft(shifts=[day], guides=[TANG]))
    room.platform.faults.set("frequency", times=1, api=UPDATE)
    room.clock.turn(hours=8)
    await room.channels.tend()
    waiting = await room.channels.get(channel.id)
    assert waiting.on_duty == [QING]
    assert waiting.error
    assert waiting.look_at == room.clock.now() + timedelta(minutes=1)


async def test_two_replicas_tend_a_channel_once(room: Room) -> None:
    channel = await room.channels.create(draft(shifts=[{"guides": [QING]}], guides=[TANG]))
    async with room.database.write() as session:
        await session.execute(update(Channel).values(on_duty=[], look_at=room.clock.now()))
    seen = await room.channels.get(channel.id)
    assert await room.channels._take(seen)
    assert not await room.channels._take(seen)


async def test_a_link_has_our_mark_and_is_found_again(
    ledger: Database, scripted: Callable[..., WeComClient], script: Script, clock: ManualClock
) -> None:
    create = "externalcontact/customer_acquisition/create_link"
    listed = "externalcontact/customer_acquisition/list_link"
    read = "externalcontact/customer_acquisition/get"
    channels = make_room(ledger, scripted(), clock)
    script.will(create, {"link": {"link_id": "ca1", "url": "https://work.weixin.qq.com/ca/x"}})
    channel = await channels.create(draft(kind="link"))
    assert channel.config_id == "ca1"
    assert channel.qr_code == f"https://work.weixin.qq.com/ca/x?customer_channel={channel.state}"

    def as_named() -> dict[str, Any]:
        body = next(b for api, _, b in reversed(script.calls) if api == create)
        name = json.loads(body)["link_name"]
        return {"link": {"link_name": name, "url": "https://work.weixin.qq.com/ca/y"}}

    script.will(create, "drop")
    script.will(listed, {"link_id_list": ["ca1", "ca2"], "next_cursor": ""})
    script.will(read, {"link": {"link_name": "x", "url": "u"}})
    with pytest.raises(UnknownOutcome):
        await channels.create(draft(kind="link"))
    script.will(listed, {"link_id_list": ["ca2"], "next_cursor": ""})
    script.will(read, as_named())
    clock.turn(seconds=91)
    await channels.tend()
    [_, second] = await channels.page()
    assert (second.status, second.config_id) == (ChannelStatus.ACTIVE, "ca2")


async def test_a_link_that_cannot_be_paid_for_says_so(
    ledger: Database, scripted: Callable[..., WeComClient], script: Script, clock: ManualClock
) -> None:
    channels = make_room(ledger, scripted(), clock)
    script.will("externalcontact/customer_acquisition/create_link", 41095)
    with pytest.raises(GiveUp, match="获客链接"):
        await channels.create(draft(kind="link"))


async def test_a_pause_hands_the_code_to_the_backups_until_it_ends(room: Room) -> None:
    named = draft(name="双十一", guides=[QING], backups=[TANG])
    channel = await room.channels.create(named)
    paused = await room.channels.pause(channel.id, by="li", reason="活动结束")
    assert (paused.status, paused.paused_by, paused.pause_reason) == ("active", "li", "活动结束")
    assert room.way(channel)["user"] == [TANG]
    room.clock.turn(days=2)
    await room.channels.tend()
    assert room.way(channel)["user"] == [TANG]
    assert (await room.channels.pause(channel.id, by="wang")).paused_by == "li"
    resumed = await room.channels.resume(channel.id)
    assert resumed.paused_at is None
    assert room.way(channel)["user"] == [QING]


on_postgres = pytest.mark.parametrize("database", ["postgres"], indirect=True)


@pytest.mark.postgres
@on_postgres
async def test_a_friend_who_comes_while_the_guards_change_is_counted_at_once(
    room: Room, meanwhile: Meanwhile
) -> None:
    """Or a guide who is full by then would stay behind the code for the day."""
    channel = await room.channels.create(draft(guides=[QING], backups=[TANG], daily_cap=1))
    await room.came(channel, QING, "wm_a")
    now = room.clock.now()
    meanwhile.after(room.database, "UPDATE channel", update(Channel).values(look_at=now))
    await room.channels.tend()
    seen = await room.channels.get(channel.id)
    assert (seen.on_duty, seen.look_at) == ([TANG], now)


@pytest.mark.postgres
@on_postgres
async def test_a_pause_in_the_midst_of_tending_is_not_undone(
    room: Room, meanwhile: Meanwhile
) -> None:
    day = {"from": "09:00", "to": "18:00", "guides": [TANG]}
    night = {"from": "18:00", "to": "09:00", "guides": [QING]}
    channel = await room.channels.create(draft(shifts=[day, night], backups=[TANG]))
    room.clock.turn(hours=8)
    now = room.clock.now()
    paused = update(Channel).values(paused_at=now, updated_at=now, look_at=None, on_duty=[TANG])
    meanwhile.after(room.database, "UPDATE channel", paused)
    await room.channels.tend()
    await room.channels.tend()
    assert room.way(channel)["user"] == [TANG]
    assert (await room.channels.get(channel.id)).on_duty == [TANG]


@pytest.mark.postgres
@on_postgres
async def test_two_edits_of_different_fields_are_both_kept(
    room: Room, meanwhile: Meanwhile
) -> None:
    channel = await room.channels.create(draft())
    room.clock.turn(minutes=1)
    other = update(Channel).values(tags=["老客"], updated_at=room.clock.now())
    meanwhile.after(room.database, "FROM channel", other)
    patch = ChannelPatch.model_validate({"remark": "门口"})
    changed = await room.channels.change(channel.id, patch)
    assert (changed.tags, changed.remark) == (["老客"], "门口")
    await room.channels.tend()
    assert (await room.channels.get(channel.id)).on_duty == [QING, TANG]


@pytest.mark.postgres
@on_postgres
async def test_a_channel_deleted_while_its_code_is_made_leaves_no_code(
    room: Room, meanwhile: Meanwhile
) -> None:
    deleted = update(Channel).values(status=ChannelStatus.DELETED, look_at=None)
    meanwhile.after(room.database, "FROM greeting", deleted)
    with pytest.raises(NotFound):
        await room.channels.create(draft())
    assert [row.status for row in await room.rows()] == [ChannelStatus.DELETED]
    assert room.platform.store.value("SELECT count(*) FROM contact_ways") == 0


async def test_an_edit_of_a_code_still_to_be_made_does_not_forget_to_make_it(room: Room) -> None:
    room.platform.faults.set("busy", api=ADD)
    with pytest.raises(UnknownOutcome):
        await room.channels.create(draft())
    room.platform.faults.clear()
    [row] = await room.rows()
    assert row.status == ChannelStatus.CREATING
    await room.channels.change(row.id, ChannelPatch.model_validate({"guides": [TANG]}))
    room.clock.turn(seconds=91)
    await room.channels.tend()
    made = await room.channels.get(row.id)
    assert (made.status, made.on_duty) == (ChannelStatus.ACTIVE, [TANG])
