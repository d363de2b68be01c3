from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from bot.errors import RetryLater
from bot.outreach.call_room import CallRoom, Turn, let_go

_TOO_MANY = RetryLater(errcode=45033)


async def _settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_person_goes_before_a_task_and_a_task_before_one_more_guide() -> None:
    room, order = CallRoom(1), []

    async def call(turn: Turn) -> None:
        async with room.place(turn):
            order.append(turn)

    async with room.place(Turn.TASK):
        coming = (Turn.GUIDE, Turn.TASK, Turn.GUIDE, Turn.PERSON)
        calls = [asyncio.create_task(call(turn)) for turn in coming]
        await _settled()
        assert order == []
    await asyncio.gather(*calls)
    assert order == sorted(coming)


async def test_a_complaint_halves_the_room_and_quiet_times_open_it_again() -> None:
    room = CallRoom(8)
    room.heed(RetryLater(errcode=-1))
    assert room.wide == 8
    widths = []
    for complaint in (_TOO_MANY, RetryLater(errcode=45009), _TOO_MANY):
        room.heed(complaint)
        widths.append(room.wide)
    assert widths == [4, 2, 2]
    room.look_up()
    assert room.wide == 2, "WeCom has just complained"
    for _ in range(9):
        room.look_up()
    assert room.wide == 8


async def test_a_room_for_one_stays_a_room_for_one() -> None:
    room = CallRoom(1)
    room.heed(_TOO_MANY)
    assert room.wide == 1


async def test_who_is_inside_when_places_close_leaves_them_closed() -> None:
    room = CallRoom(4)
    async with AsyncExitStack() as inside:
        for _ in range(4):
            await inside.enter_async_context(room.place(Turn.TASK))
        room.heed(_TOO_MANY)
    most = await _most_at_once(room, 10)
    assert most == 2


@pytest.mark.parametrize("lends", [False, True])
async def test_whoever_is_stopped_gives_back_its_place_and_no_other(lends: bool) -> None:
    """While waiting for one, and while another has it."""
    room = CallRoom(2)

    async def stay() -> None:
        async with room.place(Turn.TASK):
            if not lends:
                await asyncio.Event().wait()
            async with room.lent():
                await asyncio.Event().wait()

    for _ in range(3):
        calls = [asyncio.create_task(stay()) for _ in range(5)]
        await _settled()
        await let_go(calls)
    assert await _most_at_once(room, 10) == 2


async def test_a_lent_place_is_waited_for_again() -> None:
    room, inside = CallRoom(1), Counter[str]()

    async def other() -> None:
        async with room.place(Turn.GUIDE):
            inside["other"] += 1

    async with room.place(Turn.TASK):
        call = asyncio.create_task(other())
        await _settled()
        assert not inside
        async with room.lent():
            await call
        assert inside["other"] == 1
    assert await _most_at_once(room, 3) == 1


async def _most_at_once(room: CallRoom, calls: int) -> int:
    under_way = most = 0

    async def call() -> None:
        nonlocal under_way, most
        async with room.place(Turn.GUIDE):
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1

    await asyncio.gather(*(call() for _ in range(calls)))
    return most
