"""Everything that happened with one customer, one stream, newest first, page by page."""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.contact_tables import BehaviourEvent, FollowEvent, OptOut, TagChange, Transfer
from bot.store.tables import Conversation, Message, Outbound, StageMove


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an entry stands in the stream; what comes before it is older."""

    at: datetime
    kind: str
    id: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `text` is for people, `data` for programs."""

    place: Place
    text: str
    data: dict[str, Any] = field(default_factory=dict)


Source = Callable[[AsyncSession, str, Place | None, int], Awaitable[list[Entry]]]
"""Gives a customer's entries of one kind below a place, newest first, at most so many."""


async def timeline(
    session: AsyncSession,
    external_userid: str,
    *,
    before: Place | None = None,
    limit: int = 50,
    kinds: Sequence[str] = (),
    sources: Sequence[tuple[str, Source]] | None = None,
) -> list[Entry]:
    """The entries below `before`, newest first; `kinds` names those wanted, all by default."""
    found = [
        await source(session, external_userid, before, limit)
        for kind, source in (SOURCES if sources is None else sources)
        if not kinds or kind in kinds
    ]
    merged = heapq.merge(*found, key=lambda entry: entry.place, reverse=True)
    return [entry for entry, _ in zip(merged, range(limit), strict=False)]


def below(before: Place | None, kind: str, at: Any, row_id: Any) -> Any:
    """The condition that puts rows of a kind below a place."""
    if before is None:
        return at.is_not(None)
    if kind < before.kind:
        return at <= before.at
    if kind > before.kind:
        return at < before.at
    return or_(at < before.at, and_(at == before.at, row_id < before.id))


async def _newest(
    session: AsyncSession, table: Any, kind: str, who: str, before: Place | None, limit: int
) -> Sequence[Any]:
    """Rows that stand for one entry each, newest first."""
    owner = table.customer if table is BehaviourEvent else table.external_userid
    rows = await session.scalars(
        select(table)
        .where(owner == who, below(before, kind, table.at, table.id))
        .order_by(table.at.desc(), table.id.desc())
        .limit(limit)
    )
    return rows.all()


_FOLLOW_WORDS = {
    "added": "添加了导购 {userid}",
    "half_added": "添加了导购 {userid}，等待通过",
    "edited": "导购 {userid} 修改了备注或标签",
    "deleted_by_customer": "删除了导购 {userid}",
    "deleted_by_guide": "被导购 {userid} 删除",
    "transferred": "由导购 {userid} 转给了同事",
    "transfer_failed": "转接给导购 {userid} 没有成功",
    "archive_consented": "同意了导购 {userid} 的会话存档",
    "missing": "核对时发现与导购 {userid} 已不是好友",
}


async def _follows(
    session: AsyncSession, who: str, before: Place | None, limit: int
) -> list[Entry]:
    rows = await _newest(session, FollowEvent, "follow", who, before, limit)
    return [
        Entry(
            Place(row.at, "follow", row.id),
            _FOLLOW_WORDS.get(row.kind, row.kind).format(userid=row.userid)
            + (f"（{row.detail['reason']}）" if row.detail.get("reason") else ""),
            {"change": row.kind, "guide": row.userid, **row.detail},
        )
        for row in rows
    ]


async def _messages(
    session: AsyncSession, who: str, before: Place | None, limit: int
) -> list[Entry]:
    rows = await session.execute(
        select(Message, Conversation.peer)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.external_userid == who,
            Message.msgtype != "event",
            below(before, "message", Message.sent_at, Message.id),
        )
        .order_by(Message.sent_at.desc(), Message.id.desc())
        .limit(limit)
    )
    return [
        Entry(
            Place(message.sent_at, "message", message.id),
            message.text,
            {
                "from_customer": message.burst_id is not None,
                "msgtype": message.msgtype,
                "peer": peer,
            },
        )
        for message, peer in rows
    ]


async def _replies(
    session: AsyncSession, who: str, before: Place | None, limit: int
) -> list[Entry]:
    at = func.coalesce(Outbound.sent_at, Outbound.created_at, type_=Outbound.created_at.type)
    rows = await session.execute(
        select(Outbound, Conversation.peer)
        .join(Conversation, Conversation.id == Outbound.conversation_id)
        .where(Conversation.external_userid == who, below(before, "reply", at, Outbound.id))
        .order_by(at.desc(), Outbound.id.desc())
        .limit(limit)
    )
    return [
        Entry(
            Place(send.sent_at or send.created_at, "reply", send.id),
            send.text,
            {"state": send.state, "problem": send.error, "peer": peer},
        )
        for send, peer in rows
    ]


async def _stages(
    session: AsyncSession, who: str, before: Place | None, limit: int
) -> list[Entry]:
    rows = await _newest(session, StageMove, "stage", who, before, limit)
    return [
        Entry(
            Place(row.at, "stage", row.id),
            f"进入阶段 {row.to_stage}",
            {
                "from": row.from_stage,
                "to": row.to_stage,
                "cause": row.cause,
                **({"detail": row.detail} if row.detail else {}),
            },
        )
        for row in rows
    ]


async def _tags(session: AsyncSession, who: str, before: Place | None, limit: int) -> list[Entry]:
    rows = await _newest(session, TagChange, "tag", who, before, limit)
    return [
        Entry(
            Place(row.at, "tag", row.id),
            f"{'打上' if row.added else '去掉'}标签「{row.name}」",
            {
                "tag": row.name,
                "added": row.added,
                "guide": row.userid,
                "cause": row.cause,
                "because": row.because,
            },
        )
        for row in rows
    ]


async def _behaviour(
    session: AsyncSession, who: str, before: Place | None, limit: int
) -> list[Entry]:
    rows = await _newest(session, BehaviourEvent, "behaviour", who, before, limit)
    return [
        Entry(
            Place(row.at, "behaviour", row.id),
            _BEHAVIOUR_WORDS.get(row.type, row.type),
            {"type": row.type, "event_id": row.event_id, "data": row.data},
        )
        for row in rows
    ]


_BEHAVIOUR_WORDS = {
    "viewed_product": "看了商品",
    "added_to_cart": "加了购物车",
    "payment_failed": "付款没有成功",
    "order_paid": "付款下单",
    "coupon_used": "用了优惠券",
    "livestream_joined": "进了直播间",
}


async def _opt_outs(
    session: AsyncSession, who: str, before: Place | None, limit: int
) -> list[Entry]:
    rows = await _newest(session, OptOut, "opt_out", who, before, limit)
    return [
        Entry(
            Place(row.at, "opt_out", row.id),
            "退订，不再打扰" if row.out else "恢复接收消息",
            {"out": row.out, "source": row.source, "by": row.by, "reason": row.reason},
        )
        for row in rows
    ]


_TRANSFER_WORDS = {
    "asked": "由导购 {giver} 转给 {taker}，等企业微信办理",
    "done": "已由导购 {giver} 转给 {taker}",
    "refused": "没有从导购 {giver} 转给 {taker}",
    "failed": "没有从导购 {giver} 转给 {taker}",
}


async def _transfers(
    session: AsyncSession, who: str, before: Place | None, limit: int
) -> list[Entry]:
    """When each was asked for and how it ended; a customer has a handful of them at most."""
    rows = await session.scalars(
        select(Transfer).where(Transfer.external_userid == who).order_by(Transfer.id)
    )
    found = []
    for row in rows:
        found.append(_handed(row, "asked", Place(row.asked_at, "transfer", 2 * row.id)))
        if row.ended_at is not None:
            ended = Place(row.ended_at, "transfer", 2 * row.id + 1)
            found.append(_handed(row, row.state, ended, reason=row.reason))
    earlier = [one for one in found if before is None or one.place < before]
    return sorted(earlier, key=lambda one: one.place, reverse=True)[:limit]


def _handed(row: Transfer, event: str, place: Place, *, reason: str = "") -> Entry:
    words = _TRANSFER_WORDS.get(event, event).format(giver=row.handover, taker=row.takeover)
    return Entry(
        place,
        words + (f"（{reason}）" if reason else ""),
        {
            "transfer": row.id,
            "event": event,
            "from": row.handover,
            "to": row.takeover,
            "by": row.asked_by,
            "resigned": row.resigned,
            "reason": reason,
        },
    )


SOURCES: list[tuple[str, Source]] = [
    ("behaviour", _behaviour),
    ("follow", _follows),
    ("message", _messages),
    ("opt_out", _opt_outs),
    ("reply", _replies),
    ("stage", _stages),
    ("tag", _tags),
    ("transfer", _transfers),
]
"""Other rooms append what they do with customers: touches, moments, orders."""
