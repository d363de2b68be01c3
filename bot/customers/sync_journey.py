"""One stretch of a sync run: members, contacts page by page, what is missing, groups."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.customers import sync_runs
from bot.customers.contact_book import store_pairs
from bot.customers.corp_tags import TagBook
from bot.customers.sync_missing import close_missing, count_customers
from bot.customers.sync_pages import Page
from bot.customers.sync_runs import MemberState, Phase, RunState
from bot.customers.tag_names import TagNameKeeper
from bot.customers.tally import Tally
from bot.errors import GiveUp, MendSettings, RetryLater, TellGuide, WeComError
from bot.store.contact_tables import SyncBatch, SyncRun
from bot.store.database import Database
from bot.wecom.client import WeComClient
from bot.wecom.contacts import PAGE
from bot.wecom.errcodes import MEMBER_AT_FAULT

Answer = TypeVar("Answer")
GroupReading = Callable[[Callable[[], None]], Awaitable[Tally]]

_NO_CUSTOMERS = 84061
_BAD_CURSOR = frozenset({50100, 60268})
_TRIES = 6
_WAIT = 2.0
_RESTARTS = 3
_BEAT = sync_runs.LEASE.total_seconds() / 3


@dataclass(frozen=True, slots=True)
class SyncReport:
    """A finished run, as the command prints it."""

    customers: Tally
    follows: Tally
    tags: Tally
    groups: Tally
    calls: int
    seconds: float
    members: int
    failed: Sequence[tuple[str, str]]
    resumed: int
    problem: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "customers": self.customers.as_dict(),
            "follows": self.follows.as_dict(),
            "tags": self.tags.as_dict(),
            "groups": self.groups.as_dict(),
            "calls": self.calls,
            "seconds": round(self.seconds, 1),
            "members": self.members,
            "failed_members": [
                {"userid": userid, "reason": reason} for userid, reason in self.failed
            ],
            "resumed": self.resumed,
            "problem": self.problem,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a journey works with; `groups` reads the customer groups, tells each call that it makes
    and says what it saw."""

    database: Database
    client: WeComClient
    clock: Clock
    tags: TagBook
    stage: str
    side_by_side: int = 3
    groups: GroupReading | None = None
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep


class Journey:
    """One process's stretch of a run: batches side by side, a page and its cursor at once."""

    def __init__(self, tools: Tools, run: SyncRun) -> None:
        self._tools = tools
        self._run = run
        self._database = tools.database
        self._client = tools.client
        self._clock = tools.clock
        self._counts = {
            name: sync_runs.tally(run, name) for name in ("customers", "follows", "tags", "groups")
        }
        self._calls = run.calls
        self._seconds = run.seconds
        self._since = monotonic()
        self._problem: str | None = None
        self._saving = asyncio.Lock()
        self._waiting: list[Page] = []

    async def complete(self) -> SyncReport:
        """Walk what is left of the run; raises what stopped it after saving how far it came."""
        loggers.customers.info("sync begins", run=self._run.id, resumed=self._run.resumed)
        try:
            await self._walk()
        except BaseException as error:
            with suppress(Exception):
                await self._stop(error)
            raise
        report = await self._report()
        loggers.customers.info("sync done", run=self._run.id, **report.as_dict())
        return report

    async def _walk(self) -> None:
        if self._run.phase == Phase.MEMBERS:
            await self._plan()
        if self._run.phase == Phase.CONTACTS:
            await self._read_contacts()
            await self._enter(Phase.MISSING)
        if self._run.phase == Phase.MISSING:
            await self._close_missing()
            await self._enter(Phase.GROUPS)
        if self._run.phase == Phase.GROUPS:
            await self._read_groups()
            await self._enter(
                Phase.DONE,
                state=RunState.DONE,
                error=self._problem,
                finished_at=self._clock.now(),
                leased_by=None,
                leased_until=None,
            )

    async def _plan(self) -> None:
        self._calls += 1
        self._counts["tags"] = await self._tools.tags.read_all()
        await TagNameKeeper(self._database, self._clock).tick()
        answer = await self._patiently(self._client.contacts.follow_users)
        userids = [str(userid) for userid in answer.get("follow_user") or ()]
        async with self._database.write() as session:
            await sync_runs.plan_members(
                session, self._run, userids, batch=PAGE, now=self._clock.now()
            )
            await self._save(session, phase=Phase.CONTACTS)
        self._run.phase = Phase.CONTACTS

    async def _read_contacts(self) -> None:
        while True:
            async with self._database.read() as session:
                batches = await sync_runs.open_batches(session, self._run.id)
            if not batches:
                return
            queue = list(reversed(batches))
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(self._tools.side_by_side, len(queue))):
                        group.create_task(self._read_batches(queue))
            except BaseExceptionGroup as many:
                raise many.exceptions[0] from None

    async def _read_batches(self, queue: list[SyncBatch]) -> None:
        while queue:
            await self._read_batch(queue.pop())

    async def _read_batch(self, batch: SyncBatch) -> None:
        async with self._database.read() as session:
            userids = await sync_runs.waiting_members(session, self._run.id, batch.number)
        restarts = 0
        while userids and not batch.done:
            asked_at = self._clock.now()
            try:
                answer = await self._patiently(
                    lambda: self._client.contacts.by_users(userids, cursor=batch.cursor)
                )
            except (GiveUp, TellGuide, MendSettings) as error:
                if error.errcode in _BAD_CURSOR and batch.cursor and restarts < _RESTARTS:
                    batch.cursor, restarts = "", restarts + 1
                elif error.errcode in MEMBER_AT_FAULT:
                    await self._find_fault(batch, userids, error)
                    return
                else:
                    raise
            else:
                await self._save_page(Page(batch, userids, answer, asked_at))
        if not userids:
            async with self._database.write() as session:
                await self._save_batch(session, batch, done=True)

    async def _find_fault(
        self, batch: SyncBatch, userids: Sequence[str], error: WeComError
    ) -> None:
        """WeCom refuses a whole batch for one member: halve it until that one is alone."""
        async with self._database.write() as session:
            if len(userids) > 1:
                half = userids[len(userids) // 2 :]
                await sync_runs.split(session, self._run.id, batch.number, half)
            else:
                nobody = error.errcode == _NO_CUSTOMERS
                await sync_runs.settle_members(
                    session,
                    self._run.id,
                    batch=batch.number,
                    state=MemberState.DONE if nobody else MemberState.FAILED,
                    error=None if nobody else error.message,
                )
                await self._save_batch(session, batch, done=True)
            await self._save(session)

    async def _save_page(self, page: Page) -> None:
        """Whoever comes first saves what has gathered, in one transaction."""
        self._waiting.append(page)
        async with self._saving:
            if not page.saved:
                pages, self._waiting = self._waiting, []
                try:
                    await self._save_surely(pages)
                except BaseException:
                    self._waiting = pages + self._waiting
                    raise

    async def _save_surely(self, pages: Sequence[Page]) -> None:
        """PostgreSQL may choose us to give way to somebody else's work."""
        for attempt in range(1, _TRIES + 1):
            before = deepcopy(self._counts)
            try:
                await self._save_pages(pages)
                return
            except DBAPIError:
                self._counts = before
                if attempt == _TRIES:
                    raise
                await self._tools.sleep(0.1 * attempt)

    async def _save_pages(self, pages: Sequence[Page]) -> None:
        async with self._database.write() as session:
            stored = await store_pairs(
                session,
                [pair for page in pages for pair in page.pairs],
                stage=self._tools.stage,
                asked_at=min(page.asked_at for page in pages),
                now=self._clock.now(),
                sweep=self._run.id,
            )
            self._counts["customers"].add(stored.customers)
            self._counts["follows"].add(stored.follows)
            for page in pages:
                await self._settle_page(session, page)
            await self._save(session)
        for page in pages:
            page.accept()

    async def _settle_page(self, session: AsyncSession, page: Page) -> None:
        if page.unlicensed:
            await sync_runs.settle_members(
                session,
                self._run.id,
                batch=page.batch.number,
                state=MemberState.FAILED,
                error="该成员没有互通账号许可，读不到他的客户",
                only=page.unlicensed,
            )
        if page.last:
            await sync_runs.settle_members(
                session, self._run.id, batch=page.batch.number, state=MemberState.DONE
            )
        await self._save_batch(
            session,
            page.batch,
            cursor=page.cursor,
            done=page.last,
            pages=page.batch.pages + 1,
            reached=page.reached,
        )

    async def _save_batch(self, session: AsyncSession, batch: SyncBatch, **values: Any) -> None:
        await session.execute(
            update(SyncBatch)
            .where(SyncBatch.run_id == self._run.id, SyncBatch.number == batch.number)
            .values(**values)
            .execution_options(synchronize_session=False)
        )

    async def _close_missing(self) -> None:
        while True:
            async with self._database.write() as session:
                closed = await close_missing(session, self._run, now=self._clock.now())
                self._counts["follows"].removed += closed.follows
                self._counts["customers"].removed += closed.customers
                await self._save(session)
            if not closed.more:
                break
        async with self._database.read() as session:
            self._counts["customers"].seen = await count_customers(session, self._run.id)

    async def _read_groups(self) -> None:
        if self._tools.groups is None:
            return
        beating = asyncio.create_task(self._beat())
        try:
            self._counts["groups"] = await self._tools.groups(self._count_call)
        except WeComError as error:
            # The contacts are read all the same, and groups are swept by themselves later.
            loggers.customers.warning("groups were not read", exc_info=error)
            self._problem = f"没有读到客户群：{error.message}"
        finally:
            beating.cancel()

    def _count_call(self) -> None:
        self._calls += 1

    async def _beat(self) -> None:
        """Keep the lease while the groups are read; whoever lost it hears so at the end."""
        with suppress(sync_runs.LostRun):
            while True:
                await asyncio.sleep(_BEAT)
                async with self._database.write() as session:
                    await self._save(session)

    async def _patiently(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """WeCom: 45009 and 45033 pass when one waits."""
        wait = _WAIT
        for attempt in range(1, _TRIES + 1):
            self._calls += 1
            try:
                return await call()
            except RetryLater as error:
                if attempt == _TRIES:
                    raise
                await self._tools.sleep(min(error.wait_seconds or wait, 60.0))
                wait *= 2
                async with self._database.write() as session:
                    await self._save(session)
        raise AssertionError("unreachable")

    async def _enter(self, phase: Phase, **values: Any) -> None:
        async with self._database.write() as session:
            await self._save(session, phase=phase, **values)
        self._run.phase = phase

    async def _save(self, session: AsyncSession, **values: Any) -> None:
        await sync_runs.save(
            session,
            self._run,
            now=self._clock.now(),
            **(
                {
                    "counts": {name: one.as_dict() for name, one in self._counts.items()},
                    "calls": self._calls,
                    "seconds": self._elapsed,
                }
                | values
            ),
        )

    @property
    def _elapsed(self) -> float:
        return self._seconds + monotonic() - self._since

    async def _stop(self, error: BaseException) -> None:
        reason = error.message if isinstance(error, WeComError) else type(error).__name__
        async with self._database.write() as session:
            await self._save(
                session,
                state=RunState.STOPPED,
                error=reason,
                finished_at=self._clock.now(),
                leased_by=None,
            )

    async def _report(self) -> SyncReport:
        async with self._database.read() as session:
            run = await session.get_one(SyncRun, self._run.id)
            state = await sync_runs.progress(session, run)
        return SyncReport(
            customers=self._counts["customers"],
            follows=self._counts["follows"],
            tags=self._counts["tags"],
            groups=self._counts["groups"],
            calls=self._calls,
            seconds=self._elapsed,
            members=state.members,
            failed=state.failed,
            resumed=run.resumed,
            problem=run.error,
        )
