"""What another replica does between two reads of this one: no tag, edit or call is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from meanwhile import Meanwhile
from meanwhile import meanwhile as meanwhile
from outreach_shop import Shop
from sqlalchemy import func, select, update
from test_journeys_edited import CART, LATER
from test_tags_of_newcomers import WEEK, _joins_at_night
from test_task_troubles import CREATE, NEWS

from bot.customers.corp_tags import TagBook
from bot.customers.personal_data import PersonalData
from bot.errors import RetryLater
from bot.outreach.cohorts import CohortBook
from bot.outreach.journey_shelf import JourneyShelf
from bot.sandbox import Fault, mass_sends
from bot.store.claims import claim
from bot.store.contact_tables import CorpTag, TagJob
from bot.store.database import Database
from bot.store.outreach_tables import CohortTag, JourneyWalk, OutreachTask, TaskPhase
from bot.store.tables import WorkState
from scheduler import Rule

on_postgres = pytest.mark.parametrize("database", ["postgres"], indirect=True)


async def _claimed(database: Database, table: Any, shop: Shop, *, by: str) -> list[Any]:
    async with database.write() as session:
        now, lease = shop.clock.now(), timedelta(minutes=1)
        return list(await claim(session, table, by=by, now=now, lease=lease, limit=9))


@pytest.mark.postgres
@on_postgres
async def test_a_tag_that_a_worker_is_putting_on_is_not_promised_for_another_day(
    outreach_shop: Callable[..., Shop], database: Database, meanwhile: Meanwhile
) -> None:
    """Or its bearer would see the posts of both days."""
    shop = outreach_shop(WEEK)
    await _joins_at_night(shop)
    await shop.outreach.listener.tick()
    shop.clock.turn(minutes=15)
    taken: list[TagJob] = []

    async def work(replica: Database) -> None:
        taken.extend(await _claimed(replica, TagJob, shop, by="h/2/b"))

    meanwhile.after(database, "FROM cohort_member JOIN tag_job", work, nth=2)
    await shop.outreach.cohorts.tick()
    meanwhile.end()
    async with database.read() as session:
        jobs = {job.id: job.state for job in await session.scalars(select(TagJob))}
    assert [jobs[job.id] for job in taken] == [WorkState.READY] * len(taken)


async def _task(shop: Shop) -> None:
    """A mass send that nobody has begun to carry out."""
    await shop.customer("wmOne")
    await shop.outreach.listener.tick()
    await shop.behaves("wmOne", "wants_news")
    await shop.outreach.listener.tick()
    shop.clock.turn(hours=2)
    await shop.outreach.planner.tick()
    shop.clock.turn(hours=1)
    await shop.outreach.dispatcher.tick()
    shop.clock.turn(minutes=5)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("second", "hours"), [("h/2/bb", 10), ("h/1/aa", 0)], ids=["another, by night", "the same"]
)
async def test_whoever_lost_a_task_does_not_undo_the_call_of_who_took_it_up(
    outreach_shop: Callable[..., Shop], database: Database, second: str, hours: int
) -> None:
    """A process stood still for longer than its lease, or the clock was turned."""
    shop = outreach_shop(NEWS.replace("send_late: 6", "send_late: 60"))
    await _task(shop)
    [lost] = await _claimed(database, OutreachTask, shop, by="h/1/aa")
    shop.clock.turn(minutes=2)
    [held] = await _claimed(database, OutreachTask, shop, by=second)
    shop.platform.faults.set(Fault.LOST_ANSWER, times=1, api=CREATE)
    with pytest.raises(RetryLater):
        await shop.outreach.maker.handle(held)
    shop.clock.turn(hours=hours)
    await shop.outreach.maker.handle(lost)
    for _ in range(9):
        shop.clock.turn(hours=2)
        await shop.work(OutreachTask, shop.outreach.maker.handle)
    assert len(mass_sends.waiting(shop.platform)) == 1
    assert [task.phase for task in await shop.tasks()] == [TaskPhase.ASKED]


def _elsewhere(shop: Shop, shelf: JourneyShelf, replica: Database) -> JourneyShelf:
    return JourneyShelf(
        replica, shop.clock, shelf._settings, variables=["shop_name"], stages=["won"]
    )


@pytest.mark.postgres
@on_postgres
@pytest.mark.parametrize("act", ["switch", "restore"])
async def test_switching_and_saving_at_once_are_both_kept(
    outreach_shop: Callable[..., Shop], shelf_of: Any, database: Database,
    meanwhile: Meanwhile, act: str,
) -> None:  # fmt: skip
    shop = outreach_shop(CART)
    shelf = shelf_of(shop, CART)

    async def saves(replica: Database) -> None:
        await _elsewhere(shop, shelf, replica).save(LATER, by="li", journey="cart")

    async def switches(replica: Database) -> None:
        await _elsewhere(shop, shelf, replica).switch("cart", enabled=False, by="li")

    if act == "switch":
        meanwhile.after(database, "FROM journey_choice", saves)
        await shelf.switch("cart", enabled=False, by="wang")
    else:
        meanwhile.after(database, "FROM journey_choice", switches)
        await shelf.restore("cart", 0, by="wang")
    meanwhile.end()
    kept = await shelf.get("cart")
    assert (kept.enabled, kept.number) == (False, 1 if act == "switch" else None)


@pytest.mark.postgres
@on_postgres
async def test_an_older_edit_is_not_taken_up_after_a_newer_one(
    outreach_shop: Callable[..., Shop], shelf_of: Any, database: Database, meanwhile: Meanwhile
) -> None:
    shop = outreach_shop(CART)
    shelf = shelf_of(shop, CART)
    shelf.on_change = None
    await shelf.save(LATER, by="li", journey="cart")
    plans = shop.outreach.plans

    async def newer(replica: Database) -> None:
        elsewhere = _elsewhere(shop, shelf, replica)
        await elsewhere.save(LATER.replace("hours: 5", "hours: 7"), by="li", journey="cart")
        await elsewhere.bring(plans)

    meanwhile.after(database, "FROM journey_version", newer)
    await shelf.bring(plans)
    meanwhile.end()
    [step] = plans.journeys["cart"].steps
    assert step.timing.offset.delay == timedelta(hours=7)


@pytest.mark.postgres
@on_postgres
async def test_nothing_is_planned_for_somebody_who_is_erased_meanwhile(
    outreach_shop: Callable[..., Shop], database: Database, meanwhile: Meanwhile
) -> None:
    shop = outreach_shop(NEWS)
    await shop.customer("wmOne")
    await shop.outreach.listener.tick()
    await shop.behaves("wmOne", "wants_news")
    await shop.outreach.listener.tick()
    shop.clock.turn(hours=1)

    async def erased(replica: Database) -> None:
        await PersonalData(replica, shop.clock).erase("wmOne", by="li")

    meanwhile.after(database, "FROM customer WHERE", erased)
    await shop.outreach.planner.tick()
    meanwhile.end()
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(JourneyWalk)) == 0
    assert await shop.touches() == []


@pytest.mark.postgres
@on_postgres
async def test_a_cohort_that_is_retired_while_its_posts_are_planned_walks_no_further(
    outreach_shop: Callable[..., Shop], database: Database, meanwhile: Meanwhile
) -> None:
    """The other replica has files without the journey, and deletes what it left behind."""
    shop = outreach_shop(WEEK)
    await _joins_at_night(shop)
    shop.clock.turn(hours=10)
    async with database.write() as session:
        gone = update(CorpTag).values(deleted_at=shop.clock.now())
        await session.execute(gone)

    async def retires(replica: Database) -> None:
        plans = outreach_shop(CART).outreach.plans
        async with replica.read() as session:
            [tag] = await session.scalars(select(CohortTag))
        book = CohortBook(replica, shop.clock, plans, TagBook(replica, shop.client, shop.clock))
        await book._delete(tag, shop.clock.now())

    meanwhile.after(database, "FROM journey_walk", retires, nth=3)
    await shop.outreach.planner.tick()
    meanwhile.end()
    async with database.read() as session:
        [walk] = await session.scalars(select(JourneyWalk))
    assert (walk.next_due, walk.ended_by) == (None, Rule.JOURNEY_REMOVED)
