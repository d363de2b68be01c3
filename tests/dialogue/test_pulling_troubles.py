"""Strange rows, limits, lost callbacks and accounts that are not ours do not stop the pulling."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from corp import Script, running, until
from pulling_desk import WHO, Connect, Desk, page, row
from pulling_desk import desk as desk
from pulling_desk import small_desk as small_desk
from sqlalchemy import func, select, update

from bot.clock import ManualClock
from bot.customers.personal_data import PersonalData
from bot.dialogue.pulling import Reconciler, request_pulls
from bot.errors import RetryLater
from bot.sandbox import Platform
from bot.store.database import Database
from bot.store.tables import Customer, KfAccount, Message
from bot.wecom.events import typed_event


async def test_strange_rows_do_not_stop_the_page(desk: Desk, scripted: Any, script: Any) -> None:
    strange = [
        None,
        "text",
        {},
        {"msgid": 5},
        row(2, text={"content": "half \ud83d"}),
        row(3, text={"content": "nul \x00"}),
        row(4, msgtype="event", event=None),
        row(5, msgtype="event", event={"event_type": "msg_send_fail"}),
        row(6, msgtype="event", event={"event_type": "new_kind", "x": [1]}),
        row(7, msgtype="x" * 500),
        row(8, send_time="soon", external_userid=None),
        row(9, external_userid="w" * 500),
        row(10, send_time=-(10**18)),
        row(11, text=None),
        row(1, text={"content": "a copy of 1"}),
    ]
    script.will("kf/sync_msg", page(row(1), *strange, row(99)))
    await desk.want()
    await desk.pull(desk.puller(client=scripted()))
    texts = await desk.texts()
    assert (await desk.account()).error is None
    assert texts[0] == "line 1"
    assert texts[-1] == "line 99"
    assert "a copy of 1" not in texts
    assert len(texts) == 12


@pytest.mark.parametrize("answer", [page(), {"errcode": 0}, {"msg_list": None, "has_more": None}])
async def test_a_page_without_news_keeps_the_cursor(
    small_desk: Desk, script: Script, answer: dict[str, Any]
) -> None:
    script.will("kf/sync_msg", page(row(1), cursor="kept"), answer | {"next_cursor": ""})
    for _ in range(2):
        await small_desk.want()
        await small_desk.pull()
    assert (await small_desk.account()).cursor == "kept"


async def test_a_frequency_limit_is_waited_out(small_desk: Desk, script: Script) -> None:
    script.will("kf/sync_msg", 45009)
    await small_desk.want()
    await small_desk.pull()
    account = await small_desk.account()
    wait = account.due_at - small_desk.clock.now()
    assert timedelta(seconds=55) < wait <= timedelta(seconds=60)
    await small_desk.pull()
    assert script.made("kf/sync_msg") == 1


async def test_one_broken_account_does_not_stop_the_others(desk: Desk, platform: Platform) -> None:
    platform.customer_writes(WHO, "一")
    await desk.want("wkNotOurs")
    await desk.want()
    await desk.pull()
    assert await desk.texts() == ["一"]
    broken = await desk.account("wkNotOurs")
    assert broken.error
    assert "95004" in broken.error
    assert broken.leased_by is None


async def test_what_an_erased_customer_said_stays_erased_after_a_lost_cursor(
    desk: Desk, platform: Platform
) -> None:
    platform.customer_writes(WHO, "我的电话是138")
    await desk.want()
    await desk.pull()
    desk.clock.turn(minutes=5)
    await PersonalData(desk.database, desk.clock).erase(WHO, by="api")

    async def lose_the_cursor() -> None:
        async with desk.database.write() as session:
            await session.execute(update(KfAccount).values(cursor="bm90LW91cnM"))
        await desk.want()
        await desk.pull()

    await lose_the_cursor()
    assert await desk.texts() == []
    async with desk.database.read() as session:
        assert await session.get(Customer, WHO) is None
    desk.clock.turn(minutes=5)
    platform.customer_writes(WHO, "我又来了")
    await desk.want()
    await desk.pull()
    await lose_the_cursor()
    assert await desk.texts() == ["我又来了"]


async def test_an_account_that_is_not_ours_is_left_alone_until_it_is_listed(
    desk: Desk, caplog: pytest.LogCaptureFixture, connect: Connect, platform: Platform
) -> None:
    await desk.want("wkNotOurs")
    for _ in range(3):
        await desk.notice(OpenKfId="wkNotOurs")
        await desk.pull()
        desk.clock.turn(minutes=10)
    parked = await desk.account("wkNotOurs")
    assert parked.due_at > desk.clock.now() + timedelta(hours=20)
    assert sum("left alone" in record.getMessage() for record in caplog.records) == 1
    reconciler = Reconciler(desk.database, desk.client, desk.clock, on_wanted=lambda: None)
    async with desk.database.write() as session:
        await reconciler._recognise(session, "wkNotOurs", "新客服")
    assert (await desk.account("wkNotOurs")).due_at == desk.clock.now()


async def test_the_loop_pulls_when_nudged(desk: Desk, platform: Platform) -> None:
    puller = desk.puller()
    async with running(puller.run(poll_seconds=3600)):
        platform.customer_writes(WHO, "一")
        await desk.want()
        puller.nudge()

        async def pulled() -> bool:
            return await desk.texts() == ["一"]

        await until(pulled)


async def test_notices_name_accounts_and_keep_the_latest_token(
    database: Database, clock: ManualClock
) -> None:
    events = [
        typed_event({"Event": "kf_msg_or_event", "OpenKfId": "wk1", "Token": "T1"}),
        typed_event({"Event": "kf_msg_or_event", "OpenKfId": "wk1", "Token": "T2"}),
        typed_event({"Event": "kf_msg_or_event", "OpenKfId": "", "Token": "T3"}),
        typed_event({"Event": "kf_msg_or_event", "OpenKfId": "k" * 999, "Token": "t" * 999}),
        typed_event({"Event": "kf_account_auth_change", "AuthAddOpenKfId": ["wk2", "wk3"]}),
        typed_event({"Event": "brand_new"}),
    ]
    async with database.write() as session:
        await request_pulls(session, events, now=clock.now())
    async with database.read() as session:
        accounts = {row.open_kfid: row for row in await session.scalars(select(KfAccount))}
    assert set(accounts) == {"wk1", "wk2", "wk3", "k" * 64}
    assert accounts["wk1"].push_token == "T2"
    assert {row.wanted for row in accounts.values()} == {1}


async def test_the_reconciler_wants_known_and_listed_accounts(
    desk: Desk, platform: Platform
) -> None:
    await desk.want("wkOld")
    told: list[int] = []
    reconciler = Reconciler(
        desk.database, desk.client, desk.clock, on_wanted=lambda: told.append(1)
    )
    await reconciler.tick()
    assert (await desk.account("wkOld")).wanted == 2
    listed = await desk.account()
    assert (listed.wanted, listed.name) == (1, platform.settings.shop_name)
    assert told == [1]


async def test_the_reconciler_goes_on_when_accounts_cannot_be_listed(
    small_desk: Desk, script: Script
) -> None:
    script.will("kf/account/list", 48002)
    await small_desk.want("wk1")
    reconciler = Reconciler(
        small_desk.database, small_desk.client, small_desk.clock, on_wanted=lambda: None
    )
    await reconciler.tick()
    assert (await small_desk.account("wk1")).wanted == 2


async def test_a_lost_callback_is_made_good_by_the_reconciler(
    desk: Desk, platform: Platform
) -> None:
    platform.customer_writes(WHO, "有人吗")
    reconciler = Reconciler(desk.database, desk.client, desk.clock, on_wanted=lambda: None)
    await reconciler.tick()
    await desk.pull()
    assert await desk.texts() == ["有人吗"]


async def test_pulling_waits_for_nothing_but_the_platform(
    small_desk: Desk, script: Script
) -> None:
    script.will("kf/sync_msg", *["drop"] * 3)
    puller = small_desk.puller()
    await small_desk.want()
    (account,) = await puller._claim()
    with pytest.raises(RetryLater):
        await puller.pull(account)
    async with small_desk.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Message)) == 0
