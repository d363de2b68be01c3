"""Reading groups from WeCom a moment after a callback said that they changed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.delivery.backoff import Backoff
from bot.errors import GiveUp, RetryLater, WeComError
from bot.groups.changes import READ_AFTER
from bot.groups.group_rows import end_group
from bot.groups.roster import Roster
from bot.store.database import Database
from bot.store.group_tables import GroupRead, GroupState
from bot.wecom.client import WeComClient
from bot.wecom.group_chats import DISMISSED, NOT_OURS, GroupInfo, group_of

_LEASE = timedelta(seconds=60)
_BATCH = 10
_BELIEVE_AFTER = 6


def ended_by(error: WeComError) -> GroupState | None:
    """The state of a group that WeCom refuses to show for good."""
    if error.errcode == DISMISSED:
        return GroupState.DISMISSED
    return GroupState.MISSING if error.errcode in NOT_OURS else None


class GroupReader:
    """Keeps groups as fresh as the callbacks ask for."""

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        roster: Roster,
        *,
        backoff: Backoff | None = None,
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._roster = roster
        self._backoff = backoff or Backoff(first=timedelta(seconds=2), cap=timedelta(minutes=30))
        self._wake = asyncio.Event()

    def nudge(self) -> None:
        self._wake.set()

    async def run(self, *, poll_seconds: float = 1.0) -> None:
        """Read whatever is due until cancelled."""
        while True:
            self._wake.clear()
            try:
                if await self.read_some():
                    continue
            except (SQLAlchemyError, OSError) as error:
                loggers.groups.error("groups could not be read", exc_info=error)
            try:
                async with asyncio.timeout(poll_seconds):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def read_some(self) -> bool:
        """Read a few that are due; False when none is."""
        due = await self._claim()
        await asyncio.gather(*(self._read(row) for row in due))
        return bool(due)

    async def _claim(self) -> Sequence[GroupRead]:
        now = self._clock.now()
        due = (
            select(GroupRead)
            .where(GroupRead.due_at <= now)
            .order_by(GroupRead.due_at)
            .limit(_BATCH)
        )
        async with self._database.read() as session:
            if not (await session.scalars(due.limit(1))).first():
                return ()
        async with self._database.write() as session:
            rows = (await session.scalars(due.with_for_update(skip_locked=True))).all()
            for row in rows:
                row.due_at = now + _LEASE
                row.attempts += 1
            return rows

    async def _read(self, row: GroupRead) -> None:
        asked_at = self._clock.now()
        try:
            info = group_of(await self._client.group_chats.group(row.chat_id))
        except WeComError as error:
            await self._put_off(row, error)
            return
        if info is None:
            await self._put_off(row, GiveUp("企业微信的回应里没有群", api="groupchat/get"))
            return
        await self._store(row, info, asked_at)

    async def _store(self, row: GroupRead, info: GroupInfo, asked_at: datetime) -> None:
        now = self._clock.now()
        async with self._database.write() as session:
            insist = row.attempts >= _BELIEVE_AFTER
            stored = await self._roster.store(session, info, now=now, insist=insist)
            if stored.stale and not insist:
                await self._again(session, row, now + READ_AFTER)
            elif row.ripe_at > asked_at:
                await self._again(session, row, max(row.ripe_at, now + READ_AFTER))
            else:
                await self._finish(session, row)

    async def _put_off(self, row: GroupRead, error: WeComError) -> None:
        now = self._clock.now()
        state = ended_by(error)
        hopeless = state or isinstance(error, GiveUp) or self._backoff.exhausted(row.attempts)
        loggers.groups.warning("a group was not read", exc_info=error, given_up=bool(hopeless))
        pause = self._backoff.wait(row.attempts)
        if isinstance(error, RetryLater) and error.wait_seconds is not None:
            pause = timedelta(seconds=error.wait_seconds)
        async with self._database.write() as session:
            if state is not None:
                await end_group(session, row.chat_id, state, at=now)
            if hopeless:
                await self._finish(session, row)
            else:
                await self._again(session, row, now + pause)

    async def _again(self, session: AsyncSession, row: GroupRead, at: datetime) -> None:
        await session.execute(
            update(GroupRead)
            .where(GroupRead.chat_id == row.chat_id, GroupRead.wanted == row.wanted)
            .values(due_at=at)
        )

    async def _finish(self, session: AsyncSession, row: GroupRead) -> None:
        """Forget the wish unless another came while we were reading."""
        await session.execute(
            delete(GroupRead).where(
                GroupRead.chat_id == row.chat_id, GroupRead.wanted == row.wanted
            )
        )
