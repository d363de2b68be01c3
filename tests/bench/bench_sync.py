"""How long a first and a second sync take, how many calls, and how much memory at the peak.

    python tests/bench/bench_sync.py [--small] [--database URL]

The platform runs as a process of its own, so that the memory is the bot's alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web

from bot.clock import SystemClock
from bot.customers.corp_tags import TagBook
from bot.customers.sync import Synchroniser
from bot.customers.sync_journey import SyncReport, Tools
from bot.delivery.tokens import StoredTokens
from bot.settings import WeComSettings
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.wecom.client import WeComClient

SINCE = 1_763_000_000
TAGS = [f"et{number:03}" for number in range(60)]


class Platform:
    """Makes its answers up as they are asked for."""

    def __init__(self, customers: int, guides: int) -> None:
        self.guides = [f"guide{number:04}" for number in range(guides)]
        self.each = customers // guides

    async def answer(self, request: web.Request) -> web.Response:
        api = request.match_info["api"]
        body = await request.json() if request.can_read_body else {}
        return web.json_response({"errcode": 0, "errmsg": "ok"} | self._answer(api, body))

    def _answer(self, api: str, body: dict[str, Any]) -> dict[str, Any]:
        if api == "gettoken":
            return {"access_token": "t", "expires_in": 7200}
        if api.endswith("get_follow_user_list"):
            return {"follow_user": self.guides}
        if api.endswith("get_corp_tag_list"):
            tags = [{"id": one, "name": f"标签{one}", "order": 0} for one in TAGS]
            return {"tag_group": [{"group_id": "g", "group_name": "组", "order": 0, "tag": tags}]}
        return self._page(body["userid_list"], int(body.get("cursor") or 0))

    def _page(self, userids: list[str], start: int) -> dict[str, Any]:
        total = len(userids) * self.each
        end = min(start + 100, total)
        rows = [
            self._row(userids[place // self.each], place % self.each)
            for place in range(start, end)
        ]
        return {"external_contact_list": rows, "next_cursor": str(end) if end < total else ""}

    def _row(self, userid: str, number: int) -> dict[str, Any]:
        who = f"wm{userid}x{number:05}AAAAAAAAAAAAAA"
        return {
            "external_contact": {
                "external_userid": who,
                "name": f"客户{number}",
                "avatar": f"https://wx.qlogo.cn/mmhead/{who}/0",
                "type": 1,
                "gender": number % 3,
                "unionid": f"o{who}",
            },
            "follow_info": {
                "userid": userid,
                "remark": f"备注{number}",
                "description": "",
                "createtime": SINCE + number,
                "tag_id": [TAGS[number % 60], TAGS[(number * 7) % 60]],
                "remark_mobiles": [],
                "add_way": 1,
                "oper_userid": userid,
                "state": f"channel-{number % 5}",
            },
        }


def serve(customers: int, guides: int, port: Any) -> None:
    async def run() -> None:
        app = web.Application()
        app.router.add_route("*", "/cgi-bin/{api:.+}", Platform(customers, guides).answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port.put(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


async def sync_twice(url: str, base: str) -> list[SyncReport]:
    database, clock = Database(url), SystemClock()
    await upgrade(database)
    settings = WeComSettings.model_validate(
        {"api_base": base, "corp_id": "ww1", "secret": "bench", "calls_per_minute": 10_000}
    )
    async with aiohttp.ClientSession() as http:
        client = WeComClient(settings, http, shared=StoredTokens(database), clock=clock)
        tags = TagBook(database, client, clock)
        tools = Tools(database=database, client=client, clock=clock, tags=tags, stage="icebreak")
        sync = Synchroniser(tools, name="bench/1/aa", zone=ZoneInfo("Asia/Shanghai"))
        reports = [await sync.run(), await sync.run()]
    await database.close()
    return reports


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="5,000 customers over 50 guides")
    parser.add_argument("--database", help="an empty database; a SQLite file by default")
    options = parser.parse_args()
    customers, guides = (5_000, 50) if options.small else (100_000, 1_000)
    port = multiprocessing.Queue()
    platform = multiprocessing.Process(target=serve, args=(customers, guides, port), daemon=True)
    platform.start()
    base = f"http://127.0.0.1:{port.get()}/cgi-bin/"
    with tempfile.TemporaryDirectory() as folder:
        url = options.database or f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}"
        reports = asyncio.run(sync_twice(url, base))
    platform.terminate()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = {
        "customers": customers,
        "guides": guides,
        "first": reports[0].as_dict(),
        "second": reports[1].as_dict(),
        "peak_mb": round(peak, 1),
    }
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=2) + "\n")
    if peak > 400:
        sys.exit("peak memory is over 400 MB")


if __name__ == "__main__":
    main()
