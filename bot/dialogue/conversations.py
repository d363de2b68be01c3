"""Reading conversations, and holding or releasing them for a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.errors import NotFound
from bot.store.claims import revive
from bot.store.database import Database
from bot.store.tables import Conversation, Message, Outbound, WorkState


@dataclass(frozen=True, slots=True)
class Line:
    """One bubble of a conversation as a guide reads it; `at` is in UTC."""

    at: datetime
    from_customer: bool
    text: str
    msgtype: str
    state: str = "received"
    problem: str | None = None
    outbound_id: int | None = None


class Conversations:
    """What guides see and do beside the suggestions."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        on_send: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._on_send = on_send

    async def lines(self, conversation_id: int, *, limit: int = 50) -> list[Line]:
        """The latest messages both ways, oldest first."""
        async with self._database.read() as session:
            received = await _received(session, conversation_id, limit)
            sent = await _sent(session, conversation_id, limit)
        return sorted([*received, *sent], key=lambda line: line.at)[-limit:]

    async def hold(self, conversation_id: int, *, because: str) -> None:
        """Stop automatic replies in this conversation until it is released."""
        async with self._database.write() as session:
            conversation = await _get(session, conversation_id)
            conversation.held_since = conversation.held_since or self._clock.now()
            conversation.held_because = because

    async def release(self, conversation_id: int) -> None:
        """Allow automatic replies again."""
        async with self._database.write() as session:
            conversation = await _get(session, conversation_id)
            conversation.held_since = conversation.held_because = None

    async def resend(self, outbound_id: int) -> None:
        """Try a failed or dead send again, under the same key; raises `NotFound`."""
        async with self._database.write() as session:
            if not await revive(session, Outbound, outbound_id, now=self._clock.now()):
                raise NotFound(f"没有编号为 {outbound_id} 的失败消息")
        self._on_send()


async def _get(session: AsyncSession, conversation_id: int) -> Conversation:
    conversation = await session.get(Conversation, conversation_id)
    if conversation is None:
        raise NotFound(f"没有编号为 {conversation_id} 的会话")
    return conversation


async def _received(session: AsyncSession, conversation_id: int, limit: int) -> list[Line]:
    messages: Sequence[Message] = (
        await session.scalars(
            select(Message)
            .where(Message.conversation_id == conversation_id, Message.msgtype != "event")
            .order_by(Message.sent_at.desc(), Message.id.desc())
            .limit(limit)
        )
    ).all()
    return [
        Line(
            at=message.sent_at,
            from_customer=message.burst_id is not None,
            text=message.text,
            msgtype=message.msgtype,
        )
        for message in reversed(messages)
    ]


async def _sent(session: AsyncSession, conversation_id: int, limit: int) -> list[Line]:
    sends: Sequence[Outbound] = (
        await session.scalars(
            select(Outbound)
            .where(Outbound.conversation_id == conversation_id)
            .order_by(Outbound.id.desc())
            .limit(limit)
        )
    ).all()
    return [
        Line(
            at=send.sent_at or send.created_at,
            from_customer=False,
            text=send.text,
            msgtype="text",
            state="sent" if send.state == WorkState.DONE else send.state,
            problem=send.error,
            outbound_id=send.id,
        )
        for send in reversed(sends)
    ]
