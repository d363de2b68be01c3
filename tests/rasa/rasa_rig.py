from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from intents.rasa.server import RasaServer

TOKEN = "only-for-this-test"


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def restarted(server: RasaServer) -> AsyncIterator[None]:
    """Whatever happens inside, the server runs again afterwards."""
    try:
        yield
    finally:
        if not server.running:
            server.start()
        await server.ready()
