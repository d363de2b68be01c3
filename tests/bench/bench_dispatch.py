"""Dispatching 100,000 due nudges, beside one APScheduler job a customer, on both engines.

Each nudge is looked at once more (exit, opt-out, hours, limits), worded, and promised in the
transaction that records it: half inside the service window, half gathered into mass sends of
200 guides. The baseline's jobs only write one row each. `--small` for a quick look,
`--postgres URL` for a second engine (a database that may be filled).
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger
from sqlalchemy import event, func, insert, select

from bot import loggers
from bot.clock import ManualClock
from bot.dialogue.library import Library
from bot.outreach.dispatching import Dispatcher
from bot.outreach.plans import plans_of
from bot.outreach.wording import Wordsmith
from bot.settings import LoggingSettings, Settings
from bot.store.contact_tables import Follow, Guide
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.store.outreach_tables import JourneyWalk, OutreachTask, TouchRow
from bot.store.tables import Conversation, Customer, Outbound
from scheduler import parse_journeys, touch_id

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
GUIDES = 200
JOURNEY = """
version: 1
journeys:
- id: cart
  name: 购物车未付
  triggers: [{event: [added_to_cart]}]
  exits: [replied, bought]
  steps:
  - {id: ask, purpose: 问清顾虑, kind: nudge, at: {hours: 1},
     content: {text: "{shop_name}：购物车里的还在，是尺码拿不准吗？"}}
"""


@dataclass(slots=True)
class Outcome:
    engine: str
    due: int
    seconds: float
    statements: int
    rows: int


def peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if sys.platform != "darwin" else 1024 * 1024)


def crowd(first: int, last: int) -> Iterator[dict[type, dict[str, Any]]]:
    """Customers with a friend, a walk and a due nudge; every second has the window open."""
    started = NOW - timedelta(hours=1)
    for number in range(first, last):
        who = f"wm{number:030d}"
        cycle = f"{started:%Y%m%dT%H%M%S}"
        known = {"external_userid": who, "stage": "icebreak", "stage_since": NOW, "tags": []}
        guide = f"guide{number % GUIDES:03d}"
        rows: dict[type, dict[str, Any]] = {
            Customer: {**known, "first_seen_at": NOW},
            Follow: {"userid": guide, "external_userid": who, "state": "active", "since": NOW},
            JourneyWalk: {
                "audience": "customer",
                "subject": who,
                "journey": "cart",
                "external_userid": who,
                "segment": "default",
                "started_at": started,
                "since": started,
                "cycle": cycle,
                "position": 1,
                "settled": [["ask", NOW.isoformat()]],
                "ended_by": "finished",
            },
            TouchRow: {
                "id": touch_id("cart", "ask", who, cycle),
                "journey": "cart",
                "step": "ask",
                "kind": "nudge",
                "audience": "customer",
                "subject": who,
                "external_userid": who,
                "segment": "default",
                "guides": [guide],
                "way": "kf" if number % 2 else "mass_send",
                "due_at": NOW,
                "look_at": NOW,
                "status": "planned",
                "created_at": NOW,
            },
        }
        if number % 2:
            opened = NOW - timedelta(hours=2)
            talk = {"kind": "kf", "peer": "wk_shop", "external_userid": who}
            rows[Conversation] = {**talk, "last_inbound_at": opened}
        yield rows


async def fill(database: Database, number: int) -> None:
    async with database.write() as session:
        guides = [{"userid": f"guide{n:03d}", "name": "导购", "since": NOW} for n in range(GUIDES)]
        await session.execute(insert(Guide), guides)
    for first in range(0, number, 5000):
        rows = list(crowd(first, min(first + 5000, number)))
        async with database.write() as session:
            for table in (Customer, Follow, JourneyWalk, TouchRow, Conversation):
                await session.execute(insert(table), [one[table] for one in rows if table in one])


@asynccontextmanager
async def counted(database: Database) -> AsyncIterator[list[int]]:
    count = [0]

    def note(*_: object) -> None:
        count[0] += 1

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield count
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def dispatch(url: str, number: int) -> Outcome:
    database, clock = Database(url), ManualClock(NOW)
    try:
        await upgrade(database)
        await fill(database, number)
        settings = Settings.model_validate({"outreach": {"enabled": True}})
        plans = plans_of(settings, parse_journeys(JOURNEY))
        words = Wordsmith(settings.outreach, {"shop_name": "暖屿"})
        dispatcher = Dispatcher(database, clock, plans, words, Library(database, clock))
        async with counted(database) as statements:
            started = time.perf_counter()
            looked_at = await dispatcher.tick()
            seconds = time.perf_counter() - started
        async with database.read() as session:
            rows = number
            for table in (Outbound, OutreachTask):
                rows += await session.scalar(select(func.count()).select_from(table)) or 0
            left = select(func.count()).where(TouchRow.status == "planned")
            assert looked_at == number and await session.scalar(left) == 0
        return Outcome(database.url.get_backend_name(), number, seconds, statements[0], rows)
    finally:
        await database.close()


def _write(customer: str, file: str) -> None:
    """The baseline's job: the one row that any way of sending would have to write."""
    import sqlite3

    with sqlite3.connect(file) as base:
        base.execute("INSERT INTO sent VALUES (?)", (customer,))


def jobs(folder: Path, number: int) -> float:
    """Seconds in which one due job a customer runs."""
    import sqlite3

    file = str(folder / "sent.db")
    with sqlite3.connect(file) as base:
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("CREATE TABLE sent (customer TEXT PRIMARY KEY)")
    store = SQLAlchemyJobStore(f"sqlite:///{folder / 'jobs.db'}")
    apscheduler = BackgroundScheduler(
        jobstores={"default": store}, executors={"default": DebugExecutor()}, timezone=UTC
    )
    apscheduler.start(paused=True)
    due = datetime.fromtimestamp(time.time(), UTC)
    for index in range(number):
        apscheduler.add_job(
            _write,
            DateTrigger(due, timezone=UTC),
            args=[f"wm{index:030d}", file],
            id=str(index),
            misfire_grace_time=None,
        )
    started = time.perf_counter()
    apscheduler.resume()
    while apscheduler.get_jobs():
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    apscheduler.shutdown()
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="5,000 nudges, 500 jobs")
    parser.add_argument("--postgres", default="", help="postgresql+psycopg://…")
    options = parser.parse_args()
    loggers.configure(LoggingSettings(level="ERROR"), secrets=[])
    many, few = (5_000, 500) if options.small else (100_000, 10_000)
    say = sys.stdout.write
    outcomes = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outcomes.append(asyncio.run(dispatch(f"sqlite+aiosqlite:///{folder / 'bot.db'}", many)))
        if options.postgres:
            outcomes.append(asyncio.run(dispatch(options.postgres, many)))
        baseline = jobs(folder, few)
    theirs = baseline / few
    say(f"{'':12}{'due':>9}{'seconds':>9}{'µs/due':>8}{'statements':>12}{'rows':>10}\n")
    for one in outcomes:
        ours = one.seconds / one.due
        say(f"{one.engine:12}{one.due:>9,}{one.seconds:>9.1f}{ours * 1e6:>8.0f}")
        say(f"{one.statements:>12,}{one.rows:>10,}\n")
        say(f"{'':12}{theirs / ours:.1f} times faster a nudge than one job a customer\n")
    say(f"{'APScheduler':12}{few:>9,}{baseline:>9.1f}{theirs * 1e6:>8.0f}\n")
    say(f"peak memory: {peak_mb():.0f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
