"""Touches of long ago go, unless their journey is under way; their counts stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from bot.clock import ManualClock
from bot.outreach.forgetting import TouchForgetter
from bot.outreach.step_results import credit, sent_by_journey, step_results
from bot.store.database import Database
from bot.store.outreach_tables import JourneyWalk, OutreachTask, TouchRow, TouchTally

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


def touch(name: str, *, days: float, status: str = "sent", who: str = "wmA") -> TouchRow:
    at = NOW - timedelta(days=days)
    return TouchRow(
        id=name, journey="winback", step="ask", kind="nudge", audience="customer", subject=who,
        external_userid=who, segment="all", due_at=at, look_at=at, status=status,
        rule="quiet_hours" if status == "skipped" else None,
        sent_at=at if status == "sent" else None, created_at=at,
    )  # fmt: skip


def walk(who: str, *, running: bool) -> JourneyWalk:
    at = NOW - timedelta(days=200)
    return JourneyWalk(
        audience="customer", subject=who, journey="winback", external_userid=who, segment="all",
        started_at=at, since=at, cycle="1", next_due=NOW if running else None,
    )  # fmt: skip


def task(number: int, *, days: float) -> OutreachTask:
    at = NOW - timedelta(days=days)
    return OutreachTask(
        id=number, kind="mass_send", phase="done", body={}, audience=["wmA"], created_at=at,
        valid_until=at, lane=f"t{number}", state="done", due_at=at,
    )  # fmt: skip


async def test_old_touches_go_and_results_stay_as_they_were(database: Database) -> None:
    async with database.write() as session:
        session.add_all([walk("wmA", running=False), walk("wmB", running=True)])
        session.add_all([task(1, days=91), task(2, days=91), task(3, days=1)])
        await session.flush()
        carried = touch("a" * 32, days=90.5)
        carried.task_id = 2
        kept = touch("b" * 32, days=95, who="wmB")
        kept.task_id = 1
        session.add_all([carried, kept, touch("c" * 32, days=90.4)])
        session.add_all(
            [
                touch("d" * 32, days=92, status="skipped"),
                touch("e" * 32, days=92, status="unknown"),
                touch("f" * 32, days=89),
            ]
        )
        await session.flush()
        await credit(session, "wmA", what="replied", at=NOW - timedelta(days=90))
    async with database.read() as session:
        [before] = await step_results(session, "winback")
    forgetter = TouchForgetter(database, ManualClock(NOW), days=90)
    assert await forgetter.tick() == 4  # three touches and the task that carried one of them
    assert await forgetter.tick() == 0
    async with database.read() as session:
        left = await session.scalars(select(TouchRow.id).order_by(TouchRow.id))
        assert [one[0] for one in left] == ["b", "e", "f"]
        assert (await session.scalars(select(OutreachTask.id))).all() == [1, 3]
        [after] = await step_results(session, "winback")
        assert after.figures.skipped == before.figures.skipped == {"quiet_hours": 1}
        assert (after.sent, after.replied, after.figures.open) == (4, 1, 1)
        assert await sent_by_journey(session, None) == {"winback": 4}
        [recent] = await step_results(session, "winback", since=NOW - timedelta(days=90))
        assert recent.sent == 1


async def test_what_two_rounds_delete_of_one_day_is_added_up(ledger: Database) -> None:
    clock = ManualClock(NOW)
    for name in ("a", "b"):
        async with ledger.write() as session:
            session.add(touch(name * 32, days=100))
        await TouchForgetter(ledger, clock, days=90).tick()
    async with ledger.read() as session:
        [tally] = (await session.scalars(select(TouchTally))).all()
    assert (tally.count, tally.status, tally.variant) == (2, "sent", "")
