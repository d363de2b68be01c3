"""One day of planning for a million enrolled customers, beside one APScheduler job a customer.

Both sides keep their state in SQLite. The planner's side does what the service does: select
the enrolments due today, chunk by chunk with their history, plan, write touches and progress
in one transaction a chunk. Run with `--small` for a quick look.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from scheduler import (
    Audience,
    Budget,
    ContentRef,
    Customer,
    Enrolment,
    Ledger,
    PlanContext,
    StepKind,
    Touch,
    TouchStatus,
    Way,
    WorkCalendar,
    chunks,
    load_journeys,
    next_due,
    plan_chunk,
)
from scheduler.enrolling import begin

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
DAY = timedelta(days=1)
MEMORY_LIMIT_MB = 1024
SCHEMA = """
CREATE TABLE enrolment (subject TEXT, journey TEXT, segment TEXT, started_at REAL,
    position INTEGER, settled TEXT, next_due REAL, ended_by TEXT, PRIMARY KEY (subject, journey)
) WITHOUT ROWID;
CREATE TABLE touch (id TEXT PRIMARY KEY, subject TEXT, journey TEXT, step TEXT, kind TEXT,
    way TEXT, due_at REAL, status TEXT, rule TEXT, explanation TEXT);
"""
JOURNEYS = {journey.id: journey for journey in load_journeys()}
CALENDAR = WorkCalendar()


@dataclass(frozen=True, slots=True)
class Outcome:
    enrolled: int
    due: int
    rows: int
    seconds: float


def peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if sys.platform != "darwin" else 1024 * 1024)


def enrolments(number: int, due_share: float) -> Iterator[tuple[Enrolment, float]]:
    """Customers of three journeys; `due_share` of them have a step on this day."""
    rng = Random(7)
    for index in range(number):
        journey = JOURNEYS[("win_back", "win_back", "parcel_arrived", "newcomer")[index % 4]]
        segment = journey.segments[index % len(journey.segments)].name
        if rng.random() < due_share:
            started = NOW - timedelta(hours=rng.random() * 3)
            started -= DAY if journey.id == "newcomer" else timedelta()
        else:
            started = NOW + timedelta(days=2 + rng.random() * 28)
        one = begin(journey, f"wm{index:030d}", segment, started)
        due = next_due(journey, one, CALENDAR)
        if due is not None:
            yield one, due.timestamp()


def fill(base: sqlite3.Connection, number: int, due_share: float) -> None:
    """Enrol everybody, and give every second one a mass message sent earlier this month."""
    base.executescript(SCHEMA)
    rows = enrolments(number, due_share)
    base.executemany(
        "INSERT INTO enrolment VALUES (?, ?, ?, ?, 0, '[]', ?, NULL)",
        (
            (one.subject, one.journey, one.segment, one.started_at.timestamp(), due)
            for one, due in rows
        ),
    )
    sent = (NOW - timedelta(days=9)).timestamp()
    base.execute(
        "INSERT INTO touch SELECT 'old' || subject, subject, 'win_back', 'day30', 'mass_send', "
        "'mass_send', ?, 'sent', NULL, '' FROM enrolment WHERE substr(subject, -1) < '5'",
        (sent,),
    )
    base.execute("CREATE INDEX enrolment_due ON enrolment (next_due)")
    base.execute("CREATE INDEX touch_subject ON touch (subject, due_at)")
    base.commit()


def due_today(base: sqlite3.Connection) -> Iterator[Enrolment]:
    rows = base.execute(
        "SELECT subject, journey, segment, started_at, position, settled FROM enrolment "
        "WHERE next_due < ? ORDER BY subject",
        ((NOW + DAY).timestamp(),),
    )
    for subject, journey, segment, started_at, position, settled in rows:
        start = datetime.fromtimestamp(started_at, UTC)
        yield Enrolment(
            journey=journey,
            audience=Audience.CUSTOMER,
            subject=subject,
            segment=segment,
            started_at=start,
            since=start,
            cycle=f"{start:%Y%m%dT%H%M%S}",
            position=position,
            settled=tuple(
                (step, datetime.fromtimestamp(at, UTC)) for step, at in json.loads(settled)
            ),
        )


def history(base: sqlite3.Connection, subjects: list[str]) -> Iterator[Touch]:
    rows = base.execute(
        "SELECT touch.id, subject, journey, step, kind, way, due_at, status FROM touch "
        "JOIN json_each(?) AS wanted ON subject = wanted.value",
        (json.dumps(subjects),),
    )
    for touch_id, subject, journey, step, kind, way, due_at, status in rows:
        yield Touch(
            id=touch_id,
            journey=journey,
            step=step,
            kind=StepKind(kind),
            audience=Audience.CUSTOMER,
            subject=subject,
            due_at=datetime.fromtimestamp(due_at, UTC),
            content=ContentRef(journey, step, "default"),
            status=TouchStatus(status),
            explanation="",
            way=Way(way) if way else None,
        )


def plan_day(base: sqlite3.Connection) -> tuple[int, int]:
    """Plan the whole day; gives how many enrolments were due and how many rows were written."""
    context = PlanContext(JOURNEYS, CALENDAR, NOW, NOW + DAY)
    ledger = Ledger(Budget(guide_cards_per_day=1_000_000), CALENDAR)
    writer = sqlite3.connect(base.execute("PRAGMA database_list").fetchone()[2])
    due = rows = 0
    for chunk in chunks(due_today(base)):
        subjects = sorted({one.subject for one in chunk})
        people = {
            name: Customer(name, guides=(f"guide{int(name[2:]) % 200}",)) for name in subjects
        }
        ledger.forget_people()
        for touch in history(base, subjects):
            ledger.record(touch)
        made = plan_chunk(context, chunk, ledger, people)
        with writer:
            writer.executemany(
                "INSERT OR IGNORE INTO touch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        touch.id,
                        touch.subject,
                        touch.journey,
                        touch.step,
                        touch.kind,
                        touch.way,
                        touch.due_at.timestamp(),
                        touch.status,
                        touch.rule,
                        touch.explanation,
                    )
                    for touch in made.touches
                ),
            )
            writer.executemany(
                "UPDATE enrolment SET position = ?, settled = ?, next_due = ?, ended_by = ? "
                "WHERE subject = ? AND journey = ?",
                (
                    (
                        one.enrolment.position,
                        json.dumps([(s, at.timestamp()) for s, at in one.enrolment.settled]),
                        one.next_due.timestamp() if one.next_due else None,
                        one.enrolment.ended_by,
                        one.enrolment.subject,
                        one.enrolment.journey,
                    )
                    for one in made.progress
                ),
            )
        due += len(chunk)
        rows += len(made.touches) + len(made.progress)
    writer.close()
    return due, rows


def measure_planner(folder: Path, number: int, due_share: float) -> Outcome:
    path = folder / f"plan-{number}.db"
    base = sqlite3.connect(path)
    base.execute("PRAGMA journal_mode=WAL")
    fill(base, number, due_share)
    started = time.perf_counter()
    due, rows = plan_day(base)
    seconds = time.perf_counter() - started
    base.close()
    path.unlink()
    return Outcome(number, due, rows, seconds)


_DONE = threading.Event()
_LEFT = [0]


def remind(customer: str) -> None:
    """The baseline's job: it only counts, so only the scheduling is measured."""
    _LEFT[0] -= len(customer) > 0
    if _LEFT[0] == 0:
        _DONE.set()


def measure_jobs(folder: Path, number: int) -> tuple[float, float]:
    """One daily APScheduler job a customer: seconds to enrol all, and to run one day of them."""
    store = SQLAlchemyJobStore(f"sqlite:///{folder / 'jobs.db'}")
    jobs = BackgroundScheduler(
        jobstores={"default": store}, executors={"default": DebugExecutor()}, timezone=UTC
    )
    jobs.start(paused=True)
    _LEFT[0] = number
    due = datetime.fromtimestamp(time.time(), UTC)
    started = time.perf_counter()
    for index in range(number):
        jobs.add_job(
            remind,
            IntervalTrigger(days=1, timezone=UTC),
            args=[f"wm{index:030d}"],
            id=str(index),
            next_run_time=due,
            misfire_grace_time=None,
        )
    enrolled = time.perf_counter() - started
    started = time.perf_counter()
    jobs.resume()
    _DONE.wait()
    jobs.shutdown()
    return enrolled, time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="20,000 enrolled, 500 jobs")
    parser.add_argument("--due", type=float, default=0.1, help="share of customers due that day")
    options = parser.parse_args()
    many, few, jobs = (20_000, 5_000, 500) if options.small else (1_000_000, 200_000, 10_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        big = measure_planner(folder, many, options.due)
        memory = peak_mb()
        same_due = measure_planner(folder, few, options.due * many / few)
        enrolled, ran = measure_jobs(folder, jobs)
    ours = big.seconds / big.due
    theirs = ran / jobs
    say = sys.stdout.write
    say(f"{'':34}{'enrolled':>10}{'due':>9}{'rows':>9}{'seconds':>9}{'µs/due':>8}\n")
    for label, one in (
        ("planner, one day", big),
        ("planner, as many due, fewer people", same_due),
    ):
        per_due = one.seconds / one.due * 1e6
        say(f"{label:34}{one.enrolled:>10,}{one.due:>9,}{one.rows:>9,}")
        say(f"{one.seconds:>9.1f}{per_due:>8.0f}\n")
    say(f"{'one APScheduler job a customer':34}{jobs:>10,}{jobs:>9,}{jobs:>9,}")
    say(f"{ran:>9.1f}{theirs * 1e6:>8.0f}   (enrolling them took {enrolled:.1f} s)\n")
    say(f"ratio per due customer: {theirs / ours:.1f} times faster than one job a customer\n")
    say(f"ratio for {many / few:.0f} times as many enrolled, as many due: ")
    say(f"{big.seconds / same_due.seconds:.2f}\n")
    say(f"peak memory of the planner: {memory:.0f} MB (limit {MEMORY_LIMIT_MB} MB)\n")
    return 0 if memory <= MEMORY_LIMIT_MB else 1


if __name__ == "__main__":
    sys.exit(main())
