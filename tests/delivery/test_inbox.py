"""Callbacks are durable before they are acknowledged, and a flood costs few commits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from corp import running, until
from sqlalchemy import event, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import ManualClock
from bot.delivery.inbox import Inbox
from bot.errors import StoreError
from bot.store.database import Database
from bot.store.tables import InboxEvent, KfAccount, WorkState
from bot.wecom.events import InboundEvent, typed_event

FULL_DISK = (
    "CREATE TRIGGER full_disk BEFORE INSERT ON inbox_event"
    " BEGIN SELECT RAISE(ABORT, 'disk full'); END"
)


def notice(number: int, **more: Any) -> InboundEvent:
    fields = {"Event": "kf_msg_or_event", "CreateTime": str(number), "OpenKfId": "wk1"}
    return typed_event(fields | more)


def count_commits(database: Database) -> list[int]:
    commits = [0]

    @event.listens_for(database.engine.sync_engine, "commit")
    def _count(_connection: object) -> None:
        commits[0] += 1

    return commits


async def stored(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(InboxEvent)) or 0


async def test_a_thousand_at_once_are_all_durable_in_few_commits(
    database: Database, clock: ManualClock
) -> None:
    inbox = Inbox(database, clock)
    commits = count_commits(database)
    async with running(inbox.run()):
        await asyncio.gather(*(inbox.put(notice(number)) for number in range(1000)))
        assert await stored(database) == 1000
    assert commits[0] <= 15


async def test_put_returns_only_after_the_commit(database: Database, clock: ManualClock) -> None:
    inbox = Inbox(database, clock)
    putting = asyncio.create_task(inbox.put(notice(1)))
    await asyncio.sleep(0.02)
    assert not putting.done()
    async with running(inbox.run()):
        await putting
        assert await stored(database) == 1


async def test_copies_are_stored_once_together_and_later(
    database: Database, clock: ManualClock
) -> None:
    inbox = Inbox(database, clock)
    async with running(inbox.run()):
        await asyncio.gather(*(inbox.put(notice(1)) for _ in range(6)))
        await inbox.put(notice(1))
        await inbox.put(notice(2))
    assert await stored(database) == 2


async def test_two_replicas_store_one_copy(database: Database, clock: ManualClock) -> None:
    inboxes = [Inbox(database, clock) for _ in range(3)]
    async with running(*(inbox.run() for inbox in inboxes)):
        await asyncio.gather(
            *(inbox.put(notice(number)) for inbox in inboxes for number in range(50))
        )
    assert await stored(database) == 50


async def test_what_nobody_acts_on_is_recorded_as_done(
    ledger: Database, clock: ManualClock
) -> None:
    inbox = Inbox(ledger, clock, handled={"change_external_contact"})
    async with running(inbox.run()):
        await inbox.put(typed_event({"Event": "brand_new", "X": "1"}))
        await inbox.put(typed_event({"Event": "change_external_contact", "ChangeType": "add"}))
    async with ledger.read() as session:
        rows = (await session.scalars(select(InboxEvent).order_by(InboxEvent.id))).all()
    assert [(row.event, row.state) for row in rows] == [
        ("brand_new", WorkState.DONE),
        ("change_external_contact", WorkState.READY),
    ]
    assert rows[0].fields == {"Event": "brand_new", "X": "1"}
    assert rows[0].finished_at == clock.now()
    assert rows[1].change_type == "add"


async def test_events_of_any_length_and_letters_are_stored(
    database: Database, clock: ManualClock
) -> None:
    long = "长" * 3000
    fields = {"Event": long, "ChangeType": long, "ExternalUserID": long, "Text": "😀\u2028"}
    inbox = Inbox(database, clock)
    async with running(inbox.run()):
        await inbox.put(typed_event(fields))
        await inbox.put(notice(1, OpenKfId=long))
    assert await stored(database) == 2


async def test_arrival_is_part_of_the_transaction(ledger: Database, clock: ManualClock) -> None:
    seen: list[int] = []

    async def arrive(session: AsyncSession, events: Sequence[InboundEvent]) -> None:
        seen.append(len(events))
        session.add(KfAccount(open_kfid="wk1", due_at=clock.now()))

    told: list[int] = []
    inbox = Inbox(ledger, clock, on_arrival=arrive, on_stored=lambda: told.append(1))
    async with running(inbox.run()):
        await asyncio.gather(*(inbox.put(notice(number)) for number in range(3)))
        async with ledger.read() as session:
            assert await session.get(KfAccount, "wk1")
    assert (seen, told) == ([3], [1])


@pytest.mark.parametrize("failure", [RuntimeError("bug"), TypeError("x"), OSError("disk")])
async def test_a_failing_arrival_refuses_the_callback_and_the_next_one_goes_on(
    ledger: Database, clock: ManualClock, failure: Exception
) -> None:
    """Nothing is stored, nobody waits for ever, WeCom will push again."""
    failing = [True]

    async def arrive(session: AsyncSession, events: Sequence[InboundEvent]) -> None:
        if failing.pop() if failing else False:
            raise failure

    inbox = Inbox(ledger, clock, on_arrival=arrive)
    async with running(inbox.run()), asyncio.timeout(60):
        with pytest.raises(StoreError):
            await inbox.put(notice(1))
        assert await stored(ledger) == 0
        await inbox.put(notice(1))
    assert await stored(ledger) == 1


async def test_a_broken_database_refuses_and_recovers(
    ledger: Database, clock: ManualClock
) -> None:
    inbox = Inbox(ledger, clock)
    async with ledger.write() as session:
        await session.execute(text(FULL_DISK))
    async with running(inbox.run()), asyncio.timeout(60):
        refused = await asyncio.gather(
            *(inbox.put(notice(number)) for number in range(5)), return_exceptions=True
        )
        assert [type(one) for one in refused] == [StoreError] * 5
        async with ledger.write() as session:
            await session.execute(text("DROP TRIGGER full_disk"))
        await inbox.put(notice(1))
    assert await stored(ledger) == 1


async def test_a_caller_that_gave_up_does_not_disturb_the_others(
    ledger: Database, clock: ManualClock
) -> None:
    inbox = Inbox(ledger, clock)
    gone, stays = (asyncio.create_task(inbox.put(notice(number))) for number in (1, 2))
    await asyncio.sleep(0)
    gone.cancel()
    async with running(inbox.run()):
        await stays
        await until(gone.done)
    assert await stored(ledger) == 2, "it had arrived; storing it is right"
