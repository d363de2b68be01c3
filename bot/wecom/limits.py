"""Keeping below WeCom's frequency limits, one limiter per API."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiolimiter import AsyncLimiter

from bot.errors import RetryLater
from bot.wecom.errcodes import FREQUENCY_LIMIT, meaning

_MOST = 10_000
_BURST = 1 / 6


class Limiter:
    """Paces calls and stays away from an API for as long as WeCom blocks it.

    WeCom: 10,000 calls a minute per corp and API; over it, 45009 for a whole minute. What
    may go out at once and what a minute gives back stay below that together.
    """

    def __init__(
        self, calls_per_minute: int, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._calls_per_minute = calls_per_minute
        self._monotonic = monotonic
        self._limiters: dict[str, AsyncLimiter] = {}
        self._blocked_until: dict[str, float] = {}

    async def wait(self, api: str) -> None:
        """Wait for a turn; raises `RetryLater` while WeCom blocks this API."""
        left = self._blocked_until.get(api, 0.0) - self._monotonic()
        if left > 0:
            raise RetryLater(
                f"{meaning(FREQUENCY_LIMIT).zh}（错误码 {FREQUENCY_LIMIT}）",
                errcode=FREQUENCY_LIMIT,
                api=api,
                wait_seconds=left,
            )
        if api not in self._limiters:
            self._limiters[api] = _paced(self._calls_per_minute)
        await self._limiters[api].acquire()

    def block(self, api: str, seconds: float) -> None:
        """WeCom said that we called too often."""
        self._blocked_until[api] = self._monotonic() + seconds


def _paced(calls_per_minute: int) -> AsyncLimiter:
    at_once = min(calls_per_minute, max(_MOST - calls_per_minute, calls_per_minute * _BURST))
    given_back = min(calls_per_minute, _MOST - at_once)
    return AsyncLimiter(at_once, 60 * at_once / given_back)
