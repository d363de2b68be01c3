"""Listening for HTTP in a way that tells a malformed request nothing but that it is malformed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import cast

from aiohttp import web

from bot import loggers

_WAIT_FOR_ANSWERS = 5.0
_BROKEN = 500


class Connection(web.RequestHandler):
    """aiohttp would repeat a broken request's own bytes to the sender, and log its traceback."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A plain refusal; called for requests that never reached the application."""
        if status >= _BROKEN:
            loggers.web.error("request broke", exc_info=exc)
        else:
            loggers.web.warning("request malformed", status=status, problem=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer is on its way already")
        response = web.Response(status=status, text=f"{status}: {HTTPStatus(status).phrase}")
        response.force_close()
        return response


async def listen(
    application: web.Application, host: str, port: int
) -> Callable[[], Awaitable[None]]:
    """Serve the application at the address; returns how to stop, lets `OSError` through."""
    runner = web.AppRunner(application, shutdown_timeout=_WAIT_FOR_ANSWERS)
    await runner.setup()
    loop = asyncio.get_running_loop()
    manager = cast("web.Server", runner.server)
    try:
        server = await loop.create_server(lambda: Connection(manager, loop=loop), host, port)
    except OSError:
        await runner.cleanup()
        raise

    async def stop() -> None:
        server.close()
        await runner.cleanup()

    return stop
