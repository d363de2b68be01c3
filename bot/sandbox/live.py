"""Live updates of the page by server-sent events."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from .journal import Entry
from .keys import CLOSING, PLATFORM

PING_SECONDS = 15.0


async def stream(request: web.Request) -> web.StreamResponse:
    """Server-sent events: new lines of the record, and hints of what to read again."""
    platform, closing = request.app[PLATFORM], request.app[CLOSING]
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
    )
    await response.prepare(request)
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def on_entry(entry: Entry) -> None:
        queue.put_nowait({"entry": entry.shown()})

    def on_change(what: str) -> None:
        queue.put_nowait({"changed": what})

    platform.journal.listeners.append(on_entry)
    platform.change_listeners.append(on_change)
    try:
        await _relay(response, queue, closing)
    except ConnectionError:
        pass
    finally:
        platform.journal.listeners.remove(on_entry)
        platform.change_listeners.remove(on_change)
    return response


async def _relay(
    response: web.StreamResponse, queue: asyncio.Queue[dict[str, Any]], closing: asyncio.Event
) -> None:
    stop = asyncio.ensure_future(closing.wait())
    try:
        await response.write(b"retry: 1000\n\n")
        while not closing.is_set():
            take = asyncio.ensure_future(queue.get())
            await asyncio.wait(
                {take, stop}, timeout=PING_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if take.done():
                text = json.dumps(take.result(), ensure_ascii=False)
                await response.write(f"data: {text}\n\n".encode())
            else:
                take.cancel()
                await response.write(b": ping\n\n")
    finally:
        stop.cancel()
