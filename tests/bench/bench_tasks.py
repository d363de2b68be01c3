"""How long it takes to ask WeCom about all open tasks, when each of its answers takes 100 ms.

    python tests/bench/bench_tasks.py [--small] [--at-once 8] [--latency 0.1] [--database URL]

Of the open tasks seven in ten are mass sends that the guide has not confirmed (one call), two are
confirmed (two calls) and one is a post of five guides (eleven calls); beside them, one post of
many guides alone, and mass sends of as many guides that are asked for in the same minute. Each is
done one call after another, then side by side, on the same platform: a process of its own that
counts its calls and how many it was asked at the same time.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from sqlalchemy import delete, func, insert, select

from bot import loggers
from bot.clock import ManualClock
from bot.customers.corp_tags import TagBook
from bot.customers.funnel import load_funnel
from bot.delivery.media import MediaLibrary
from bot.delivery.tokens import StoredTokens
from bot.dialogue.library import Library
from bot.outreach.outreach import Outreach, Ties
from bot.outreach.plans import plans_of
from bot.settings import LoggingSettings, Settings
from bot.store.contact_tables import Follow
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.store.outreach_tables import OutreachTask, TaskPhase, TouchEcho, TouchRow, TouchState
from bot.store.tables import Customer, WorkState
from bot.wecom.client import WeComClient
from scheduler import parse_journeys

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
FEW = 5
JOURNEY = """
version: 1
journeys:
- id: news
  name: 上新
  triggers: [{event: wants_news}]
  steps:
  - {id: tell, purpose: 告诉上新, kind: mass_send, at: {hours: 1}, content: {text: 新款到店了}}
"""


class Platform:
    """Answers after a while; the id of a task says what it is asked about."""

    def __init__(self, latency: float, counts: Any) -> None:
        self._latency, self._counts = latency, counts
        self._under_way = 0

    async def answer(self, request: web.Request) -> web.Response:
        api = request.match_info["api"].rsplit("/", 1)[-1]
        body = await request.json() if request.can_read_body else {}
        if api == "gettoken":
            return web.json_response({"errcode": 0, "access_token": "t", "expires_in": 7200})
        self._under_way += 1
        self._counts[0] += 1
        self._counts[1] = max(self._counts[1], self._under_way)
        await asyncio.sleep(self._latency)
        self._under_way -= 1
        return web.json_response({"errcode": 0, "errmsg": "ok"} | _told(api, body))


def _told(api: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ids are `sent/3`, `open/4` and `post/5/1`: the last number is how many guides there are."""
    match api:
        case "add_msg_template":
            return {"msgid": f"open/{body['sender']}"}
        case "get_groupmsg_task":
            kind, number = body["msgid"].split("/")
            return {"task_list": [{"userid": number, "status": 2 if kind == "sent" else 0}]}
        case "get_groupmsg_send_result":
            who = f"wm{body['userid']}"
            return {"send_list": [{"external_userid": who, "userid": body["userid"], "status": 1}]}
        case "get_moment_task":
            guides = range(int(body["moment_id"].split("/")[-1]))
            return {"task_list": [{"userid": f"g{n}", "publish_status": 1} for n in guides]}
        case "get_moment_send_result":
            return {"customer_list": [{"external_userid": f"wm{body['userid']}"}]}
        case _:
            return {"like_list": [{"external_userid": f"wm{body['userid']}"}], "comment_list": []}


def serve(latency: float, counts: Any, port: Any) -> None:
    async def run() -> None:
        app = web.Application()
        app.router.add_route("*", "/cgi-bin/{api:.+}", Platform(latency, counts).answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port.put(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to do, and how it is done; `open` says how much is left."""

    name: str
    rows: Callable[[], list[dict[type, dict[str, Any]]]]
    run: Callable[[Database, Outreach], Awaitable[None]]


def asked(
    number: int, kind: str, remote_id: str | None, sender: str
) -> dict[type, dict[str, Any]]:
    """A task with its touch, due to be asked about; or, without an id, to be asked for."""
    who, open_at = f"wm{sender}", NOW - timedelta(hours=1)
    task = {
        "id": number,
        "lane": f"lane{number}",
        "state": WorkState.DONE if remote_id else WorkState.READY,
        "due_at": NOW,
        "attempts": 0,
        "kind": kind,
        "phase": TaskPhase.ASKED if remote_id else TaskPhase.NEW,
        "body": {"parts": [{"text": "新款到店了"}]},
        "audience": [who],
        "sender": sender,
        "remote_id": remote_id,
        "created_at": open_at,
        "asked_at": NOW if remote_id else None,
        "valid_until": NOW + timedelta(hours=6),
        "poll_at": NOW if remote_id else None,
    }
    touch = {
        "id": f"t{number}",
        "journey": "news",
        "step": "tell",
        "kind": kind,
        "audience": "customer",
        "subject": who,
        "segment": "default",
        "way": kind,
        "due_at": NOW,
        "look_at": NOW,
        "status": TouchState.ASKED,
        "task_id": number,
        "created_at": open_at,
    }
    known = {"external_userid": who, "stage": "icebreak", "stage_since": NOW, "first_seen_at": NOW}
    follow = {"external_userid": who, "userid": sender, "state": "active", "since": NOW}
    return {Customer: known, Follow: follow, OutreachTask: task, TouchRow: touch}


def open_tasks(number: int) -> list[dict[type, dict[str, Any]]]:
    def one(place: int) -> dict[type, dict[str, Any]]:
        kind = "open" if place % 10 < 7 else "sent"
        if place % 10 == 9:
            return asked(place, "moment", f"post/{place}/{FEW}", f"{place}")
        return asked(place, "mass_send", f"{kind}/{place}", f"{place}")

    return [one(place) for place in range(1, number + 1)]


def one_post(guides: int) -> list[dict[type, dict[str, Any]]]:
    return [asked(1, "moment", f"post/1/{guides}", "1")]


def to_ask(number: int) -> list[dict[type, dict[str, Any]]]:
    return [asked(place, "mass_send", None, f"{place}") for place in range(1, number + 1)]


async def poll(database: Database, outreach: Outreach) -> None:
    """As the service does, without the pauses between its ticks."""
    while await left(database, OutreachTask.poll_at <= NOW):
        await outreach.poller.tick()


async def ask(database: Database, outreach: Outreach) -> None:
    worker = asyncio.create_task(outreach.tasks.run())
    while await left(database, OutreachTask.remote_id.is_(None)):
        await asyncio.wait([worker], timeout=0.05)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


async def left(database: Database, where: Any) -> int:
    async with database.glance() as session:
        return await session.scalar(select(func.count(OutreachTask.id)).where(where)) or 0


@asynccontextmanager
async def opened(url: str, base: str, at_once: int) -> AsyncIterator[tuple[Database, Outreach]]:
    database, clock = Database(url), ManualClock(NOW)
    wecom = {"api_base": base, "corp_id": "ww1", "secret": "bench"}
    settings = Settings.model_validate(
        {"wecom": wecom, "outreach": {"enabled": True, "calls_at_once": at_once}}
    )
    async with aiohttp.ClientSession() as http:
        client = WeComClient(settings.wecom, http, shared=StoredTokens(database), clock=clock)
        ties = Ties(
            client=client,
            media=MediaLibrary(database, client, clock, root=Path()),
            library=Library(database, clock),
            tags=TagBook(database, client, clock),
            funnel=load_funnel(),
            variables={"shop_name": "暖屿"},
            name="bench/1/aa",
        )
        plans = plans_of(settings, parse_journeys(JOURNEY))
        try:
            yield database, Outreach(database, clock, settings, plans, ties)
        finally:
            await database.close()


async def measured(scene: Scene, url: str, base: str, at_once: int) -> float:
    async with opened(url, base, at_once) as (database, outreach):
        await upgrade(database)
        tables = (Customer, Follow, OutreachTask, TouchRow)
        async with database.write() as session:
            for table in (TouchEcho, *reversed(tables)):
                await session.execute(delete(table))
            rows = scene.rows()
            for table in tables:
                await session.execute(insert(table), [row[table] for row in rows])
        started = time.perf_counter()
        await scene.run(database, outreach)
        return time.perf_counter() - started


def compared(scene: Scene, url: str, base: str, at_once: int, counts: Any) -> list[str]:
    lines, first = [], 0.0
    for width in (1, at_once):
        counts[0] = counts[1] = 0
        seconds = asyncio.run(measured(scene, url, base, width))
        first = first or seconds
        lines.append(
            f"{scene.name if width == 1 else '':34}{width:>9}{counts[0]:>8,}{counts[1]:>7}"
            f"{seconds:>9.1f}{counts[0] / seconds * 60:>11,.0f}{first / seconds:>8.1f}\n"
        )
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a fifth of everything")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--latency", type=float, default=0.1, help="seconds")
    parser.add_argument("--database", help="an empty database; a SQLite file by default")
    options = parser.parse_args()
    loggers.configure(LoggingSettings(level="ERROR"), secrets=[])
    many, guides = (100, 50) if options.small else (500, 250)
    scenes = [
        Scene(f"{many} open tasks asked about", lambda: open_tasks(many), poll),
        Scene(f"one post of {guides} guides", lambda: one_post(guides), poll),
        Scene(f"{guides} mass sends asked for", lambda: to_ask(guides), ask),
    ]
    port, counts = multiprocessing.Queue(), multiprocessing.Array("i", 2)
    platform = multiprocessing.Process(
        target=serve, args=(options.latency, counts, port), daemon=True
    )
    platform.start()
    base = f"http://127.0.0.1:{port.get()}/cgi-bin/"
    say = sys.stdout.write
    say(f"{'':34}{'at once':>9}{'calls':>8}{'most':>7}{'seconds':>9}{'calls/min':>11}")
    say(f"{'times':>8}\n")
    with tempfile.TemporaryDirectory() as folder:
        url = options.database or f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}"
        for scene in scenes:
            for line in compared(scene, url, base, options.at_once, counts):
                say(line)
                sys.stdout.flush()
    platform.terminate()
    return 0


if __name__ == "__main__":
    sys.exit(main())
