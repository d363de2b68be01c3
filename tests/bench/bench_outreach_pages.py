"""How long the calendar and the results take in a large shop.

    python tests/bench/bench_outreach_pages.py [--rows N]

N touches of the last month and N customers under way (100,000 each), on SQLite.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outreach.calendar_view import touch_calendar
from bot.outreach.plans import SHIPPED_JOURNEYS, plans_of
from bot.outreach.step_results import sent_by_journey, step_results
from bot.settings import Settings
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.store.outreach_tables import JourneyWalk, TouchEcho, TouchRow
from scheduler import load_journeys

NOW = datetime(2026, 11, 25, 4, 30, tzinfo=UTC)
STEPS = {"newcomer": ("hello", "visit"), "price_silent": ("worry", "proof")}
PAGE = 2_000


def _touch(number: int, dice: random.Random) -> dict[str, Any]:
    journey = dice.choice(list(STEPS))
    due = NOW - timedelta(hours=dice.random() * 24 * 30)
    status = dice.choices(["sent", "skipped"], [4, 1])[0]
    return {
        "id": f"{number:032x}",
        "journey": journey,
        "step": dice.choice(STEPS[journey]),
        "kind": "nudge",
        "audience": "customer",
        "subject": f"wm{number}",
        "external_userid": f"wm{number}",
        "segment": "women",
        "variant": dice.choice(["a", "b"]),
        "way": "mass_send",
        "guides": [f"guide{number % 50}"],
        "messages": 1,
        "due_at": due,
        "look_at": due,
        "status": status,
        "rule": "condition" if status == "skipped" else None,
        "explanation": "按计划发出",
        "sent_at": due if status == "sent" else None,
        "outcome": {},
        "created_at": due,
    }


def _echo(touch: dict[str, Any]) -> dict[str, Any]:
    named = {name: touch[name] for name in ("journey", "step", "variant", "due_at")}
    return named | {"touch_id": touch["id"], "what": "replied", "by": "x", "count": 1}


def _walk(number: int, dice: random.Random) -> dict[str, Any]:
    who = f"wm{dice.getrandbits(64):016x}{number}"
    journey, segment = dice.choice((("newcomer", "women"), ("win_back", "buyers")))
    start = NOW - timedelta(days=dice.random() * 20)
    return {
        "audience": "customer",
        "subject": who,
        "journey": journey,
        "external_userid": who,
        "segment": segment,
        "started_at": start,
        "since": start,
        "cycle": "one",
        "guides": [f"guide{number % 50}"],
        "signals": [],
        "position": 0,
        "settled": [],
        "next_due": NOW + timedelta(days=dice.random() * 20),
    }


async def fill(database: Database, rows: int) -> None:
    dice = random.Random(1)
    for start in range(0, rows, PAGE):
        numbers = range(start, min(start + PAGE, rows))
        touches = [_touch(number, dice) for number in numbers]
        async with database.write() as session:
            await session.execute(insert(TouchRow), touches)
            await session.execute(insert(TouchEcho), [_echo(one) for one in touches[::5]])
            await session.execute(insert(JourneyWalk), [_walk(number, dice) for number in numbers])


async def timed(
    database: Database, name: str, look: Callable[[AsyncSession], Awaitable[Any]]
) -> None:
    spans = []
    for _ in range(5):
        async with database.read() as session:
            began = perf_counter()
            await look(session)
            spans.append(perf_counter() - began)
    sys.stdout.write(f"{name:32} {min(spans) * 1e3:7.0f} ms best, {max(spans) * 1e3:.0f} worst\n")


async def run(rows: int) -> None:
    plans = plans_of(Settings(), load_journeys(SHIPPED_JOURNEYS))
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}")
        await upgrade(database)
        await fill(database, rows)
        sys.stdout.write(f"{rows:,} touches, {rows:,} customers under way\n")
        first = NOW.date() - timedelta(days=2)
        await timed(
            database,
            "calendar, seven days",
            lambda session: touch_calendar(session, plans, NOW, first=first, days=7),
        )
        await timed(database, "results, totals", lambda session: sent_by_journey(session, None))
        await timed(database, "results, one journey", lambda s: step_results(s, "newcomer"))
        week = NOW - timedelta(days=7)
        await timed(
            database,
            "results, one journey, seven days",
            lambda session: step_results(session, "newcomer", since=week),
        )
        await database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    asyncio.run(run(parser.parse_args().rows))
