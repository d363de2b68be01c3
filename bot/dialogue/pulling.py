"""Pulling kf messages: the cursor is saved in the transaction that saves the messages."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock, as_real
from bot.delivery.backoff import Backoff
from bot.delivery.precedence import Precedence
from bot.errors import BotError, GiveUp, RetryLater, WeComError
from bot.store.database import Database
from bot.store.tables import KfAccount
from bot.store.upsert import insert_new
from bot.wecom.client import WeComClient
from bot.wecom.events import InboundEvent, KfAccountAuthChange, KfNotice
from bot.wecom.kf import KfMessage, read_message

Store = Callable[[AsyncSession, Sequence[KfMessage]], Awaitable[None]]

_LEASE = timedelta(seconds=60)
_TOKEN_LIFE = timedelta(minutes=9)  # WeCom: ten minutes
_PAGE = 200  # WeCom: at most 1000; callbacks wait while a page is stored
_A_COMMIT = 100  # a thousand at once would keep everybody else from writing for long
_EMPTY_PAGES = 100
_PARKED = timedelta(days=1)
_BAD_TOKEN = 95007
_BAD_CURSOR = frozenset({50100, 60268})


async def request_pulls(
    session: AsyncSession, events: Sequence[InboundEvent], *, now: datetime
) -> None:
    """Note which accounts have something to pull; runs where the callbacks are stored.

    Even a copy of a known callback asks for a pull: pulling twice is harmless, missing is not.
    """
    tokens = {
        event.open_kfid: event.token
        for event in events
        if isinstance(event, KfNotice) and event.open_kfid
    }
    added = {
        open_kfid
        for event in events
        if isinstance(event, KfAccountAuthChange)
        for open_kfid in event.added
    }
    await want(session, {*tokens, *added}, now=now)
    for open_kfid, token in tokens.items():
        if token:
            await session.execute(
                update(KfAccount)
                .where(KfAccount.open_kfid == open_kfid)
                .values(push_token=token[:256], push_token_at=now)
            )


async def want(session: AsyncSession, accounts: Collection[str], *, now: datetime) -> None:
    """Ask for one more pull of each account, making those that are new."""
    if not accounts:
        return
    ids = sorted(open_kfid[:64] for open_kfid in accounts)
    rows = [
        {
            "open_kfid": open_kfid,
            "name": "",
            "cursor": "",
            "wanted": 0,
            "served": 0,
            "attempts": 0,
            "due_at": now,
        }
        for open_kfid in ids
    ]
    await insert_new(session, KfAccount, rows, unique=["open_kfid"], returning=KfAccount.open_kfid)
    await session.execute(
        update(KfAccount).where(KfAccount.open_kfid.in_(ids)).values(wanted=KfAccount.wanted + 1)
    )


class LostLease(BotError):
    """Another replica has taken this account over."""


class Puller:
    """Pulls accounts that want it, each by one replica at a time.

    `store` saves the messages of a page in the transaction that moves the cursor;
    `on_stored` runs after its commit.
    """

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        store: Store,
        *,
        name: str,
        on_stored: Callable[[], None] = lambda: None,
        backoff: Backoff | None = None,
        behind: Precedence | None = None,
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._store = store
        self._behind = behind
        self._name = name
        self._on_stored = on_stored
        self._backoff = backoff or Backoff(cap=timedelta(minutes=1))
        self._wake = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}

    def nudge(self) -> None:
        self._wake.set()

    async def run(self, *, poll_seconds: float = 1.0) -> None:
        """Pull whatever is wanted until cancelled."""
        try:
            while True:
                self._wake.clear()
                await self._start_all()
                try:
                    async with asyncio.timeout(poll_seconds):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _start_all(self) -> None:
        try:
            accounts = await self._claim()
        except (SQLAlchemyError, OSError) as error:
            loggers.dialogue.error("kf accounts could not be claimed", exc_info=error)
            return
        for account in accounts:
            task = asyncio.create_task(self._attempt(account))
            self._running[account.open_kfid] = task
            task.add_done_callback(functools.partial(self._finished, account.open_kfid))

    def _finished(self, open_kfid: str, _task: asyncio.Task[None]) -> None:
        self._running.pop(open_kfid, None)
        self._wake.set()

    async def _claim(self) -> Sequence[KfAccount]:
        now = self._clock.now()
        due = (
            select(KfAccount)
            .where(
                KfAccount.wanted > KfAccount.served,
                KfAccount.due_at <= now,
                or_(KfAccount.leased_until.is_(None), KfAccount.leased_until <= now),
            )
            .with_for_update(skip_locked=True)
        )
        async with self._database.glance() as session:
            if not (await session.scalars(due.with_only_columns(KfAccount.open_kfid))).all():
                return ()
        async with self._database.write() as session:
            accounts = (await session.scalars(due)).all()
            for account in accounts:
                account.leased_by, account.leased_until = (
                    self._name,
                    now + as_real(self._clock, _LEASE),
                )
                account.attempts += 1
            return accounts

    async def _attempt(self, account: KfAccount) -> None:
        try:
            await self.pull(account)
            await self._release(account, served=account.wanted, attempts=0, error=None)
        except LostLease:
            loggers.dialogue.info("another replica pulls this account", account=account.open_kfid)
        except Exception as error:  # noqa: BLE001, RUF100  (one account must not stop the others)
            await self._put_off(account, error)

    async def pull(self, account: KfAccount) -> None:
        """All pages from the saved cursor on. WeCom: only `has_more` says whether it ends."""
        empty = 0
        while True:
            answer = await self._page(account)
            rows = answer.get("msg_list") or []
            await self._save_page(account, rows, str(answer.get("next_cursor") or ""))
            if not answer.get("has_more"):
                return
            empty = 0 if rows else empty + 1
            if empty >= _EMPTY_PAGES:
                raise RetryLater("连续多页没有消息却提示还有更多，稍后再拉取", api="kf/sync_msg")

    async def _page(self, account: KfAccount) -> dict[str, Any]:
        fresh = account.push_token_at and self._clock.now() - account.push_token_at < _TOKEN_LIFE
        token, cursor = account.push_token if fresh else None, account.cursor
        while True:
            try:
                return await self._sync(account, cursor, token)
            except WeComError as error:
                if error.errcode == _BAD_TOKEN and token:
                    account.push_token = token = None
                elif error.errcode in _BAD_CURSOR and cursor:
                    # Known messages are recognised by their msgid, so starting over is safe.
                    cursor = ""
                else:
                    raise

    async def _sync(self, account: KfAccount, cursor: str, token: str | None) -> dict[str, Any]:
        answer: dict[str, Any] = await self._client.kf.sync_msg(
            open_kfid=account.open_kfid, cursor=cursor, token=token, limit=_PAGE
        )
        return answer

    async def _save_page(
        self, account: KfAccount, rows: Sequence[dict[str, Any]], next_cursor: str
    ) -> None:
        """The cursor moves with the last of the messages; those known already change nothing."""
        read = (read_message(row, open_kfid=account.open_kfid) for row in rows)
        messages = [message for message in read if message]
        while len(messages) > _A_COMMIT:
            await self._save(account, messages[:_A_COMMIT], account.cursor)
            messages = messages[_A_COMMIT:]
            self._on_stored()
        await self._save(account, messages, next_cursor or account.cursor)
        account.cursor = next_cursor or account.cursor
        if messages:
            self._on_stored()

    async def _save(self, account: KfAccount, messages: Sequence[KfMessage], cursor: str) -> None:
        if self._behind:
            await self._behind.give_way()
        now = self._clock.now()
        async with self._database.write() as session:
            moved = await self._change_held(
                session,
                account,
                cursor=cursor,
                leased_until=now + as_real(self._clock, _LEASE),
                pulled_at=now,
            )
            if not moved:
                raise LostLease
            await self._store(session, messages)

    async def _change_held(self, session: AsyncSession, account: KfAccount, **values: Any) -> bool:
        result = await session.execute(
            update(KfAccount)
            .where(
                KfAccount.open_kfid == account.open_kfid,
                KfAccount.leased_by == self._name,
                KfAccount.cursor == account.cursor,
            )
            .values(**values)
            .execution_options(synchronize_session=False)
        )
        return cast("CursorResult[Any]", result).rowcount == 1

    async def _release(self, account: KfAccount, **values: Any) -> None:
        async with self._database.write() as session:
            await self._change_held(session, account, leased_by=None, leased_until=None, **values)

    async def _put_off(self, account: KfAccount, error: Exception) -> None:
        pause = self._backoff.wait(account.attempts)
        if isinstance(error, RetryLater) and error.wait_seconds is not None:
            pause = timedelta(seconds=error.wait_seconds)
        reason = error.message if isinstance(error, BotError) else type(error).__name__
        hint = getattr(error, "hint", "") or None
        if isinstance(error, GiveUp) and not account.name:
            # Not an account of this app: a push of it may come again and again.
            pause = _PARKED
            if account.error != reason:
                loggers.dialogue.error(
                    "an account that is not ours is left alone until it is listed",
                    account=account.open_kfid,
                    reason=reason,
                    hint=hint,
                )
        elif account.error != reason or not isinstance(error, GiveUp):
            log = loggers.dialogue.error if isinstance(error, GiveUp) else loggers.dialogue.warning
            log("pull was put off", account=account.open_kfid, reason=reason, hint=hint)
        try:
            await self._release(account, due_at=self._clock.now() + pause, error=reason)
        except (SQLAlchemyError, OSError) as failure:
            loggers.dialogue.error("the lease will have to run out", exc_info=failure)


class Reconciler:
    """Asks for a pull of every account now and then, because callbacks may be lost."""

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        *,
        on_wanted: Callable[[], None],
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._on_wanted = on_wanted

    async def tick(self) -> None:
        """Find the accounts of this app, then want each of them."""
        names = await self._listed()
        async with self._database.write() as session:
            known = set((await session.scalars(select(KfAccount.open_kfid))).all())
            await want(session, known | set(names), now=self._clock.now())
            for open_kfid, name in names.items():
                await self._recognise(session, open_kfid, name)
        self._on_wanted()

    async def _recognise(self, session: AsyncSession, open_kfid: str, name: str) -> None:
        """It is ours: no reason to leave it alone any longer."""
        account = await session.get_one(KfAccount, open_kfid)
        if not account.name and account.error:
            account.due_at = self._clock.now()
        account.name = (name or open_kfid)[:64]

    async def _listed(self) -> dict[str, str]:
        names: dict[str, str] = {}
        try:
            while True:
                answer = await self._client.kf.accounts(offset=len(names), limit=100)
                page = answer.get("account_list") or []
                names |= {
                    str(row["open_kfid"]): str(row.get("name") or "")[:64]
                    for row in page
                    if row.get("open_kfid") and row.get("manage_privilege") is not False
                }
                if len(page) < 100:
                    return names
        except WeComError as error:
            loggers.dialogue.warning("kf accounts could not be listed", exc_info=error)
            return names
