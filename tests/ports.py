"""Ports for the services that tests start."""

from __future__ import annotations

import contextlib
import random
import socket

_CHANCE = random.SystemRandom()


def free_port() -> int:
    """One that no outgoing connection is ever given, so that a service can come back to it."""
    while True:
        port = _CHANCE.randrange(10_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
