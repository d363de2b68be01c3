"""The access token: fetched once under a lock and shared with the other replicas."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.clock import Clock

_MARGIN = timedelta(minutes=5)
_ASK_AGAIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Token:
    """A credential and the moment until which WeCom accepts it."""

    value: str
    expires_at: datetime


class SharedTokens(Protocol):
    """Where replicas leave tokens for one another."""

    async def load(self, name: str) -> Token | None: ...

    async def save(self, name: str, token: Token) -> None: ...


class TokenCache:
    """Hands out one token until it nears its end or WeCom rejects it.

    WeCom: a token lives 7200 s, may be revoked early, and fetching too often is punished;
    asking again gives the same token until it ends.
    """

    def __init__(
        self,
        name: str,
        *,
        fetch: Callable[[], Awaitable[Token]],
        shared: SharedTokens,
        clock: Clock,
    ) -> None:
        self._name = name
        self._fetch = fetch
        self._shared = shared
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._asked_at: datetime | None = None

    async def get(self, *, rejected: str | None = None) -> str:
        """A usable token; `rejected` is one that WeCom just refused."""
        if usable := self._usable(self._token, rejected):
            return usable
        async with self._lock:
            if usable := self._usable(self._token, rejected):
                return usable
            self._token = await self._shared.load(self._name)
            if usable := self._usable(self._token, rejected):
                return usable
            self._token, self._asked_at = await self._fetch(), self._clock.now()
            await self._shared.save(self._name, self._token)
            return self._token.value

    def _usable(self, token: Token | None, rejected: str | None) -> str | None:
        if token is None or token.value == rejected:
            return None
        now = self._clock.now()
        just_asked = self._asked_at is not None and now - self._asked_at < _ASK_AGAIN
        margin = timedelta(0) if just_asked else _MARGIN
        return token.value if token.expires_at - margin > now else None


def token_name(corp_id: str, secret: str) -> str:
    """A name that tells secrets apart without telling them."""
    return f"access_token:{corp_id}:{hashlib.sha256(secret.encode()).hexdigest()[:16]}"
