"""Pulling from the sandbox's platform: nothing missed, nothing twice, one replica at a time."""

from __future__ import annotations

import asyncio

import pytest
from corp import Script
from pulling_desk import WHO, Desk, page, row
from pulling_desk import desk as desk
from pulling_desk import small_desk as small_desk
from sqlalchemy import select, update

from bot.dialogue.pulling import LostLease
from bot.sandbox import DEFAULT_ACCOUNT, Fault, Platform
from bot.store.tables import Conversation, Customer, KfAccount


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
