"""Sends, durable before they are made and harmless to repeat."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.delivery.kf_parts import kf_body
from bot.delivery.media import MediaLibrary
from bot.errors import GiveUp, TellGuide
from bot.store.claims import settle
from bot.store.database import Database
from bot.store.tables import Conversation, Outbound, WorkState
from bot.wecom.client import WeComClient
from bot.wecom.errcodes import MSGID_USED, meaning
from bot.wecom.kf import fail_reason

KF_WINDOW = timedelta(hours=48)
KF_QUOTA = 5
_QUOTA_SPENT, _WINDOW_OVER = 95001, 95002
_NOT_SENT = (WorkState.FAILED, WorkState.DEAD)
HELD_BACK = "前面一段没有发出，这一段也没有发；重发前面一段后会接着发"


async def enqueue(
    session: AsyncSession,
    conversation: Conversation,
    parts: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
    suggestion_id: int | None = None,
) -> list[Outbound]:
    """Promise one send a part; it happens once this transaction commits."""
    sends = drafted(conversation, parts, now=now, suggestion_id=suggestion_id)
    session.add_all(sends)
    await session.flush()
    return sends


def drafted(
    conversation: Conversation,
    parts: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
    suggestion_id: int | None = None,
    lane: str = "",
) -> list[Outbound]:
    """The rows of one reply, for whoever adds many replies to a session at once.

    After a part that WeCom refused the rest is held back. What nobody asked for has a `lane`
    of its own: put off until tomorrow, it must not keep replies waiting.
    """
    reply = {"reply": secrets.token_hex(8)} if len(parts) > 1 else {}
    return [
        Outbound(
            lane=lane or f"c{conversation.id}",
            state=WorkState.READY,
            due_at=now,
            created_at=now,
            msgid=secrets.token_hex(16),
            suggestion_id=suggestion_id,
            conversation_id=conversation.id,
            payload={
                "touser": conversation.external_userid,
                "open_kfid": conversation.peer,
                "part": dict(part),
                **reply,
            },
            text=_readable(part),
        )
        for part in parts
    ]


def _readable(part: Mapping[str, Any]) -> str:
    if "text" in part:
        return str(part["text"])
    kind, value = next(iter(part.items()))
    labels = {"image": "图片", "file": "文件", "link": "链接", "miniprogram": "小程序"}
    title = value.get("title", "") if isinstance(value, Mapping) else value
    return f"[{labels.get(kind, kind)}] {title}".strip()


class Sender:
    """Makes the sends of the outbox through `kf/send_msg`.

    Our own `msgid` makes a repeat harmless: WeCom answers 95033 to one that it has already.
    """

    def __init__(
        self, database: Database, client: WeComClient, media: MediaLibrary, clock: Clock
    ) -> None:
        self._database = database
        self._client = client
        self._media = media
        self._clock = clock

    async def handle(self, row: Outbound) -> None:
        """Send one row and record how it ended; what may be retried is raised."""
        try:
            await self._check_parts(row)
            await self._check_window(row)
            await self._send(row)
        except (TellGuide, GiveUp) as error:
            if error.errcode != MSGID_USED:
                await self._record_failure(row, error)
                return
        await self._record_sent(row)

    async def _send(self, row: Outbound) -> None:
        body = await kf_body(row.payload["part"], self._media)
        await self._client.kf.send_msg(
            {
                "touser": row.payload["touser"],
                "open_kfid": row.payload["open_kfid"],
                "msgid": row.msgid,
                **body,
            }
        )

    async def _check_parts(self, row: Outbound) -> None:
        """Half a reply is worse than none: "…and in red, too" without what came before."""
        if "reply" not in row.payload or row.attempts > 1:
            return
        async with self._database.read() as session:
            refused = await session.scalar(
                select(Outbound.id)
                .where(_of_reply(row), Outbound.id < row.id, Outbound.state.in_(_NOT_SENT))
                .limit(1)
            )
        if refused is not None:
            raise GiveUp(HELD_BACK, api="kf/send_msg")

    async def _check_window(self, row: Outbound) -> None:
        """WeCom: 5 messages within the 48 h after the customer's last; spare it the call."""
        if row.attempts > 1:
            return  # an earlier try may have counted already: only WeCom knows
        async with self._database.read() as session:
            conversation = await session.get_one(Conversation, row.conversation_id)
            since = conversation.last_inbound_at
            if since is None:
                return
            sent = await session.scalar(
                select(func.count())
                .select_from(Outbound)
                .where(
                    Outbound.conversation_id == row.conversation_id,
                    Outbound.sent_at >= since,
                )
            )
        if self._clock.now() - since > KF_WINDOW:
            raise _refused(_WINDOW_OVER)
        if (sent or 0) >= KF_QUOTA:
            raise _refused(_QUOTA_SPENT)

    async def _record_sent(self, row: Outbound) -> None:
        now = self._clock.now()
        async with self._database.write() as session:
            await settle(session, row, now=now, state=WorkState.DONE, sent_at=now, error=None)
            if "reply" in row.payload:
                await _bring_along(session, row, now)
        loggers.delivery.info("reply sent", outbound=row.id, attempt=row.attempts)

    async def _record_failure(self, row: Outbound, error: TellGuide | GiveUp) -> None:
        now = self._clock.now()
        reason = "；".join(filter(None, (error.message, error.hint)))
        async with self._database.write() as session:
            await settle(
                session, row, now=now, state=WorkState.FAILED, error=reason, errcode=error.errcode
            )
        loggers.delivery.warning("reply refused", outbound=row.id, reason=reason)


def _of_reply(row: Outbound) -> ColumnElement[bool]:
    return and_(
        Outbound.conversation_id == row.conversation_id,
        Outbound.payload["reply"].as_string() == row.payload["reply"],
    )


async def _bring_along(session: AsyncSession, row: Outbound, now: datetime) -> None:
    """A part that somebody sent again takes those along that were held back for it."""
    await session.execute(
        update(Outbound)
        .where(
            _of_reply(row),
            Outbound.id > row.id,
            Outbound.state == WorkState.FAILED,
            Outbound.error == HELD_BACK,
        )
        .values(state=WorkState.READY, due_at=now, attempts=0, error=None, finished_at=None)
        .execution_options(synchronize_session=False)
    )


def _refused(code: int) -> TellGuide:
    entry = meaning(code)
    return TellGuide(entry.zh, errcode=code, api="kf/send_msg", hint=entry.mend)


async def mark_undelivered(
    session: AsyncSession, *, msgid: str, fail_type: object, now: datetime
) -> None:
    """WeCom: `msg_send_fail` says later that an accepted message did not arrive.

    A retry is a new message to WeCom, which would answer 95033 to the old key.
    """
    await session.execute(
        update(Outbound)
        .where(Outbound.msgid == msgid)
        .values(
            state=WorkState.FAILED,
            msgid=secrets.token_hex(16),
            error=f"未送达：{fail_reason(fail_type)}",
            finished_at=now,
            leased_by=None,
            leased_until=None,
        )
    )
