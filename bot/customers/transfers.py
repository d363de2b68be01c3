"""Handing a customer on to another guide: asked once, followed until it is known how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.customers.contact_events import apply_change, open_relations
from bot.customers.contact_reading import want_reading
from bot.customers.follows import JOINED, FollowChange, FollowState
from bot.customers.same_person import lock_customer
from bot.customers.transfer_rows import OPEN_STATES, TransferState, end, open_transfers
from bot.errors import Conflict, NotFound, RetryLater, UnknownOutcome, Unprocessable, WeComError
from bot.store.contact_tables import Follow, Guide, Transfer
from bot.store.database import Database
from bot.store.tables import Customer
from bot.wecom.client import WeComClient
from bot.wecom.contacts import moment
from bot.wecom.errcodes import error_for

LONGEST_MESSAGE = 200
_ASKING = timedelta(seconds=90)
_LOOK_AGAIN = timedelta(hours=1)
_LATE = timedelta(minutes=5)
_DONE, _WAITING, _REFUSED, _TAKER_FULL = 1, 2, 3, 4
_REASONS = {_REFUSED: "客户拒绝了转接", _TAKER_FULL: "接替的导购客户数已满"}
_FORGOTTEN = timedelta(days=3)
_UNHEARD_OF = "三天了，企业微信没有给出结果；请在企业微信里核对"
_NOT_BEGUN = "企业微信没有开始转接，可以再试一次"


class Transfers:
    """Begins transfers and looks after them.

    WeCom counts each call (two a customer in 90 days), so one whose answer was lost is looked for
    in `transfer_result` and never simply repeated.
    """

    def __init__(self, database: Database, client: WeComClient, clock: Clock) -> None:
        self._database = database
        self._client = client
        self._clock = clock

    async def begin(
        self,
        external_userid: str,
        *,
        takeover: str,
        handover: str | None = None,
        message: str = "",
        by: str,
    ) -> Transfer:
        """Hand a customer to `takeover`; WeCom does it after 24 h unless the customer refuses.

        `handover` may be left out when one guide alone follows the customer; `message` is what
        the customer reads afterwards. Raises `NotFound`, `Unprocessable`, `Conflict`, and a
        `WeComError` when WeCom refused.
        """
        if len(message) > LONGEST_MESSAGE:
            raise Unprocessable(f"给客户的话太长：最多 {LONGEST_MESSAGE} 个字")
        now = self._clock.now()
        async with self._database.write() as session:
            await lock_customer(session, external_userid)
            giver, resigned = await self._checked(session, external_userid, handover, takeover)
            row = Transfer(
                external_userid=external_userid,
                handover=giver,
                takeover=takeover,
                resigned=resigned,
                state=TransferState.ASKING,
                message=message,
                asked_by=by[:64],
                asked_at=now,
                look_at=now + _ASKING,
            )
            session.add(row)
        await self._ask(row)
        return await self.get(row.id)

    async def _checked(
        self, session: AsyncSession, who: str, handover: str | None, takeover: str
    ) -> tuple[str, bool]:
        if await session.get(Customer, who) is None:
            raise NotFound(f"没有客户 {who[:64]}")
        guides = await open_relations(session, who)
        if handover is None:
            if len(guides) != 1:
                named = "、".join(guides) or "没有人"
                raise Unprocessable(f"请指明由谁转出：现在跟进这位客户的是{named}", guides=guides)
            handover = guides[0]
        if handover not in guides:
            raise NotFound(f"导购 {handover} 没有跟进这位客户")
        if handover == takeover:
            raise Unprocessable("转出和接手的是同一位导购")
        follow = await session.get_one(Follow, (handover, who))
        if follow.state == FollowState.HALF:
            raise Unprocessable("导购还没有通过客户的好友申请，现在不能转")
        taker = await session.get(Guide, takeover)
        if taker is not None and taker.left_at is not None:
            raise Unprocessable(f"{takeover} 已没有客户联系权限，不能接手")
        if await open_transfers(session, who):
            raise Conflict("这位客户正在转接中，请等它有结果（最多 24 小时）")
        giver = await session.get(Guide, handover)
        return handover, giver is not None and giver.left_at is not None

    async def _ask(self, row: Transfer) -> None:
        try:
            answer = await self._client.contacts.transfer_customers(
                [row.external_userid],
                handover=row.handover,
                takeover=row.takeover,
                message=row.message,
                resigned=row.resigned,
            )
        except UnknownOutcome:
            await self._look(row.handover, row.takeover, resigned=row.resigned, rows=[row])
            return
        except WeComError as error:
            await self._failed(row, error)
            raise
        code = _errcode(answer, row.external_userid)
        if code:
            refusal = error_for(code, api="transfer_customer")
            await self._failed(row, refusal)
            raise refusal
        await self._write(row, state=TransferState.WAITING, look_at=self._next_look())
        loggers.customers.info("a customer is being handed on", transfer=row.id)

    async def _failed(self, row: Transfer, error: WeComError) -> None:
        reason = "；".join(filter(None, (error.message, error.hint)))
        await self._write(
            row,
            state=TransferState.FAILED,
            reason=reason[:300],
            errcode=error.errcode,
            look_at=None,
            ended_at=self._clock.now(),
        )

    async def get(self, number: int) -> Transfer:
        async with self._database.read() as session:
            return await session.get_one(Transfer, number)

    async def of(self, external_userid: str) -> Sequence[Transfer]:
        """All transfers of one customer, the newest first."""
        async with self._database.read() as session:
            rows = await session.scalars(
                select(Transfer)
                .where(Transfer.external_userid == external_userid)
                .order_by(Transfer.id.desc())
            )
            return rows.all()

    async def tick(self) -> None:
        """Ask WeCom how those stand that are due; callbacks may have been lost."""
        async with self._database.read() as session:
            due = (
                await session.scalars(
                    select(Transfer)
                    .where(Transfer.look_at <= self._clock.now())
                    .order_by(Transfer.look_at)
                    .limit(200)
                )
            ).all()
        pairs = dict.fromkeys((row.handover, row.takeover, row.resigned) for row in due)
        for handover, takeover, resigned in pairs:
            rows = [one for one in due if (one.handover, one.takeover) == (handover, takeover)]
            try:
                await self._look(handover, takeover, resigned=resigned, rows=rows)
            except WeComError as error:
                loggers.customers.warning("transfers could not be looked at", why=error.message)
                for row in rows:
                    await self._write(row, look_at=self._next_look())

    async def _look(
        self, handover: str, takeover: str, *, resigned: bool, rows: Sequence[Transfer]
    ) -> None:
        try:
            told = await self._told(handover, takeover, resigned=resigned)
        except RetryLater:
            return  # `tick` comes back to it
        for row in rows:
            await self._settle(row, told.get(row.external_userid))

    async def _told(
        self, handover: str, takeover: str, *, resigned: bool
    ) -> dict[str, tuple[int, datetime | None]]:
        """How WeCom says that each customer stands, and when one was taken over."""
        found: dict[str, tuple[int, datetime | None]] = {}
        cursor = ""
        while True:
            answer = await self._client.contacts.transfer_result(
                handover=handover, takeover=takeover, cursor=cursor, resigned=resigned
            )
            for one in answer.get("customer") or []:
                status = _number(one.get("status"))
                found[str(one.get("external_userid"))] = status, moment(one.get("takeover_time"))
            following = str(answer.get("next_cursor") or "")
            if not following or following == cursor:
                return found
            cursor = following

    async def _settle(self, row: Transfer, told: tuple[int, datetime | None] | None) -> None:
        status, taken_at = told or (0, None)
        now = self._clock.now()
        earlier = taken_at is not None and taken_at < row.asked_at - _LATE
        if row.state == TransferState.ASKING and (status != _WAITING and (earlier or not status)):
            await self._end(row, TransferState.FAILED, _NOT_BEGUN)
        elif status == _DONE and not earlier:
            await self._taken_over(row, taken_at or now)
        elif status in _REASONS and row.state == TransferState.WAITING:
            await self._end(row, TransferState.REFUSED, _REASONS[status])
        elif not status and now - row.asked_at > _FORGOTTEN:
            await self._end(row, TransferState.FAILED, _UNHEARD_OF)
        else:
            await self._write(row, state=TransferState.WAITING, look_at=self._next_look())

    async def _end(self, row: Transfer, state: TransferState, reason: str) -> None:
        """Unless it is known by now how it stands: what WeCom told may be older than that."""
        async with self._database.write() as session:
            held = await _held(session, row)
            if held is not None and held.state == row.state:
                await end(session, held, state, reason=reason, now=self._clock.now())

    async def _taken_over(self, row: Transfer, at: datetime) -> None:
        """The callbacks of it never came, or come yet: both say the same."""
        async with self._database.write() as session:
            await lock_customer(session, row.external_userid)
            held = await _held(session, row)
            if held is None:
                return
            await end(session, held, TransferState.DONE, now=self._clock.now())
            follow = await session.get(Follow, (row.handover, row.external_userid))
            if follow is not None and follow.state in (*JOINED, FollowState.LEFT):
                await apply_change(
                    session, row.handover, row.external_userid, FollowChange.HANDED_ON, at=at
                )
            await want_reading(session, row.external_userid, now=self._clock.now())

    async def _write(self, row: Transfer, **values: Any) -> None:
        """Change one that has not ended meanwhile."""
        async with self._database.write() as session:
            await session.execute(
                update(Transfer)
                .where(Transfer.id == row.id, Transfer.state.in_(OPEN_STATES))
                .values(**values)
            )

    def _next_look(self) -> datetime:
        return self._clock.now() + _LOOK_AGAIN


async def _held(session: AsyncSession, row: Transfer) -> Transfer | None:
    return next(
        (one for one in await open_transfers(session, row.external_userid) if one.id == row.id),
        None,
    )


def _errcode(answer: dict[str, Any], external_userid: str) -> int:
    for one in answer.get("customer") or []:
        if one.get("external_userid") == external_userid:
            return _number(one.get("errcode"))
    return 0


def _number(value: object) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.lstrip("-").isdigit() and len(text) < 9 else 0
