"""Many effects in one commit, and the urgent ones first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from corp import START
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.delivery.group_commit import GroupCommit
from bot.store.contact_tables import Bookmark
from bot.store.database import Database


async def mark(session: AsyncSession, names: Sequence[str]) -> None:
    for name in names:
        session.add(Bookmark(name=name, position="", at=START))
        await session.flush()
        if "fails" in name:
            raise LookupError(name)


async def marks(database: Database) -> list[str]:
    async with database.read() as session:
        return list((await session.scalars(select(Bookmark.name).order_by(Bookmark.name))).all())


async def test_all_are_on_disk_when_told_so(database: Database) -> None:
    book = GroupCommit(database, mark, most=10)
    await asyncio.gather(*(book.commit(f"{number:02d}") for number in range(35)))
    assert len(await marks(database)) == 35


async def test_one_that_fails_harms_nobody_else(database: Database) -> None:
    book = GroupCommit(database, mark)
    names = ["a", "b fails", "c"]
    results = await asyncio.gather(*map(book.commit, names), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), LookupError, type(None)]
    assert await marks(database) == ["a", "c"]


async def test_whoever_goes_away_leaves_the_others_their_commit(ledger: Database) -> None:
    book = GroupCommit(ledger, mark)
    async with ledger.write():
        leader = asyncio.create_task(book.commit("a"))
        await asyncio.sleep(0)
        other = asyncio.create_task(book.commit("b"))
        await asyncio.sleep(0)
        leader.cancel()
        await asyncio.sleep(0)
    await asyncio.wait_for(other, 5)
    assert "b" in await marks(ledger)
    with pytest.raises(asyncio.CancelledError):
        await leader


async def test_urgent_writers_go_first(ledger: Database) -> None:
    order: list[str] = []

    async def write(name: str, *, urgent: bool) -> None:
        async with ledger.write(urgent=urgent):
            order.append(name)

    async with ledger.write():
        tasks = [
            asyncio.create_task(write("slow 1", urgent=False)),
            asyncio.create_task(write("slow 2", urgent=False)),
            asyncio.create_task(write("quick", urgent=True)),
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert order == ["quick", "slow 1", "slow 2"]


async def test_a_writer_who_gives_up_waiting_holds_up_nobody(ledger: Database) -> None:
    async def write() -> None:
        async with ledger.write():
            return

    async with ledger.write():
        waiting = asyncio.create_task(write())
        last = asyncio.create_task(write())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
    await asyncio.wait_for(last, 5)
    async with asyncio.timeout(5), ledger.write():
        pass
