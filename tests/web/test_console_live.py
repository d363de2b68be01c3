from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import ClientResponse
from consoleshop import Guide, Shop
from consoleshop import browser as browser
from consoleshop import server as server
from consoleshop import shop as shop

from bot.web import keys
from bot.web.console.accounts import reset_password


async def next_event(stream: ClientResponse) -> tuple[str, Any]:
    """The name and data of the next event; heartbeats are passed over."""
    name, data = "", ""
    async with asyncio.timeout(5):
        async for raw in stream.content:
            line = raw.decode().strip()
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data:"):
                data = line.removeprefix("data:").strip()
            elif not line and name:
                return name, json.loads(data) if data else None
    return "closed", None


async def test_stream_tells_at_once_and_at_every_change(shop: Shop, browser: Guide) -> None:
    async with browser.client.get("/console/events") as stream:
        assert stream.content_type == "text/event-stream"
        assert await next_event(stream) == ("change", {"pending": 0, "failed": 0, "newest": 0})

        waiting = await shop.says("小林", "太贵了")
        assert await next_event(stream) == (
            "change",
            {"pending": 1, "failed": 0, "newest": waiting},
        )

        await shop.app[keys.DECISIONS].approve(waiting, by="admin")
        assert await next_event(stream) == ("change", {"pending": 0, "failed": 0, "newest": 0})


async def test_stream_ends_when_the_session_does(shop: Shop, browser: Guide) -> None:
    async with browser.client.get("/console/events") as stream:
        await next_event(stream)
        await reset_password(shop.database, shop.clock, "admin")
        await shop.says("小林", "太贵了")
        assert await next_event(stream) == ("signed-out", None)
        assert (await next_event(stream))[0] == "closed"


async def test_stream_does_not_hold_up_the_shutdown(shop: Shop, browser: Guide) -> None:
    async with browser.client.get("/console/events") as stream:
        await next_event(stream)
        shop.hub.close()
        assert (await next_event(stream))[0] == "closed"
