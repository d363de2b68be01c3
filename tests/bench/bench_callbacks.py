"""Callbacks made durable per second: group commit against one transaction each, in one run.

python tests/bench/bench_callbacks.py [--callbacks 2000] [--at-once 100] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.clock import SystemClock
from bot.delivery.inbox import Inbox
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.wecom.events import InboundEvent, typed_event

Put = Callable[[InboundEvent], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Figures:
    """One way of storing, measured; times in milliseconds."""

    way: str
    per_second: float
    p50_ms: float
    p99_ms: float


def notice(number: int) -> InboundEvent:
    return typed_event(
        {
            "ToUserName": "ww5a6e626f78776563",
            "CreateTime": "1795140000",
            "MsgType": "event",
            "Event": "kf_msg_or_event",
            "Token": f"ENC{number:08}",
            "OpenKfId": "wkBench",
        }
    )


async def measure(way: str, put: Put, *, callbacks: int, at_once: int) -> Figures:
    """Put so many callbacks, so many at a time, as a flood of pushes does."""
    numbers = iter(range(callbacks))
    seconds: list[float] = []

    async def pushing() -> None:
        for number in numbers:
            began = time.perf_counter()
            await put(notice(number))
            seconds.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(pushing() for _ in range(at_once)))
    whole = time.perf_counter() - began
    seconds.sort()
    return Figures(
        way,
        round(callbacks / whole, 1),
        round(_at(seconds, 0.50) * 1000, 2),
        round(_at(seconds, 0.99) * 1000, 2),
    )


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


async def grouped(url: str, *, callbacks: int, at_once: int) -> Figures:
    """The product's way: whatever gathers during a commit shares the next."""
    database = await _opened(url)
    inbox = Inbox(database, SystemClock())
    running = asyncio.create_task(inbox.run())
    try:
        return await measure("group commit", inbox.put, callbacks=callbacks, at_once=at_once)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await database.close()


async def one_by_one(url: str, *, callbacks: int, at_once: int) -> Figures:
    """The baseline: the same rows by the same code, a transaction each."""
    database = await _opened(url)
    inbox = Inbox(database, SystemClock())

    async def put(event: InboundEvent) -> None:
        await inbox._store([event])

    try:
        return await measure("a transaction each", put, callbacks=callbacks, at_once=at_once)
    finally:
        await database.close()


async def _opened(url: str) -> Database:
    database = Database(url)
    await upgrade(database)
    return database


async def bench(callbacks: int, at_once: int) -> tuple[Figures, Figures]:
    with tempfile.TemporaryDirectory() as folder:
        urls = [f"sqlite+aiosqlite:///{Path(folder) / name}" for name in ("one.db", "group.db")]
        # The baseline is slow: a quarter of the callbacks tells its rate as well.
        base = await one_by_one(urls[0], callbacks=max(callbacks // 4, 1), at_once=at_once)
        return base, await grouped(urls[1], callbacks=callbacks, at_once=at_once)


def table(rows: Sequence[Figures]) -> str:
    base = rows[0].per_second
    lines = [
        f"{'callbacks, SQLite':<22}{'per second':>12}{'p50 ms':>10}{'p99 ms':>10}{'ratio':>8}"
    ]
    for row in rows:
        ratio = f"{row.per_second / base:.1f}x"
        figures = f"{row.per_second:>12.0f}{row.p50_ms:>10.2f}{row.p99_ms:>10.2f}{ratio:>8}"
        lines.append(f"{row.way:<22}{figures}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callbacks", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = asyncio.run(bench(given.callbacks, given.at_once))
    if given.json:
        ratio = round(rows[1].per_second / rows[0].per_second, 2)
        figures = {"rows": [asdict(row) for row in rows], "ratio": ratio}
        sys.stdout.write(json.dumps(figures, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(table(rows) + "\n")


if __name__ == "__main__":
    main()
