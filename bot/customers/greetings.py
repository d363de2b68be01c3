"""Greeting new friends: within 20 seconds, in their channel's words, exactly once."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, bindparam, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.customers.acquaintance import Acquaintance, Names
from bot.customers.aftercare import Aftercare, Ending
from bot.customers.greeting_case import Case, Wording, Words, read_cases
from bot.customers.greeting_content import CUSTOMER, GUIDE, render
from bot.customers.greeting_media import GreetingMedia
from bot.customers.shop_greetings import ShopGreetings
from bot.delivery.group_commit import GroupCommit
from bot.delivery.group_read import GroupRead
from bot.delivery.precedence import Precedence
from bot.errors import BotError, RetryLater, UnknownOutcome, WeComError
from bot.store.channel_tables import Greeting, GreetingOutcome
from bot.store.database import Database
from bot.wecom.client import WeComClient
from bot.wecom.contact_ways import (
    ALREADY_WELCOMED,
    CODE_EXPIRED,
    CONSENT_PENDING,
    MOST_TEXT_BYTES,
)

WINDOW = timedelta(seconds=20)
CONCURRENCY = 512
_FIRST_PAUSE = 0.3

NO_CODE = (
    "企业微信没有给欢迎语凭证：后台已为这位导购设置了欢迎语，"
    "或双方已经聊过，或客户是导购主动添加的"
)
OPTED_OUT = "客户已退订，不再主动打扰"
GREETED = "这位客户刚才已经问候过了"
UNSURE = "发送时中断，不确定客户有没有收到；20 秒已过，不能再发"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a greeting ended; `tell` asks for a notice to the guide."""

    outcome: GreetingOutcome
    reason: str = ""
    errcode: int | None = None
    text: str = ""
    attachments: tuple[Mapping[str, Any], ...] = ()
    called_at: datetime | None = None
    sent_at: datetime | None = None

    @property
    def tell(self) -> bool:
        """Whether the guide should greet by hand; without the customer's consent nobody can."""
        return (
            self.outcome in (GreetingOutcome.FAILED, GreetingOutcome.UNSURE)
            and self.errcode != CONSENT_PENDING
        )

    @classmethod
    def recorded(cls, row: Greeting) -> Verdict:
        """What an earlier try wrote down."""
        return cls(GreetingOutcome(str(row.outcome)), row.reason, row.errcode, row.text)


class Greeter:
    """Handles the rows of new friends.

    WeCom takes one greeting a code, so a repeat after an unknown outcome is harmless: 41051 then
    says that the first one arrived.
    """

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        *,
        shop: ShopGreetings,
        stage: str,
        acquaintance: Acquaintance,
        media: GreetingMedia,
        aftercare: Aftercare,
        variables: Mapping[str, str],
        first: Precedence | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._shop = shop
        self._acquaintance = acquaintance
        self._media = media
        self._variables = dict(variables)
        self._sleep = sleep
        self._first = first or Precedence()
        self._cases = GroupRead(database, functools.partial(read_cases, stage=stage))
        self._book = GroupCommit(database, record, urgent=True)
        self._rest = GroupCommit(database, aftercare.settle, most=25)

    async def handle(self, row: Greeting) -> None:
        """Greet and record it; then settle the row together with all that follows from it.

        Recording is short and goes first, so that others are greeted meanwhile. A row that was
        recorded when its process died is only settled.
        """
        with self._first.urgent():
            case = await self._cases.get(row)
            if row.outcome is None:
                names, verdict = await self._meet(case)
                await self._book.commit((case, verdict))
            else:
                names = await self._acquaintance.names(case, "")
                verdict = Verdict.recorded(row)
        await self._first.give_way()
        await self._rest.commit(Ending(case, names, verdict.tell))
        loggers.customers.info(
            "new friend", greeting=row.id, outcome=verdict.outcome, errcode=verdict.errcode
        )

    async def _meet(self, case: Case) -> tuple[Names, Verdict]:
        wording = Wording(self._shop.settings, shop=await self._shop.words())
        words = wording.of(case, now=self._clock.now())
        skipped = _skip(case)
        names = await self._acquaintance.names(case, _notice(case) if skipped else words.text)
        return names, skipped or await self._greet(case, words, names)

    async def _greet(self, case: Case, words: Words, names: Names) -> Verdict:
        try:
            text = render(words.text, self._values(names))
        except BotError as error:
            return Verdict(GreetingOutcome.FAILED, error.message)
        text = _fitting(text)
        bodies, problems = await self._media.bodies(words.attachments)
        called_at = self._clock.now()
        verdict = await self._call(case.row, text, bodies)
        reason = "；".join(filter(None, (verdict.reason, *problems)))
        return replace(
            verdict,
            reason=reason[:300],
            text=text,
            attachments=tuple(bodies),
            called_at=called_at,
            sent_at=self._clock.now() if verdict.outcome is GreetingOutcome.SENT else None,
        )

    def _values(self, names: Names) -> dict[str, str]:
        return {**self._variables, CUSTOMER: names.customer, GUIDE: names.guide}

    async def _call(self, row: Greeting, text: str, bodies: list[dict[str, Any]]) -> Verdict:
        """Try until it is known how it ended, or until the code has run out."""
        interrupted = row.attempts > 1
        pause = _FIRST_PAUSE
        if interrupted and self._left(row) <= 0:
            return Verdict(GreetingOutcome.UNSURE, UNSURE)
        while True:
            try:
                await self._client.contact_ways.welcome(
                    row.welcome_code, text=text, attachments=bodies
                )
                return Verdict(GreetingOutcome.SENT)
            except RetryLater as error:
                interrupted |= isinstance(error, UnknownOutcome)
                wait = max(error.wait_seconds or 0.0, pause)
                if wait >= self._left(row):
                    return _given_up(error, interrupted)
            except WeComError as error:
                return _refused(error, interrupted)
            await self._sleep(wait)
            pause *= 2

    def _left(self, row: Greeting) -> float:
        return (row.received_at + WINDOW - self._clock.now()).total_seconds()


async def record(session: AsyncSession, ended: Sequence[tuple[Case, Verdict]]) -> None:
    """Write down how greetings ended, save those whose rows went to somebody else."""
    rows = cast("Table", Greeting.__table__)
    held = update(rows).where(
        rows.c.id == bindparam("row_id"), rows.c.leased_by == bindparam("holder")
    )
    told = []
    for case, verdict in ended:
        values = _values_of(case, verdict)
        for name, value in values.items():
            setattr(case.row, name, value)
        told.append({"row_id": case.row.id, "holder": case.row.leased_by, **values})
    await session.execute(held.values({name: bindparam(name) for name in values}), told)


def _values_of(case: Case, verdict: Verdict) -> dict[str, Any]:
    return {
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "errcode": verdict.errcode,
        "relation": case.relation,
        "channel_id": case.channel.id if case.channel else None,
        "text": verdict.text,
        "attachments": list(verdict.attachments),
        "called_at": verdict.called_at,
        "sent_at": verdict.sent_at,
    }


def _skip(case: Case) -> Verdict | None:
    reason = ""
    if case.opted_out:
        reason = OPTED_OUT
    elif case.greeted:
        reason = GREETED
    elif not case.row.welcome_code:
        reason = NO_CODE
    return Verdict(GreetingOutcome.SKIPPED, reason) if reason else None


def _notice(case: Case) -> str:
    """Colleagues who share a customer are told the name, though there is no greeting."""
    return f"{{{CUSTOMER}}}" if case.others else ""


def _refused(error: WeComError, interrupted: bool) -> Verdict:
    reason = "；".join(filter(None, (error.message, error.hint)))
    code = error.errcode
    if code == ALREADY_WELCOMED:
        if interrupted:
            return Verdict(GreetingOutcome.SENT, errcode=code)
        return Verdict(GreetingOutcome.SKIPPED, reason, code)
    if code == CODE_EXPIRED and interrupted:
        return Verdict(GreetingOutcome.UNSURE, UNSURE, code)
    return Verdict(GreetingOutcome.FAILED, reason, code)


def _given_up(error: RetryLater, interrupted: bool) -> Verdict:
    if interrupted:
        return Verdict(GreetingOutcome.UNSURE, UNSURE, error.errcode)
    reason = "；".join(filter(None, (error.message, error.hint)))
    return Verdict(GreetingOutcome.FAILED, reason, error.errcode)


def _fitting(text: str) -> str:
    """WeCom refuses more than 4000 bytes; only a very long name can bring it there."""
    return text.encode()[:MOST_TEXT_BYTES].decode(errors="ignore")
