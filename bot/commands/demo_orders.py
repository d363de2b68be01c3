"""The sample shop's order system: it tells the bot of purchases as a real one would."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from zlib import crc32

import aiohttp

from bot.errors import UnknownOutcome
from bot.settings import Settings

_KINDS = {"order_paid": "DD", "parcel_arrived": "YD", "added_to_cart": "GW"}
_TIMEOUT = aiohttp.ClientTimeout(total=10)


class OrderSystem:
    """Speaks `POST /api/v1/events` with the token of the settings, over HTTP."""

    def __init__(self, session: aiohttp.ClientSession, settings: Settings) -> None:
        self._session = session
        self._url = f"http://{settings.http.host}:{settings.http.port}/api/v1/events"
        self._token = settings.api.token.get_secret_value()

    async def report(self, what: str, who: str, at: datetime) -> None:
        """One event; the id is the same however often it is told."""
        event = {
            "id": _number(what, who, at),
            "type": what,
            "external_userid": who,
            "at": at.isoformat(),
        }
        headers = {"Authorization": f"Bearer {self._token}"}
        async with self._session.post(self._url, json=event, headers=headers) as answer:
            if answer.status >= 300:
                said = (await answer.text())[:200]
                raise UnknownOutcome(f"订单事件没有报上（{answer.status}）：{said}", api="events")


def _number(what: str, who: str, at: datetime) -> str:
    """As an order system numbers its orders, parcels and carts."""
    kind = _KINDS.get(what, what)
    return f"{kind}{at:%y%m%d%H%M}{crc32(f'{what}{who}'.encode()) % 1_000_000:06}"


@asynccontextmanager
async def order_system(settings: Settings) -> AsyncIterator[OrderSystem]:
    """Open for as long as the block runs."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        yield OrderSystem(session, settings)


def api_token(given: str, kept_in: Path) -> str:
    """The operator's token, else one that is made once and kept."""
    if given:
        return given
    if not kept_in.exists():
        kept_in.parent.mkdir(parents=True, exist_ok=True)
        kept_in.touch(mode=0o600)
        kept_in.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    return kept_in.read_text(encoding="utf-8").strip()
