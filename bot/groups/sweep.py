"""Reading all groups of the corp, onwards from where a crash left it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.customers.tally import Tally
from bot.errors import GiveUp, MendSettings, RetryLater, TellGuide, WeComError
from bot.groups.group_rows import end_group
from bot.groups.liveliness import Liveliness
from bot.groups.reading import ended_by
from bot.groups.roster import Roster
from bot.store.contact_tables import Guide
from bot.store.database import Database
from bot.store.group_tables import CustomerGroup, GroupState, GroupSweep
from bot.wecom.client import WeComClient
from bot.wecom.errcodes import MEMBER_AT_FAULT
from bot.wecom.group_chats import MOST_OWNERS, GroupInfo, group_of, listed_groups

Answer = TypeVar("Answer")

_TRIES = 6
_WAIT = 2.0
_KEPT_SWEEPS = 10
_STALE_HOURS = 20
_BAD_CURSOR = frozenset({50100, 60268})


class GroupSync:
    """Lists the groups of every guide, also of those who left, and reads each of them.

    A killed sweep goes on with the page where it stood; groups that it has read already are
    known by their `sweep` and not asked for again.
    """

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        roster: Roster,
        *,
        liveliness: Liveliness | None = None,
        side_by_side: int = 4,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._roster = roster
        self._liveliness = liveliness
        self._side_by_side = side_by_side
        self._sleep = sleep
        self._on_call: Callable[[], None] = lambda: None

    async def read_all(self, on_call: Callable[[], None] = lambda: None) -> Tally:
        """Read everything; what was seen, new, different or gone. Raises what stopped it."""
        self._on_call = on_call
        sweep = await self._begin()
        while sweep.batches:
            await self._read_page(sweep)
        await self._ask_after_missing(sweep)
        if self._liveliness is not None:
            await self._liveliness.note_yesterday()
        counts = Tally.of(sweep.counts)
        await self._write(sweep, finished_at=self._clock.now())
        loggers.groups.info("groups read", **counts.as_dict(), refused_owners=len(sweep.refused))
        return counts

    async def _begin(self) -> GroupSweep:
        now = self._clock.now()
        async with self._database.read() as session:
            unfinished = await session.scalar(
                select(GroupSweep)
                .where(GroupSweep.finished_at.is_(None))
                .order_by(GroupSweep.id.desc())
                .limit(1)
            )
        if unfinished is not None:
            if (now - unfinished.started_at).total_seconds() < _STALE_HOURS * 3600:
                return unfinished
            await self._write(unfinished, finished_at=now)
        owners = await self._owners()
        batches = [owners[i : i + MOST_OWNERS] for i in range(0, len(owners), MOST_OWNERS)]
        sweep = GroupSweep(batches=batches, cursor="", counts={}, refused=[], started_at=now)
        async with self._database.write() as session:
            session.add(sweep)
            await session.flush()
            await session.execute(
                delete(GroupSweep).where(GroupSweep.id <= sweep.id - _KEPT_SWEEPS)
            )
        return sweep

    async def _owners(self) -> list[str]:
        """All who may own a group. WeCom: those who left are only listed when asked for."""
        answer = await self._patiently(self._client.contacts.follow_users)
        present = {str(userid)[:64] for userid in answer.get("follow_user") or ()}
        async with self._database.read() as session:
            known = set(await session.scalars(select(Guide.userid)))
            known |= set(await session.scalars(select(CustomerGroup.owner).distinct()))
        return sorted(filter(None, present | known))

    async def _read_page(self, sweep: GroupSweep) -> None:
        owners, *later = sweep.batches
        try:
            answer = await self._patiently(
                lambda: self._client.group_chats.groups(owners, cursor=sweep.cursor)
            )
        except (GiveUp, TellGuide, MendSettings) as error:
            if error.errcode in _BAD_CURSOR and sweep.cursor:
                await self._write(sweep, cursor="")
            elif error.errcode in MEMBER_AT_FAULT:
                await self._find_fault(sweep, owners, later)
            else:
                raise
            return
        await self._read_groups(sweep, listed_groups(answer))
        cursor = str(answer.get("next_cursor") or "")
        over = not cursor or cursor == sweep.cursor
        await self._write(
            sweep,
            batches=later if over else sweep.batches,
            cursor="" if over else cursor,
            counts=sweep.counts,
        )

    async def _find_fault(
        self, sweep: GroupSweep, owners: Sequence[str], later: list[list[str]]
    ) -> None:
        """WeCom refuses a whole filter for one owner: halve it until that one is alone."""
        if len(owners) == 1:
            refused = [*sweep.refused, *owners]
            await self._write(sweep, batches=later, cursor="", refused=refused)
            return
        half = len(owners) // 2
        halves = [list(owners[:half]), list(owners[half:])]
        await self._write(sweep, batches=[*halves, *later], cursor="")

    async def _read_groups(self, sweep: GroupSweep, listed: list[tuple[str, int]]) -> None:
        ids = [chat_id for chat_id, _ in listed]
        async with self._database.read() as session:
            done = set(
                await session.scalars(
                    select(CustomerGroup.chat_id).where(
                        CustomerGroup.chat_id.in_(ids), CustomerGroup.sweep == sweep.id
                    )
                )
            )
        queue = [one for one in reversed(listed) if one[0] not in done]
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._side_by_side, len(queue))):
                    group.create_task(self._work(sweep, queue))
        except BaseExceptionGroup as many:
            raise many.exceptions[0] from None

    async def _work(self, sweep: GroupSweep, queue: list[tuple[str, int]]) -> None:
        while queue:
            chat_id, status = queue.pop()
            await self._read_one(sweep, chat_id, status=status)

    async def _read_one(self, sweep: GroupSweep, chat_id: str, *, status: int | None) -> None:
        """Read one group and count it in the same transaction."""
        try:
            info = group_of(await self._patiently(lambda: self._get(chat_id)))
        except RetryLater:
            raise
        except WeComError as error:
            await self._refused(sweep, chat_id, error)
            return
        if info is not None:
            await self._store(sweep, info, status)

    async def _store(self, sweep: GroupSweep, info: GroupInfo, status: int | None) -> None:
        async with self._database.write() as session:
            stored = await self._roster.store(
                session, info, now=self._clock.now(), status=status, sweep=sweep.id
            )
            await self._count(
                session, sweep, Tally(seen=1, added=stored.added, changed=stored.changed)
            )

    async def _refused(self, sweep: GroupSweep, chat_id: str, error: WeComError) -> None:
        state = ended_by(error)
        loggers.groups.warning("a group was not read", exc_info=error)
        async with self._database.write() as session:
            if state is None:
                await session.execute(
                    update(CustomerGroup)
                    .where(CustomerGroup.chat_id == chat_id)
                    .values(sweep=sweep.id)
                )
            elif await end_group(session, chat_id, state, at=self._clock.now()):
                await self._count(session, sweep, Tally(removed=1))

    async def _ask_after_missing(self, sweep: GroupSweep) -> None:
        """A group that no list had is asked for by its id: only WeCom knows that it is over."""
        async with self._database.read() as session:
            missing = await session.scalars(
                select(CustomerGroup.chat_id).where(
                    CustomerGroup.state == GroupState.ACTIVE,
                    or_(CustomerGroup.sweep.is_(None), CustomerGroup.sweep != sweep.id),
                    CustomerGroup.known_since < sweep.started_at,
                )
            )
            listed: list[tuple[str, int | None]] = [(chat_id, None) for chat_id in missing]
        for chat_id, status in listed:
            await self._read_one(sweep, chat_id, status=status)

    def _get(self, chat_id: str) -> Awaitable[dict[str, Any]]:
        return self._client.group_chats.group(chat_id)

    async def _patiently(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """WeCom: 45009 and 45033 pass when one waits."""
        wait = _WAIT
        for attempt in range(1, _TRIES + 1):
            self._on_call()
            try:
                return await call()
            except RetryLater as error:
                if attempt == _TRIES:
                    raise
                await self._sleep(min(error.wait_seconds or wait, 60.0))
                wait *= 2
        raise AssertionError("unreachable")

    async def _count(self, session: AsyncSession, sweep: GroupSweep, more: Tally) -> None:
        counts = Tally.of(sweep.counts)
        counts.add(more)
        sweep.counts = counts.as_dict()
        await session.execute(
            update(GroupSweep)
            .where(GroupSweep.id == sweep.id)
            .values(counts=sweep.counts)
            .execution_options(synchronize_session=False)
        )

    async def _write(self, sweep: GroupSweep, **values: Any) -> None:
        for name, value in values.items():
            setattr(sweep, name, value)
        async with self._database.write() as session:
            await session.execute(
                update(GroupSweep)
                .where(GroupSweep.id == sweep.id)
                .values(**values)
                .execution_options(synchronize_session=False)
            )
