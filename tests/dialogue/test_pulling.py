"""Pulling from the sandbox's platform: nothing missed, nothing twice, one replica at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from corp import Script, running, until
from sqlalchemy import func, select, update

from bot.clock import ManualClock
from bot.customers.funnel import load_funnel
from bot.customers.personal_data import PersonalData
from bot.dialogue.messages import MessageBook
from bot.dialogue.pulling import LostLease, Puller, Reconciler, request_pulls, want
from bot.errors import RetryLater
from bot.sandbox import CUSTOMERS, DEFAULT_ACCOUNT, Fault, Platform
from bot.settings import DialogueSettings
from bot.store.database import Database
from bot.store.tables import Conversation, Customer, KfAccount, Message
from bot.wecom.client import WeComClient
from bot.wecom.events import typed_event

Connect = Callable[[Database], WeComClient]
WHO = CUSTOMERS[0].external_userid


@dataclass
class Desk:
    """A puller with what it stands on."""

    database: Database
    client: WeComClient
    clock: ManualClock

    def puller(self, name: str = "h/1/a", client: WeComClient | None = None) -> Puller:
        book = MessageBook(DialogueSettings(), load_funnel(), self.clock)
        return Puller(self.database, client or self.client, self.clock, book.store, name=name)

    async def want(self, open_kfid: str = DEFAULT_ACCOUNT) -> None:
        async with self.database.write() as session:
            await want(session, [open_kfid], now=self.clock.now())

    async def notice(self, **fields: str) -> None:
        event = typed_event({"Event": "kf_msg_or_event", "OpenKfId": DEFAULT_ACCOUNT, **fields})
        async with self.database.write() as session:
            await request_pulls(session, [event], now=self.clock.now())

    async def pull(self, puller: Puller | None = None) -> None:
        """One round: claim what is wanted and wait until it is pulled."""
        puller = puller or self.puller()
        await puller._start_all()
        await asyncio.gather(*puller._running.values())

    async def account(self, open_kfid: str = DEFAULT_ACCOUNT) -> KfAccount:
        async with self.database.read() as session:
            return await session.get_one(KfAccount, open_kfid)

    async def texts(self) -> Sequence[str]:
        async with self.database.read() as session:
            return (await session.scalars(select(Message.text).order_by(Message.id))).all()


@pytest.fixture
def desk(database: Database, connect: Connect, clock: ManualClock) -> Desk:
    return Desk(database, connect(database), clock)


@pytest.fixture
def small_desk(ledger: Database, scripted: Callable[..., WeComClient], clock: ManualClock) -> Desk:
    """On SQLite, with answers from a script."""
    return Desk(ledger, scripted(), clock)


def row(number: int, **more: Any) -> dict[str, Any]:
    return {
        "msgid": f"m{number}",
        "open_kfid": DEFAULT_ACCOUNT,
        "external_userid": WHO,
        "send_time": 1795140000,
        "origin": 3,
        "msgtype": "text",
        "text": {"content": f"line {number}"},
        **more,
    }


def page(*rows: Any, cursor: str = "c1", more: int = 0) -> dict[str, Any]:
    return {"errcode": 0, "next_cursor": cursor, "has_more": more, "msg_list": list(rows)}


async def test_messages_customers_and_cursor_are_saved_together(
    desk: Desk, platform: Platform
) -> None:
    platform.customer_writes(WHO, "这件还有L码吗")
    platform.customer_writes(WHO, "急")
    await desk.want()
    await desk.pull()
    assert await desk.texts() == ["这件还有L码吗", "急"]
    account = await desk.account()
    assert account.cursor
    assert (account.wanted, account.served, account.leased_by) == (1, 1, None)
    async with desk.database.read() as session:
        assert (await session.get_one(Customer, WHO)).stage == "icebreak"
        conversation = (await session.scalars(select(Conversation))).one()
    assert (conversation.kind, conversation.peer) == ("kf", DEFAULT_ACCOUNT)


async def test_the_next_pull_goes_on_at_the_cursor(desk: Desk, platform: Platform) -> None:
    for line in ("一", "二", "三"):
        platform.customer_writes(WHO, line)
        await desk.want()
        await desk.pull()
    assert await desk.texts() == ["一", "二", "三"]


async def test_a_forgotten_cursor_starts_over_without_doubles(
    desk: Desk, platform: Platform
) -> None:
    platform.customer_writes(WHO, "一")
    await desk.want()
    await desk.pull()
    async with desk.database.write() as session:
        await session.execute(update(KfAccount).values(cursor="bm90LW91cnM"))
    platform.customer_writes(WHO, "二")
    await desk.want()
    await desk.pull()
    assert await desk.texts() == ["一", "二"]
    account = await desk.account()
    assert account.error is None
    assert account.cursor != "bm90LW91cnM"


async def test_empty_pages_are_no_end(desk: Desk, platform: Platform) -> None:
    platform.customer_writes(WHO, "你好")
    platform.faults.set(Fault.EMPTY_PAGES, amount=7)
    await desk.want()
    await desk.pull()
    assert await desk.texts() == ["你好"]


async def test_endless_empty_pages_are_put_off(small_desk: Desk, script: Script) -> None:
    script.will("kf/sync_msg", *[page(more=1, cursor=f"c{n}") for n in range(500)])
    await small_desk.want()
    await small_desk.pull()
    account = await small_desk.account()
    assert script.made("kf/sync_msg") == 100
    assert account.due_at > small_desk.clock.now()
    assert account.error
    assert account.cursor == "c99", "what was read is not read again"


async def test_a_push_token_goes_with_the_pull_while_it_lives(
    desk: Desk, platform: Platform
) -> None:
    def asked() -> list[bool]:
        return ["token" in call.body for call in platform.calls if call.api == "kf/sync_msg"]

    platform.customer_writes(WHO, "一")
    await desk.notice(Token=platform.pushes[-1].token)
    await desk.pull()
    desk.clock.turn(minutes=11)
    await desk.want()
    await desk.pull()
    assert asked() == [True, False]


async def test_a_refused_push_token_is_left_out(desk: Desk, platform: Platform) -> None:
    platform.customer_writes(WHO, "一")
    await desk.notice(Token="ENCstrange")
    await desk.pull()
    assert await desk.texts() == ["一"]
    assert (await desk.account()).error is None


async def test_a_refused_token_and_a_refused_cursor_at_once(
    desk: Desk, platform: Platform
) -> None:
    """After a platform's reset both are strange; neither may hide the other for ever."""
    platform.customer_writes(WHO, "一")
    await desk.notice(Token="ENCstrange")
    async with desk.database.write() as session:
        await session.execute(update(KfAccount).values(cursor="bm90LW91cnM"))
    await desk.pull()
    assert await desk.texts() == ["一"]


async def test_a_notice_while_pulling_makes_another_pull(small_desk: Desk, script: Script) -> None:
    desk = small_desk
    await desk.want()
    puller = desk.puller()
    (account,) = await puller._claim()
    await desk.notice()
    await puller._attempt(account)
    after = await desk.account()
    assert (after.wanted, after.served) == (2, 1)
    await desk.pull()
    after = await desk.account()
    assert (after.wanted, after.served) == (2, 2)
    assert script.made("kf/sync_msg") == 2


async def test_one_replica_pulls_an_account_at_a_time(desk: Desk) -> None:
    await desk.want()
    claims = await asyncio.gather(*(desk.puller(f"h/1/{number}")._claim() for number in range(6)))
    assert sorted(len(accounts) for accounts in claims) == [0, 0, 0, 0, 0, 1]


async def test_a_lost_lease_saves_nothing(desk: Desk, platform: Platform) -> None:
    """The first replica slept over its lease; the second has pulled meanwhile."""
    platform.customer_writes(WHO, "一")
    await desk.want()
    slow, quick = desk.puller("h/1/slow"), desk.puller("h/1/quick")
    (stale,) = await slow._claim()
    desk.clock.turn(seconds=61)
    await desk.pull(quick)
    saved = await desk.account()
    with pytest.raises(LostLease):
        await slow.pull(stale)
    await slow._attempt(stale)
    assert await desk.texts() == ["一"]
    after = await desk.account()
    assert (after.cursor, after.served) == (saved.cursor, saved.served)


async def test_a_moved_cursor_is_not_moved_back(desk: Desk, platform: Platform) -> None:
    """Same replica name, older page: the cursor itself is compared."""
    platform.customer_writes(WHO, "一")
    await desk.want()
    puller = desk.puller()
    (account,) = await puller._claim()
    async with desk.database.write() as session:
        await session.execute(update(KfAccount).values(cursor="newer"))
    with pytest.raises(LostLease):
        await puller.pull(account)
    assert (await desk.account()).cursor == "newer"
    assert await desk.texts() == []


async def test_a_page_that_cannot_be_stored_moves_no_cursor(
    small_desk: Desk, script: Script
) -> None:
    async def refuse(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    desk = small_desk
    script.will("kf/sync_msg", page(row(1)), page(row(1)))
    await desk.want()
    puller = desk.puller()
    puller._store = refuse
    await desk.pull(puller)
    account = await desk.account()
    assert (account.cursor, account.error, account.leased_by) == ("", "RuntimeError", None)
    desk.clock.turn(minutes=2)
    await desk.pull()
    assert await desk.texts() == ["line 1"]


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
