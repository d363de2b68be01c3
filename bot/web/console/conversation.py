"""The middle column: both directions of one conversation, and what may still be sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from bot.delivery.outbox import KF_QUOTA, KF_WINDOW
from bot.dialogue.conversations import Conversations, Line
from bot.store.tables import Conversation, Customer, Outbound
from bot.web.console.desk import Desk, Person

_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message; `heading` is the time when it starts after a pause."""

    text: str
    from_customer: bool
    state: str
    problem: str
    outbound_id: int | None
    time: str
    heading: str
    waiting: bool


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation as the page shows it."""

    id: int
    person: Person
    bubbles: list[Bubble]
    held: str
    note: str
    allowance: str
    exhausted: bool


async def thread(
    desk: Desk, conversations: Conversations, conversation: Conversation, customer: Customer
) -> Thread:
    """Read the latest messages of a conversation."""
    lines = await conversations.lines(conversation.id)
    allowance, exhausted = await _allowance(desk, conversation)
    held = conversation.held_because or desk.words("held.default")
    return Thread(
        id=conversation.id,
        person=desk.person(customer),
        bubbles=_bubbles(desk, lines),
        held=desk.words("held.since", why=held) if conversation.held_since else "",
        note=conversation.session_note or "",
        allowance=allowance,
        exhausted=exhausted,
    )


def _bubbles(desk: Desk, lines: list[Line]) -> list[Bubble]:
    first_waiting = _first_waiting(lines)
    bubbles: list[Bubble] = []
    before: datetime | None = None
    for position, line in enumerate(lines):
        pause = before is None or line.at - before > _PAUSE
        bubbles.append(
            Bubble(
                text=line.text,
                from_customer=line.from_customer,
                state=line.state,
                problem=line.problem or "",
                outbound_id=line.outbound_id,
                time=desk.time(line.at),
                heading=desk.time(line.at) if pause else "",
                waiting=position == first_waiting and position > 0,
            )
        )
        before = line.at
    return bubbles


def _first_waiting(lines: list[Line]) -> int | None:
    """Where the customer's unanswered words begin."""
    first = None
    for position in range(len(lines) - 1, -1, -1):
        if not lines[position].from_customer:
            break
        first = position
    return first


async def _allowance(desk: Desk, conversation: Conversation) -> tuple[str, bool]:
    """WeCom: five messages within the 48 h after the customer's last one."""
    since = conversation.last_inbound_at
    if conversation.kind != "kf" or since is None:
        return "", False
    left = since + KF_WINDOW - desk.now
    if left <= timedelta(0):
        return desk.words("thread.closed"), True
    async with desk.database.read() as session:
        sent = await session.scalar(
            select(func.count())
            .select_from(Outbound)
            .where(Outbound.conversation_id == conversation.id, Outbound.sent_at >= since)
        )
    remaining = KF_QUOTA - (sent or 0)
    if remaining <= 0:
        return desk.words("thread.quota.none"), True
    hours, minutes = int(left.total_seconds() // 3600), int(left.total_seconds() // 60)
    time = desk.words("hours_left", n=hours) if hours else desk.words("minutes_left", n=minutes)
    quota = desk.words("thread.quota", n=remaining)
    return f"{quota} · {desk.words('thread.window', time=time)}", False
