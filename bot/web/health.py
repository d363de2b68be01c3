"""`/healthz`, `/readyz` and `/metrics`, for machines that watch."""

from __future__ import annotations

from aiohttp import web

from bot.errors import StoreError
from bot.web.keys import DATABASE, METRICS


async def healthz(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """200 while the database (and with it every queue) is usable."""
    try:
        await request.app[DATABASE].check()
    except StoreError as error:
        return web.json_response({"status": "unavailable", "why": error.message}, status=503)
    return web.json_response({"status": "ready"})


async def metrics(request: web.Request) -> web.Response:
    body = await request.app[METRICS].render(request.app[DATABASE])
    return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4"})


ROUTES = (
    web.get("/healthz", healthz),
    web.get("/readyz", readyz),
    web.get("/metrics", metrics),
)
