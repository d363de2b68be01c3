from __future__ import annotations

from collections.abc import Callable

import pytest
from outreach_shop import Shop
from test_mass_sends import CREATE, NEWS, PEOPLE, _asked

from bot.errors import Conflict
from bot.outreach.task_desk import TaskDesk
from bot.sandbox import Fault, mass_sends
from bot.store.outreach_tables import TaskPhase, TouchState


async def test_a_person_drops_what_nobody_can_tell(outreach_shop: Callable[..., Shop]) -> None:
    shop = outreach_shop(NEWS)
    shop.platform.faults.set(Fault.BUSY, times=1000, api=CREATE)
    await _asked(shop)
    async with shop.database.write() as session:
        [task] = await shop.tasks()
        task = await session.merge(task)
        task.phase, task.state = TaskPhase.UNKNOWN, "failed"
    for row in await shop.touches():
        async with shop.database.write() as session:
            (await session.merge(row)).status = TouchState.UNKNOWN
    desk = TaskDesk(shop.database, shop.clock)
    dropped = await desk.decide(task.id, happened=False, repeat=False)
    assert dropped.phase == TaskPhase.CANCELLED
    assert {one.status for one in await shop.touches()} == {TouchState.CANCELLED}
    shop.platform.faults.clear()
    for _ in range(3):
        await shop.step(minutes=10)
    assert mass_sends.waiting(shop.platform) == []


async def test_a_person_reminds_guides_three_times_a_day_and_takes_the_task_back(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(NEWS)
    await _asked(shop)
    await shop.step(minutes=1)
    desk, poller = TaskDesk(shop.database, shop.clock), shop.outreach.poller
    [task] = await shop.tasks()
    assert task.guides and not any(task.guides.values())
    for _ in range(3):
        await poller.remind(await desk.get(task.id))
    with pytest.raises(Conflict, match="3 次"):
        await poller.remind(await desk.get(task.id))
    await poller.cancel(await desk.get(task.id), by="li")
    assert mass_sends.waiting(shop.platform) == []
    assert {one.explanation for one in await shop.touches()} == {"由 li 取消"}
    assert len(await shop.touches()) == len(PEOPLE)
    with pytest.raises(Conflict):
        await poller.cancel(await desk.get(task.id), by="li")
