"""Reading contact details from WeCom after a callback said that they changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.customers.contact_book import store_pairs
from bot.delivery.backoff import Backoff
from bot.delivery.rounds import DueReads
from bot.errors import GiveUp, RetryLater, TellGuide, WeComError
from bot.store.contact_tables import ContactRead
from bot.store.database import Database
from bot.wecom.client import WeComClient
from bot.wecom.contacts import Pair, pairs_of_contact

_NOT_YET = timedelta(hours=1)
_PAGES = 40


async def want_reading(session: AsyncSession, external_userid: str, *, now: datetime) -> None:
    """Ask for one more reading of a customer; several wishes become one call."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(ContactRead).values(
        external_userid=external_userid, wanted=1, due_at=now, attempts=0
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["external_userid"],
            set_={"wanted": ContactRead.wanted + 1, "due_at": now, "attempts": 0},
        )
    )


async def read_contact(client: WeComClient, external_userid: str) -> list[Pair]:
    """All guides who follow a customer, with what each knows of them."""
    pairs: list[Pair] = []
    cursor = ""
    for _ in range(_PAGES):
        answer: dict[str, Any] = await client.contacts.contact(external_userid, cursor=cursor)
        pairs += pairs_of_contact(answer)
        cursor = str(answer.get("next_cursor") or "")
        if not cursor:
            break
    return pairs


class ContactReader(DueReads[ContactRead]):
    """Keeps names, remarks and tags as fresh as the callbacks ask for."""

    table = ContactRead
    poll_seconds = 2.0

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        *,
        stage: str,
        backoff: Backoff | None = None,
    ) -> None:
        super().__init__(database, clock)
        self._client = client
        self._stage = stage
        self._backoff = backoff or Backoff(cap=timedelta(hours=1))

    async def _read(self, row: ContactRead) -> None:
        asked_at = self._clock.now()
        try:
            pairs = await read_contact(self._client, row.external_userid)
        except WeComError as error:
            await self._put_off(row, error)
            return
        async with self._database.write() as session:
            await store_pairs(
                session, pairs, stage=self._stage, asked_at=asked_at, now=self._clock.now()
            )
            await self._finish(session, row)

    async def _finish(self, session: AsyncSession, row: ContactRead) -> None:
        """Forget the wish unless another came while we were reading."""
        await session.execute(
            delete(ContactRead).where(
                ContactRead.external_userid == row.external_userid,
                ContactRead.wanted == row.wanted,
            )
        )

    async def _put_off(self, row: ContactRead, error: WeComError) -> None:
        """WeCom: 84061 until the guide has confirmed a half-added customer."""
        hopeless = isinstance(error, GiveUp) or self._backoff.exhausted(row.attempts)
        loggers.customers.warning("a contact was not read", exc_info=error, given_up=hopeless)
        pause = _NOT_YET if isinstance(error, TellGuide) else self._backoff.wait(row.attempts)
        if isinstance(error, RetryLater) and error.wait_seconds is not None:
            pause = timedelta(seconds=error.wait_seconds)
        async with self._database.write() as session:
            if hopeless:
                await self._finish(session, row)
                return
            await session.execute(
                update(ContactRead)
                .where(
                    ContactRead.external_userid == row.external_userid,
                    ContactRead.wanted == row.wanted,
                )
                .values(due_at=self._clock.now() + pause)
            )
