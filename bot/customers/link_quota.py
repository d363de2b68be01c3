"""How many friends the acquisition assistant (获客助手) may still bring: it is paid for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.clock import Clock
from bot.errors import WeComError
from bot.wecom.client import WeComClient
from bot.wecom.contacts import moment

LOW = 20  # WeCom: below it `balance_low` is told
_FRESH = timedelta(minutes=5)
_FRESH_REFUSAL = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Portion:
    """What of the balance is lost at one moment."""

    balance: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Quota:
    """As WeCom told it at `asked_at`; the portion that is lost first comes first."""

    total: int
    balance: int
    portions: tuple[Portion, ...]
    asked_at: datetime

    @property
    def low(self) -> bool:
        return self.balance < LOW


class LinkQuota:
    """Asks WeCom at most once in a few minutes, however many look."""

    def __init__(self, client: WeComClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._turn = asyncio.Lock()
        self._known: Quota | WeComError | None = None
        self._until = clock.now()

    async def read(self) -> Quota:
        """The quota; raises the `WeComError` with which WeCom refused to tell it."""
        async with self._turn:
            if self._known is None or self._until <= self._clock.now():
                await self._ask()
            if isinstance(self._known, Quota):
                return self._known
            raise self._known or WeComError("企业微信没有告诉额度")

    async def _ask(self) -> None:
        now = self._clock.now()
        try:
            self._known = quota_of(await self._client.contact_ways.link_quota(), now=now)
            self._until = now + _FRESH
        except WeComError as error:
            self._known, self._until = error, now + _FRESH_REFUSAL


def quota_of(answer: Mapping[str, Any], *, now: datetime) -> Quota:
    """The quota in an answer of `customer_acquisition_quota`; what is missing counts as none."""
    listed = answer.get("quota_list")
    rows = listed if isinstance(listed, list) else []
    portions = [
        Portion(_count(row.get("balance")), moment(row.get("expire_date")))
        for row in rows
        if isinstance(row, Mapping)
    ]
    return Quota(
        total=_count(answer.get("total")),
        balance=_count(answer.get("balance")),
        portions=tuple(sorted(filter(_lasts, portions), key=lambda one: one.expires_at or now)),
        asked_at=now,
    )


def _lasts(portion: Portion) -> bool:
    return portion.balance > 0 and portion.expires_at is not None


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
