"""Urgent work goes first: one processor and one writer serve everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

_LONGEST = 3.0
_PATIENCE = 2.0


class Precedence:
    """Tells the ordinary lanes when something urgent is under way.

    Neither side can harm the other for long: what is urgent counts for three seconds (a call that
    hangs is in nobody's way), and whoever gives way begins after two seconds at the latest.
    """

    def __init__(self, *, longest: float = _LONGEST, patience: float = _PATIENCE) -> None:
        self._longest = longest
        self._patience = patience
        self._under_way: set[object] = set()
        self._calm = asyncio.Event()
        self._calm.set()

    @contextmanager
    def urgent(self) -> Iterator[None]:
        """Others wait while the block runs, or for as long as it counts."""
        mine = object()
        self._under_way.add(mine)
        self._calm.clear()
        expiry = asyncio.get_running_loop().call_later(self._longest, self._leave, mine)
        try:
            yield
        finally:
            expiry.cancel()
            self._leave(mine)

    def _leave(self, one: object) -> None:
        self._under_way.discard(one)
        if not self._under_way:
            self._calm.set()

    async def give_way(self) -> None:
        """Return once nothing urgent is under way, or when one has waited long enough."""
        if self._calm.is_set():
            return
        try:
            async with asyncio.timeout(self._patience):
                await self._calm.wait()
        except TimeoutError:
            return
