"""What guides are told by the app itself: once, and never in place of a customer's message."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.errors import RetryLater, UnknownOutcome, WeComError
from bot.store.channel_tables import GuideNotice
from bot.store.claims import settle
from bot.store.database import Database
from bot.store.tables import WorkState
from bot.store.upsert import insert_new
from bot.wecom.client import WeComClient

_LONGEST = 600  # characters; WeCom cuts a text at 2048 bytes
_ALIKE = timedelta(days=1)
NO_AGENT = "没有设置 wecom.agent_id，只在工作台显示"


async def tell_guide(
    session: AsyncSession,
    userid: str,
    text: str,
    *,
    kind: str,
    about: str,
    external_userid: str = "",
    lane: str = "",
    now: datetime,
) -> None:
    """Promise one notice; the same `kind` `about` the same thing is told only once.

    A guide hears notices in their order, save those with a `lane` of their own.
    """
    word = Word(userid, text, kind=kind, about=about, external_userid=external_userid, lane=lane)
    await tell_guides(session, [word], now=now)


@dataclass(frozen=True, slots=True)
class Word:
    """One notice, as `tell_guide` takes it."""

    userid: str
    text: str
    kind: str
    about: str
    external_userid: str = ""
    lane: str = ""


async def tell_guides(session: AsyncSession, words: Sequence[Word], *, now: datetime) -> None:
    """Promise notices as `tell_guide` does, all in one statement."""
    rows = [
        {
            "key": notice_key(word.userid, kind=word.kind, about=word.about),
            "lane": (word.lane or f"guide:{word.userid}")[:200],
            "state": WorkState.READY,
            "due_at": now,
            "attempts": 0,
            "userid": word.userid,
            "external_userid": word.external_userid,
            "kind": word.kind,
            "text": word.text[:_LONGEST],
            "created_at": now,
        }
        for word in words
    ]
    await insert_new(session, GuideNotice, rows, unique=["key"], returning=GuideNotice.id)


def notice_key(userid: str, *, kind: str, about: str) -> str:
    """Under what a notice is kept, and told once."""
    return hashlib.sha256(f"{kind}|{userid}|{about}".encode()).hexdigest()


class Herald:
    """Tells notices through `message/send`.

    WeCom: with the duplicate check on, the same text reaches a member once in four hours, so a
    repeat after an unknown outcome is harmless. Words that are the same by chance (two customers
    of one name) are told apart by a last line, lest the second be taken for a repeat.
    """

    def __init__(
        self, database: Database, client: WeComClient, clock: Clock, *, agent_id: int | None
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._agent_id = agent_id

    async def handle(self, row: GuideNotice) -> None:
        """Tell one notice and settle it; what may be retried is raised."""
        if self._agent_id is None:
            await self._settle(row, WorkState.FAILED, NO_AGENT)
            return
        text = await self._told_apart(row)
        try:
            await self._client.contact_ways.tell_member(row.userid, text, agent_id=self._agent_id)
        except (RetryLater, UnknownOutcome):
            raise
        except WeComError as error:
            reason = "；".join(filter(None, (error.message, error.hint)))
            await self._settle(row, WorkState.FAILED, reason, errcode=error.errcode)
            loggers.customers.warning("a notice was refused", notice=row.id, reason=reason)
            return
        await self._settle(row, WorkState.DONE, None)

    async def _told_apart(self, row: GuideNotice) -> str:
        """Decided and kept before the first call, so that every try says the same."""
        if row.attempts > 1:
            return row.text
        alike = (
            select(func.count())
            .select_from(GuideNotice)
            .where(
                GuideNotice.userid == row.userid,
                GuideNotice.id < row.id,
                GuideNotice.created_at > row.created_at - _ALIKE,
                GuideNotice.text.startswith(row.text, autoescape=True),
            )
        )
        async with self._database.read() as session:
            before = await session.scalar(alike)
        if not before:
            return row.text
        text = f"{row.text}\n（内容相同的第 {before + 1} 条，不是重复）"
        async with self._database.write() as session:
            await session.execute(
                update(GuideNotice).where(GuideNotice.id == row.id).values(text=text)
            )
        return text

    async def _settle(
        self, row: GuideNotice, state: WorkState, error: str | None, *, errcode: int | None = None
    ) -> None:
        now = self._clock.now()
        sent_at = now if state is WorkState.DONE else None
        async with self._database.write() as session:
            await settle(
                session, row, now=now, state=state, error=error, errcode=errcode, sent_at=sent_at
            )
