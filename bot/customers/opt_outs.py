"""Customers who want to be left alone, and those who came back."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.same_person import same_person
from bot.store.contact_tables import OptOut
from bot.store.tables import Conversation, Customer, Outbound, Suggestion, WorkState

_BY_POLICY = "policy"
REASON = "客户已退订，不再自动发送"


class OptOutSource(StrEnum):
    """Through what we learned it."""

    MESSAGE = "message"
    GUIDE = "guide"
    API = "api"


async def opt_out(
    session: AsyncSession,
    external_userid: str,
    *,
    source: OptOutSource,
    by: str = "",
    reason: str = "",
    now: datetime,
) -> bool:
    """Leave this person alone from now on, under every id that is theirs; False if they were.

    Automatic replies that nobody has sent yet are withdrawn.
    """
    people = await same_person(session, external_userid)
    changed = await _set(session, people, out=True, at=now)
    _note(session, changed, out=True, source=source, by=by, reason=reason, at=now)
    await _withdraw(session, people, now)
    return bool(changed)


async def opt_in(
    session: AsyncSession,
    external_userid: str,
    *,
    source: OptOutSource,
    by: str = "",
    reason: str = "",
    now: datetime,
) -> bool:
    """The person wants to hear from us again; False if they had not opted out."""
    people = await same_person(session, external_userid)
    changed = await _set(session, people, out=False, at=now)
    _note(session, changed, out=False, source=source, by=by, reason=reason, at=now)
    return bool(changed)


async def _set(session: AsyncSession, people: list[str], *, out: bool, at: datetime) -> list[str]:
    changed = []
    for who in sorted(people):
        stood = Customer.opted_out_at.is_(None) if out else Customer.opted_out_at.is_not(None)
        result = await session.execute(
            update(Customer)
            .where(Customer.external_userid == who, stood)
            .values(opted_out_at=at if out else None)
            .execution_options(synchronize_session=False)
        )
        if cast("CursorResult[Any]", result).rowcount:
            changed.append(who)
    return changed


def _note(
    session: AsyncSession,
    people: list[str],
    *,
    out: bool,
    source: OptOutSource,
    by: str,
    reason: str,
    at: datetime,
) -> None:
    session.add_all(
        OptOut(external_userid=who, out=out, source=source, by=by[:64], reason=reason[:200], at=at)
        for who in people
    )


async def _withdraw(session: AsyncSession, people: list[str], now: datetime) -> None:
    """What no worker has begun to send; the row itself is asked, for one may take it meanwhile."""
    automatic = (
        select(Outbound.id)
        .join(Conversation, Conversation.id == Outbound.conversation_id)
        .join(Suggestion, Suggestion.id == Outbound.suggestion_id)
        .where(Conversation.external_userid.in_(people), Suggestion.decided_by == _BY_POLICY)
    )
    await session.execute(
        update(Outbound)
        .where(
            Outbound.id.in_(automatic),
            Outbound.state == WorkState.READY,
            Outbound.leased_until.is_(None),
            Outbound.attempts == 0,
        )
        .values(state=WorkState.FAILED, error=REASON, finished_at=now)
        .execution_options(synchronize_session=False)
    )
