"""Handing a customer on: begun once, refused or done, found again after a lost answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from corp import START, Script
from sqlalchemy import select, update

from bot.clock import ManualClock
from bot.customers.contact_events import ContactEvents, apply_change
from bot.customers.follows import FollowChange
from bot.customers.guide_names import GuideNames
from bot.customers.profiles import meet
from bot.customers.timeline import timeline
from bot.customers.transfers import Transfers
from bot.errors import Conflict, NotFound, RetryLater, TellGuide, Unprocessable
from bot.store.channel_tables import GuideNotice
from bot.store.contact_tables import ContactRead, Follow, Guide, Transfer
from bot.store.database import Database
from bot.wecom.client import WeComClient
from bot.wecom.events import typed_event

ASK, RESULT = "externalcontact/transfer_customer", "externalcontact/transfer_result"


def begun(errcode: int = 0) -> dict[str, Any]:
    return {"customer": [{"external_userid": "wmA", "errcode": errcode}]}


def told(status: int, at: int = 0) -> dict[str, Any]:
    row = {"external_userid": "wmA", "status": status, "takeover_time": at}
    return {"customer": [row], "next_cursor": ""}


@dataclass
class Desk:
    database: Database
    transfers: Transfers
    clock: ManualClock
    script: Script

    async def knows(self, *guides: str) -> None:
        async with self.database.write() as session:
            await meet(session, ["wmA"], stage="icebreak", now=START)
            for guide in guides:
                await session.merge(Guide(userid=guide, since=START))
                await apply_change(session, guide, "wmA", FollowChange.ADDED, at=START)

    async def row(self) -> Transfer:
        async with self.database.read() as session:
            found: Transfer = (
                await session.scalars(select(Transfer).order_by(Transfer.id.desc()))
            ).first()
            return found

    async def hear(self, change: str, userid: str, **more: str) -> None:
        fields = {
            "Event": "change_external_contact",
            "ChangeType": change,
            "CreateTime": str(int(self.clock.now().timestamp())),
            "UserID": userid,
            "ExternalUserID": "wmA",
        }
        events = ContactEvents(self.clock, stage="icebreak")
        async with self.database.write() as session:
            await events.apply(typed_event(fields | more), session)

    async def notices(self) -> list[tuple[str, str]]:
        async with self.database.read() as session:
            rows = await session.scalars(select(GuideNotice).order_by(GuideNotice.id))
            return [(row.userid, row.text) for row in rows]


@pytest.fixture
async def desk(
    ledger: Database,
    scripted: Callable[..., WeComClient],
    script: Script,
    clock: ManualClock,
) -> Desk:
    desk = Desk(ledger, Transfers(ledger, scripted(), clock), clock, script)
    await desk.knows("li")
    return desk


async def test_a_transfer_is_begun_once_and_done_by_its_callback(desk: Desk) -> None:
    desk.script.will(ASK, begun())
    row = await desk.transfers.begin("wmA", takeover="wang", message="以后由小王服务", by="api")
    assert (row.state, row.handover, row.takeover) == ("waiting", "li", "wang")
    with pytest.raises(Conflict, match="正在转接"):
        await desk.transfers.begin("wmA", takeover="zhao", by="api")
    desk.clock.turn(hours=24)
    await desk.hear("del_external_contact", "li", Source="DELETE_BY_TRANSFER")
    assert (await desk.row()).state == "done"
    [(guide, text)] = await desk.notices()
    assert guide == "wang"
    assert "转给您跟进" in text
    assert desk.script.made(ASK) == 1


async def test_without_callbacks_wecom_is_asked_how_it_stands(desk: Desk) -> None:
    desk.script.will(ASK, begun())
    await desk.transfers.begin("wmA", takeover="wang", by="api")
    desk.script.will(RESULT, told(2))
    desk.clock.turn(hours=2)
    await desk.transfers.tick()
    assert (await desk.row()).state == "waiting"
    desk.clock.turn(hours=23)
    desk.script.will(RESULT, told(1, int(desk.clock.now().timestamp())))
    await desk.transfers.tick()
    await desk.transfers.tick()
    assert (await desk.row()).state == "done"
    async with desk.database.read() as session:
        follow = await session.get_one(Follow, ("li", "wmA"))
        wanted = await session.get(ContactRead, "wmA")
    assert follow.state == "transferred"
    assert wanted is not None


async def test_a_refusal_is_told_to_the_guide_who_keeps_the_customer(desk: Desk) -> None:
    desk.script.will(ASK, begun())
    await desk.transfers.begin("wmA", takeover="wang", by="api")
    desk.clock.turn(hours=3)
    await desk.hear("transfer_fail", "wang", FailReason="customer_refused")
    row = await desk.row()
    assert (row.state, row.reason, row.look_at) == ("refused", "客户拒绝了转接", None)
    [(guide, _)] = await desk.notices()
    assert guide == "li"


async def test_the_timeline_tells_of_each_transfer_when_it_was_asked_and_how_it_ended(
    desk: Desk,
) -> None:
    desk.script.will(ASK, begun(40128), begun())
    with pytest.raises(TellGuide):
        await desk.transfers.begin("wmA", takeover="wang", by="api")
    desk.clock.turn(hours=1)
    await desk.transfers.begin("wmA", takeover="wang", by="小赵")
    desk.clock.turn(hours=24)
    await desk.hear("del_external_contact", "li", Source="DELETE_BY_TRANSFER")
    async with desk.database.read() as session:
        first = await timeline(session, "wmA", kinds=["transfer"], limit=3)
        rest = await timeline(session, "wmA", kinds=["transfer"], before=first[-1].place)
    told = [(one.data["event"], one.data["by"]) for one in first + rest]
    assert told == [("done", "小赵"), ("asked", "小赵"), ("failed", "api"), ("asked", "api")]
    assert first[0].text == "已由导购 li 转给 wang"
    assert "90 天" in first[2].text


async def test_wecoms_own_refusal_is_kept_with_its_reason(desk: Desk) -> None:
    desk.script.will(ASK, begun(40128))
    with pytest.raises(TellGuide, match="交接次数太多"):
        await desk.transfers.begin("wmA", takeover="wang", by="api")
    row = await desk.row()
    assert (row.state, row.errcode) == ("failed", 40128)
    assert "90 天" in row.reason


@pytest.mark.parametrize(("status", "state"), [(2, "waiting"), (0, "failed")])
async def test_a_lost_answer_is_looked_up_and_never_asked_twice(
    desk: Desk, status: int, state: str
) -> None:
    desk.script.will(ASK, "drop", "drop", "drop", "drop")
    desk.script.will(RESULT, told(status) if status else {"customer": []})
    row = await desk.transfers.begin("wmA", takeover="wang", by="api")
    assert row.state == state
    assert desk.script.made(ASK) == 1


async def test_killed_while_asking_it_is_looked_up_later(desk: Desk) -> None:
    desk.script.will(ASK, begun())
    row = await desk.transfers.begin("wmA", takeover="wang", by="api")
    async with desk.database.write() as session:
        await session.execute(
            update(Transfer).values(state="asking", look_at=row.asked_at, ended_at=None)
        )
    desk.script.will(RESULT, told(2))
    await desk.transfers.tick()
    assert (await desk.row()).state == "waiting"


async def test_an_answer_from_before_the_asking_does_not_end_it(desk: Desk) -> None:
    """The look was begun while WeCom was still being asked."""
    desk.script.will(ASK, RetryLater("busy"))
    with suppress(RetryLater):
        await desk.transfers.begin("wmA", takeover="wang", by="api")
    async with desk.database.write() as session:
        values = {"state": "asking", "look_at": START, "ended_at": None}
        await session.execute(update(Transfer).values(values))
    seen = await desk.row()
    async with desk.database.write() as session:
        await session.execute(update(Transfer).values(state="waiting"))
    desk.script.will(RESULT, {"customer": [], "next_cursor": ""})
    await desk.transfers._look("li", "wang", resigned=False, rows=[seen])
    assert (await desk.row()).state == "waiting"


async def test_what_cannot_be_handed_on_is_refused_before_wecom_is_asked(desk: Desk) -> None:
    begin = desk.transfers.begin
    with pytest.raises(NotFound):
        await begin("wmNobody", takeover="wang", by="api")
    with pytest.raises(NotFound, match="没有跟进"):
        await begin("wmA", takeover="wang", handover="zhao", by="api")
    with pytest.raises(Unprocessable, match="同一位"):
        await begin("wmA", takeover="li", by="api")
    await desk.knows("zhao")
    with pytest.raises(Unprocessable, match="由谁转出"):
        await begin("wmA", takeover="wang", by="api")
    assert desk.script.made(ASK) == 0


async def test_of_a_guide_who_left_it_is_an_inheritance(desk: Desk) -> None:
    async with desk.database.write() as session:
        await session.execute(update(Guide).values(left_at=START))
    desk.script.will("externalcontact/resigned/transfer_customer", begun())
    row = await desk.transfers.begin("wmA", takeover="wang", by="api")
    assert (row.state, row.resigned) == ("waiting", True)


async def test_guides_get_their_names_where_the_corp_tells_them(
    desk: Desk, scripted: Callable[..., WeComClient]
) -> None:
    await desk.knows("wang", "zhao")
    names = GuideNames(desk.database, scripted(), desk.clock)
    desk.script.will("user/get", {"name": "小李"}, {"name": "wang"}, 60011)
    await names.tick()
    await names.tick()
    async with desk.database.read() as session:
        rows = await session.execute(select(Guide.userid, Guide.name).order_by(Guide.userid))
        assert rows.all() == [("li", "小李"), ("wang", ""), ("zhao", "")]
    assert desk.script.made("user/get") == 3
