"""What guides are called: asked of WeCom a few at a time, where the corp lets the app know it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.errors import MendSettings, RetryLater, WeComError
from bot.store.contact_tables import Guide
from bot.store.database import Database
from bot.store.upsert import insert_new
from bot.wecom.client import WeComClient

_A_FEW = 20
_AGAIN = timedelta(days=7)
_FORBIDDEN = timedelta(hours=6)
_NO_PERMISSION = frozenset({48002, 60011, 60020})


class GuideNames:
    """Learns names and follows their changes.

    A corp may keep names from its apps: then WeCom refuses, or gives the userid as the name.
    """

    def __init__(self, database: Database, client: WeComClient, clock: Clock) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._rest_until = clock.now()

    async def tick(self) -> None:
        """Ask for some names that are not known yet, or were asked long ago."""
        if self._clock.now() < self._rest_until:
            return
        for userid in await self._due():
            try:
                answer = await self._client.contacts.member(userid)
            except RetryLater:
                return
            except WeComError as error:
                if isinstance(error, MendSettings) or error.errcode in _NO_PERMISSION:
                    self._rest(userid, error)
                    return
                await self._write(userid, "")
                continue
            await self._write(userid, told_name(answer, userid))

    async def _due(self) -> list[str]:
        async with self._database.read() as session:
            rows = await session.scalars(
                select(Guide.userid)
                .where(
                    Guide.left_at.is_(None),
                    or_(
                        Guide.name_asked_at.is_(None),
                        Guide.name_asked_at < self._clock.now() - _AGAIN,
                    ),
                )
                .order_by(Guide.name_asked_at.is_not(None), Guide.userid)
                .limit(_A_FEW)
            )
            return list(rows)

    def _rest(self, userid: str, error: WeComError) -> None:
        self._rest_until = self._clock.now() + _FORBIDDEN
        loggers.customers.info("names of guides are not told", guide=userid, why=error.message)

    async def _write(self, userid: str, name: str) -> None:
        async with self._database.write() as session:
            await note_name(session, userid, name, now=self._clock.now())


def told_name(answer: Mapping[str, Any], userid: str) -> str:
    """The name in a member's profile; empty when WeCom keeps it to itself."""
    name = str(answer.get("name") or answer.get("alias") or "").replace("\x00", "").strip()
    return "" if name == userid else name[:64]


async def meet_guide(session: AsyncSession, userid: str, *, now: datetime) -> None:
    """A guide of whom a callback tells before the next sync does."""
    row = {"userid": userid, "name": "", "since": now}
    await insert_new(session, Guide, [row], unique=["userid"], returning=Guide.userid)


async def note_name(session: AsyncSession, userid: str, name: str, *, now: datetime) -> None:
    """Remember when a guide's name was asked, and what it was if WeCom told."""
    named = {"name": name} if name else {}
    await session.execute(
        update(Guide).where(Guide.userid == userid).values(name_asked_at=now, **named)
    )
