"""Messages as they are stored: each once, in its conversation, customers' ones in a burst."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.customers.erasures import erased_since
from bot.customers.funnel import Funnel
from bot.customers.profiles import meet
from bot.delivery.outbox import mark_undelivered
from bot.settings import DialogueSettings
from bot.store.tables import Burst, Conversation, Message, Suggestion, SuggestionStatus, WorkState
from bot.store.upsert import insert_new, insert_new_keys
from bot.wecom.kf import SERVICER, KfMessage

Key = tuple[str, str]

_BURST_COLUMNS = (
    "lane",
    "state",
    "conversation_id",
    "opened_at",
    "last_sent_at",
    "due_at",
    "attempts",
)
_KF_HISTORY = timedelta(days=3)
_A_DAY = timedelta(days=1)
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
        """Save what is new of a page, in as many statements for a full page as for one message.

        The order of the page is kept.
        """
        now = self._clock.now()
        messages = await _without_erased(session, messages, now)
        if not messages:
            return
        people = {message.external_userid for message in messages if message.external_userid}
        await meet(session, people, stage=self._funnel.initial, now=now)
        conversations = await _conversations(session, messages)
        ids = await self._insert(session, messages, conversations, now)
        new = [message for message in messages if _key(message) in ids]
        gathering = await self._gathering(session, new, conversations)
        seen: set[Key] = set()
        for message in new:
            if _key(message) not in seen:
                seen.add(_key(message))
                await self._take_in(session, message, conversations, gathering, now)
        await _join(session, gathering, ids)

    async def _insert(
        self,
        session: AsyncSession,
        messages: Sequence[KfMessage],
        conversations: dict[Key, Conversation],
        now: datetime,
    ) -> dict[Key, int]:
        rows: dict[Key, dict[str, Any]] = {}
        for message in messages:
            conversation = conversations.get((message.open_kfid, message.external_userid))
            rows.setdefault(
                _key(message),
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
        stored = await insert_new_keys(
            session,
            Message,
            list(rows.values()),
            unique=["source", "msgid"],
            returning=[Message.id, Message.source, Message.msgid],
        )
        return {(source, msgid): number for number, source, msgid in stored}

    async def _gathering(
        self,
        session: AsyncSession,
        messages: Sequence[KfMessage],
        conversations: dict[Key, Conversation],
    ) -> Gathering:
        """The bursts that customers' new messages may belong to: those that nobody works on."""
        spoken = {
            conversation.id
            for message in messages
            if message.from_customer
            and (conversation := conversations.get((message.open_kfid, message.external_userid)))
        }
        if not spoken:
            return Gathering()
        rows = await session.scalars(
            select(Burst)
            .where(
                Burst.conversation_id.in_(sorted(spoken)),
                Burst.state == WorkState.READY,
                Burst.leased_until.is_(None),
            )
            .order_by(Burst.id)
            .with_for_update()
        )
        return Gathering({row.conversation_id: row for row in rows})

    async def _take_in(
        self,
        session: AsyncSession,
        message: KfMessage,
        conversations: dict[Key, Conversation],
        gathering: Gathering,
        now: datetime,
    ) -> None:
        conversation = conversations.get((message.open_kfid, message.external_userid))
        if message.msgtype == "event":
            await _take_event(session, message, conversation, now)
        elif conversation is None:
            return
        elif message.from_customer:
            self._join_burst(message, conversation, gathering, now)
        elif message.origin == SERVICER:
            await _answered_elsewhere(session, conversation, now)

    def _join_burst(
        self,
        message: KfMessage,
        conversation: Conversation,
        gathering: Gathering,
        now: datetime,
    ) -> None:
        said_at = _plausible(message.sent_at, now)
        conversation.last_inbound_at = max(conversation.last_inbound_at or said_at, said_at)
        conversation.session_note = None
        burst = gathering.open.get(conversation.id)
        if burst is None or not self._belongs(message, burst):
            burst = gathering.open[conversation.id] = Burst(
                lane=f"c{conversation.id}",
                state=WorkState.READY,
                conversation_id=conversation.id,
                opened_at=now,
                last_sent_at=message.sent_at,
                due_at=now,
                attempts=0,
            )
        burst.last_sent_at = max(burst.last_sent_at, message.sent_at)
        burst.due_at = min(now + self._gap, burst.opened_at + self._longest)
        gathering.joined.append((_key(message), burst))

    def _belongs(self, message: KfMessage, burst: Burst) -> bool:
        """Whether a message is of this burst by its time; WeCom tells whole seconds."""
        if not self._gap:
            return False
        gap = max(self._gap, timedelta(seconds=1))
        return abs(message.sent_at - burst.last_sent_at) <= gap


@dataclass(slots=True)
class Gathering:
    """The latest open burst of each conversation, and which messages join which burst."""

    open: dict[int, Burst] = field(default_factory=dict)
    joined: list[tuple[Key, Burst]] = field(default_factory=list)


def _key(message: KfMessage) -> Key:
    return message.open_kfid, message.msgid


async def _join(session: AsyncSession, gathering: Gathering, ids: Mapping[Key, int]) -> None:
    if not gathering.joined:
        return
    await _insert_bursts(session, [burst for _, burst in gathering.joined if burst.id is None])
    await session.execute(
        update(Message),
        [{"id": ids[key], "burst_id": burst.id} for key, burst in gathering.joined],
    )


async def _insert_bursts(session: AsyncSession, bursts: Sequence[Burst]) -> None:
    """One statement for all, or one more for each further burst of the same conversation.

    A session would insert them one by one to learn their ids in order.
    """
    waiting = list({id(burst): burst for burst in bursts}.values())
    while waiting:
        first = {burst.conversation_id: burst for burst in reversed(waiting)}
        rows = [
            {name: getattr(burst, name) for name in _BURST_COLUMNS}
            for _, burst in sorted(first.items())
        ]
        made = await session.execute(
            insert(Burst).returning(Burst.id, Burst.conversation_id), rows
        )
        for number, conversation_id in made:
            first[conversation_id].id = number
        waiting = [burst for burst in waiting if burst.id is None]


async def _without_erased(
    session: AsyncSession, messages: Sequence[KfMessage], now: datetime
) -> Sequence[KfMessage]:
    """Without what people said before they were erased: after a lost cursor WeCom tells all of
    three days again, and nothing here recognises it any more."""
    people = {message.external_userid for message in messages if message.external_userid}
    if not people:
        return messages
    erased = await erased_since(session, people, since=now - _KF_HISTORY - _A_DAY)
    return [
        message
        for message in messages
        if not (at := erased.get(message.external_userid)) or message.sent_at > at
    ]


def _plausible(sent_at: datetime, now: datetime) -> datetime:
    """WeCom keeps kf messages for three days; a time outside them is no time to count from."""
    return sent_at if now - _KF_HISTORY <= sent_at <= now else now


async def _conversations(
    session: AsyncSession, messages: Iterable[KfMessage]
) -> dict[Key, Conversation]:
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
    conversations = await session.scalars(
        select(Conversation).where(
            Conversation.kind == "kf",
            Conversation.peer.in_(sorted({peer for peer, _ in keys})),
            Conversation.external_userid.in_(sorted({who for _, who in keys})),
        )
    )
    return {(row.peer, row.external_userid): row for row in conversations}


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
        await _note_session(session, conversation, str(event.get("change_type") or ""), now)


async def _note_session(
    session: AsyncSession, conversation: Conversation, change: str, now: datetime
) -> None:
    """WeCom: while a servicer has the session (state 3) the API may not send.

    Whether a person holds the conversation is asked of the row: somebody may take it meanwhile.
    """
    this = update(Conversation).where(Conversation.id == conversation.id)
    this = this.execution_options(synchronize_session=False)
    if change in (_PICKED, _TRANSFERRED, _REOPENED):
        conversation.session_note = "接待人员已在企业微信中接入，会话结束前机器人不能发送"
        free = this.where(Conversation.held_since.is_(None))
        await session.execute(free.values(held_since=now, held_because=_PICKED_UP))
    elif change == _ENDED:
        conversation.session_note = "会话已结束，客户再次来消息后才能回复"
        theirs = this.where(Conversation.held_because == _PICKED_UP)
        await session.execute(theirs.values(held_since=None, held_because=None))


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
