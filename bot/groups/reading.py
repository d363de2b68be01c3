"""Reading groups from WeCom a moment after a callback said that they changed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.delivery.backoff import Backoff
from bot.delivery.rounds import DueReads
from bot.errors import GiveUp, RetryLater, WeComError
from bot.groups.changes import READ_AFTER
from bot.groups.group_rows import end_group
from bot.groups.roster import Roster
from bot.store.database import Database
from bot.store.group_tables import GroupRead, GroupState
from bot.wecom.client import WeComClient
from bot.wecom.group_chats import DISMISSED, NOT_OURS, GroupInfo, group_of

_BELIEVE_AFTER = 6


def ended_by(error: WeComError) -> GroupState | None:
    """The state of a group that WeCom refuses to show for good."""
    if error.errcode == DISMISSED:
        return GroupState.DISMISSED
    return GroupState.MISSING if error.errcode in NOT_OURS else None


class GroupReader(DueReads[GroupRead]):
    """Keeps groups as fresh as the callbacks ask for."""

    table = GroupRead
    batch = 10
    poll_seconds = 1.0

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        roster: Roster,
        *,
        backoff: Backoff | None = None,
    ) -> None:
        super().__init__(database, clock)
        self._client = client
        self._roster = roster
        self._backoff = backoff or Backoff(first=timedelta(seconds=2), cap=timedelta(minutes=30))

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
