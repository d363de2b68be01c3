"""Messages as they are stored: each once, in its conversation, customers' ones in a burst."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.customers.funnel import Funnel
from bot.customers.profiles import meet
from bot.delivery.outbox import mark_undelivered
from bot.settings import DialogueSettings
from bot.store.tables import Burst, Conversation, Message, Suggestion, SuggestionStatus, WorkState
from bot.store.upsert import insert_new
from bot.wecom.kf import SERVICER, KfMessage

_KF_HISTORY = timedelta(days=3)
_PICKED_UP = "接待人员已接入"
_PICKED, _TRANSFERRED, _ENDED, _REOPENED = "1", "2", "3", "4"


class MessageBook:
    """Writes pulled messages into the store."""

    def __init__(self, settings: DialogueSettings, funnel: Funnel, clock: Clock) -> None:
        self._gap = timedelta(seconds=settings.burst_seconds)
        self._longest = timedelta(seconds=settings.burst_max_seconds)
        self._funnel = funnel
        self._clock = clock

    async def store(self, session: AsyncSession, messages: Sequence[KfMessage]) -> None:
        """Save what is new of a page; the order of the page is kept."""
        if not messages:
            return
        now = self._clock.now()
        people = {message.external_userid for message in messages if message.external_userid}
        await meet(session, people, stage=self._funnel.initial, now=now)
        conversations = await _conversations(session, messages)
        new = await self._insert(session, messages, conversations, now)
        for message in messages:
            if (message.open_kfid, message.msgid) in new:
                new.discard((message.open_kfid, message.msgid))
                await self._take_in(session, message, conversations, now)

    async def _insert(
        self,
        session: AsyncSession,
        messages: Sequence[KfMessage],
        conversations: dict[tuple[str, str], Conversation],
        now: datetime,
    ) -> set[tuple[str, str]]:
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for message in messages:
            conversation = conversations.get((message.open_kfid, message.external_userid))
            rows.setdefault(
                (message.open_kfid, message.msgid),
                {
                    "source": message.open_kfid,
                    "msgid": message.msgid,
                    "conversation_id": conversation.id if conversation else None,
                    "origin": message.origin,
                    "msgtype": message.msgtype,
                    "text": message.text,
                    "payload": message.body,
                    "sent_at": message.sent_at,
                    "received_at": now,
                },
            )
        ids = await insert_new(
            session,
            Message,
            list(rows.values()),
            unique=["source", "msgid"],
            returning=Message.id,
        )
        if not ids:
            return set()
        stored = await session.execute(
            select(Message.source, Message.msgid).where(Message.id.in_(ids))
        )
        return {(source, msgid) for source, msgid in stored}

    async def _take_in(
        self,
        session: AsyncSession,
        message: KfMessage,
        conversations: dict[tuple[str, str], Conversation],
        now: datetime,
    ) -> None:
        conversation = conversations.get((message.open_kfid, message.external_userid))
        if message.msgtype == "event":
            await _take_event(session, message, conversation, now)
        elif conversation is None:
            return
        elif message.from_customer:
            await self._join_burst(session, message, conversation, now)
        elif message.origin == SERVICER:
            await _answered_elsewhere(session, conversation, now)

    async def _join_burst(
        self,
        session: AsyncSession,
        message: KfMessage,
        conversation: Conversation,
        now: datetime,
    ) -> None:
        said_at = _plausible(message.sent_at, now)
        conversation.last_inbound_at = max(conversation.last_inbound_at or said_at, said_at)
        conversation.session_note = None
        burst = await self._open_burst(session, message, conversation)
        if burst is None:
            burst = Burst(
                lane=f"c{conversation.id}",
                state=WorkState.READY,
                conversation_id=conversation.id,
                opened_at=now,
                last_sent_at=message.sent_at,
                due_at=now,
            )
            session.add(burst)
        burst.last_sent_at = max(burst.last_sent_at, message.sent_at)
        burst.due_at = min(now + self._gap, burst.opened_at + self._longest)
        await session.flush()
        await session.execute(
            update(Message)
            .where(Message.source == message.open_kfid, Message.msgid == message.msgid)
            .values(burst_id=burst.id)
        )

    async def _open_burst(
        self, session: AsyncSession, message: KfMessage, conversation: Conversation
    ) -> Burst | None:
        """The burst that is still gathering and to which this message belongs by its time."""
        gap = max(self._gap, timedelta(seconds=1)) if self._gap else self._gap
        burst: Burst | None = await session.scalar(
            select(Burst)
            .where(
                Burst.conversation_id == conversation.id,
                Burst.state == WorkState.READY,
                Burst.leased_until.is_(None),
            )
            .order_by(Burst.id.desc())
            .limit(1)
            .with_for_update()
        )
        if burst is None or not self._gap or abs(message.sent_at - burst.last_sent_at) > gap:
            return None
        return burst


def _plausible(sent_at: datetime, now: datetime) -> datetime:
    """WeCom keeps kf messages for three days; a time outside them is no time to count from."""
    return sent_at if now - _KF_HISTORY <= sent_at <= now else now


async def _conversations(
    session: AsyncSession, messages: Iterable[KfMessage]
) -> dict[tuple[str, str], Conversation]:
    keys = sorted(
        {
            (message.open_kfid, message.external_userid)
            for message in messages
            if message.external_userid
        }
    )
    if not keys:
        return {}
    rows = [{"kind": "kf", "peer": peer, "external_userid": who} for peer, who in keys]
    await insert_new(
        session,
        Conversation,
        rows,
        unique=["kind", "peer", "external_userid"],
        returning=Conversation.id,
    )
    found: dict[tuple[str, str], Conversation] = {}
    for start in range(0, len(keys), 400):
        conversations = await session.scalars(
            select(Conversation).where(
                Conversation.kind == "kf",
                tuple_(Conversation.peer, Conversation.external_userid).in_(
                    keys[start : start + 400]
                ),
            )
        )
        found |= {(row.peer, row.external_userid): row for row in conversations}
    return found


async def _take_event(
    session: AsyncSession, message: KfMessage, conversation: Conversation | None, now: datetime
) -> None:
    event = message.body.get("event") or {}
    if message.event_type == "msg_send_fail":
        await mark_undelivered(
            session,
            msgid=str(event.get("fail_msgid") or ""),
            fail_type=event.get("fail_type"),
            now=now,
        )
    elif message.event_type == "session_status_change" and conversation is not None:
        _note_session(conversation, str(event.get("change_type") or ""), now)


def _note_session(conversation: Conversation, change: str, now: datetime) -> None:
    """WeCom: while a servicer has the session (state 3) the API may not send."""
    if change in (_PICKED, _TRANSFERRED, _REOPENED):
        conversation.session_note = "接待人员已在企业微信中接入，会话结束前机器人不能发送"
        conversation.held_since = conversation.held_since or now
        conversation.held_because = conversation.held_because or _PICKED_UP
    elif change == _ENDED:
        conversation.session_note = "会话已结束，客户再次来消息后才能回复"
        if conversation.held_because == _PICKED_UP:
            conversation.held_since = conversation.held_because = None


async def _answered_elsewhere(
    session: AsyncSession, conversation: Conversation, now: datetime
) -> None:
    await session.execute(
        update(Suggestion)
        .where(
            Suggestion.conversation_id == conversation.id,
            Suggestion.status == SuggestionStatus.PENDING,
        )
        .values(
            status=SuggestionStatus.SUPERSEDED,
            decided_at=now,
            decided_by="wecom",
            reason="接待人员已在企业微信中回复",
        )
    )
