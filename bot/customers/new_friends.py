"""New friends as rows of work, made in the transaction that stores their callbacks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.store.channel_tables import Greeting
from bot.store.tables import WorkState
from bot.store.upsert import insert_new
from bot.wecom.events import ContactChange, InboundEvent

ADDED = "add_external_contact"
HALF_ADDED = "add_half_external_contact"
CONSENTED = "msg_audit_approved"
ENDED = frozenset({"del_external_contact", "del_follow_user"})


async def note_new_friends(
    session: AsyncSession,
    events: Sequence[InboundEvent],
    *,
    now: datetime,
    told: Callable[[datetime], datetime] = lambda at: at,
) -> bool:
    """Promise one greeting for each new friend; True when there is somebody to greet.

    `told` reads the time of a callback by the service's clock.
    """
    changes = [event for event in events if isinstance(event, ContactChange)]
    rows = {row["key"]: row for row in (_row(one, now, told) for one in changes if _is_new(one))}
    if rows:
        await insert_new(
            session, Greeting, list(rows.values()), unique=["key"], returning=Greeting.id
        )
    for change in changes:
        if change.change_type in ENDED:
            await _end(session, change, told(change.at) if change.at else now)
    return bool(rows)


def _is_new(change: ContactChange) -> bool:
    if not (change.userid and change.external_userid):
        return False
    if change.change_type == CONSENTED:
        return bool(change.welcome_code)
    return change.change_type in (ADDED, HALF_ADDED)


def _row(
    change: ContactChange, now: datetime, told: Callable[[datetime], datetime]
) -> dict[str, Any]:
    code = change.welcome_code[:256]
    return {
        "key": hashlib.sha256(f"code:{code}".encode()).hexdigest() if code else change.dedupe_key,
        "lane": pair_lane(change.userid, change.external_userid),
        "state": WorkState.READY,
        "due_at": now,
        "attempts": 0,
        "userid": change.userid,
        "external_userid": change.external_userid,
        "change_type": change.change_type,
        "channel_state": change.state,
        "welcome_code": code,
        "added_at": told(change.at) if change.at else now,
        "received_at": now,
        "relation": "",
        "reason": "",
        "text": "",
        "attachments": [],
    }


async def _end(session: AsyncSession, change: ContactChange, at: datetime) -> None:
    """They are no longer friends; a delete that came before its add must not end the next."""
    await session.execute(
        update(Greeting)
        .where(
            Greeting.userid == change.userid,
            Greeting.external_userid == change.external_userid,
            Greeting.ended_at.is_(None),
            Greeting.added_at <= at,
        )
        .values(ended_at=at)
    )


def pair_lane(userid: str, external_userid: str) -> str:
    """Everything about one guide and one customer happens in order."""
    return f"{userid}/{external_userid}"[:200]
