"""`/console/events`: tells open pages at once that something changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict

from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response
from sqlalchemy.exc import SQLAlchemyError

from bot.web.console.keys import SIGNED
from bot.web.console.sessions import find_by_digest
from bot.web.console.worklist import counts
from bot.web.keys import CLOCK, DATABASE, HUB

HEARTBEAT_SECONDS = 15.0
BREATH_SECONDS = 0.2


async def stream(request: web.Request) -> web.StreamResponse:
    """Counts on connecting and after every change, until the page or the session is gone."""
    if request.transport is None:  # the page went on while its session was looked up
        return web.Response()
    async with sse_response(request, ping_interval=HEARTBEAT_SECONDS) as events:
        with suppress(OSError, SQLAlchemyError):  # the page connects again
            async for _ in _moments(request, events):
                if not await _still_signed_in(request):
                    await events.send("", event="signed-out")
                    break
                now = await counts(request.app[DATABASE])
                await events.send(json.dumps(asdict(now)), event="change")
    return events


async def _moments(request: web.Request, events: EventSourceResponse) -> AsyncIterator[None]:
    """Now, at every change and at every heartbeat, until the hub closes."""
    changes = request.app[HUB].listen()
    change = asyncio.create_task(_has_next(changes))
    try:
        yield
        while events.is_connected():
            await asyncio.wait({change}, timeout=HEARTBEAT_SECONDS)
            if change.done():
                if not change.result():
                    return
                await asyncio.sleep(BREATH_SECONDS)  # a flood is told a few times a second
                change = asyncio.create_task(_has_next(changes))
            yield
    finally:
        change.cancel()
        await asyncio.gather(change, return_exceptions=True)


async def _has_next(changes: AsyncIterator[None]) -> bool:
    async for _ in changes:
        return True
    return False


async def _still_signed_in(request: web.Request) -> bool:
    digest = request[SIGNED].digest
    return await find_by_digest(request.app[DATABASE], request.app[CLOCK], digest) is not None
