"""The left column: who waits, what was decided, what could not be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.dialogue.bursts import BY_POLICY
from bot.store.database import Database
from bot.store.tables import (
    Conversation,
    Customer,
    Outbound,
    Suggestion,
    SuggestionStatus,
    WorkState,
)
from bot.web.console.desk import Desk, Person
from bot.web.console.spoken_time import lateness
from intents import OUT_OF_SCOPE

LIMIT = 100
UNSENT = (WorkState.FAILED, WorkState.DEAD)


class Tab(StrEnum):
    """The three lists; items of the last one are sends, of the others suggestions."""

    PENDING = "pending"
    DECIDED = "decided"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Counts:
    """What the tabs show, and the newest waiting suggestion, so that a page knows what is new."""

    pending: int
    failed: int
    newest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One row of a list."""

    id: int
    person: Person
    text: str
    time: str
    urgency: str = ""
    stage: str = ""
    held: bool = False
    intent: str = ""
    percent: int | None = None
    unclear: bool = False
    status: str = ""
    status_label: str = ""
    detail: str = ""


async def counts(database: Database) -> Counts:
    async with database.read() as session:
        pending, newest = (
            await session.execute(
                select(func.count(), func.max(Suggestion.id)).where(
                    Suggestion.status == SuggestionStatus.PENDING
                )
            )
        ).one()
        failed = await session.scalar(
            select(func.count()).select_from(Outbound).where(Outbound.state.in_(UNSENT))
        )
    return Counts(pending=pending, failed=failed or 0, newest=newest or 0)


async def items(desk: Desk, tab: Tab) -> list[Item]:
    """At most `LIMIT` rows: those who wait longest first, else the latest first."""
    async with desk.database.read() as session:
        if tab is Tab.FAILED:
            return [_unsent_item(desk, *row) for row in await _unsent(session)]
        rows = await _suggestions(session, tab)
    make = _waiting_item if tab is Tab.PENDING else _decided_item
    return [make(desk, *row) for row in rows]


async def next_pending(database: Database, after: int) -> int | None:
    """The suggestion to look at once `after` is decided."""
    waiting = select(func.min(Suggestion.id)).where(Suggestion.status == SuggestionStatus.PENDING)
    async with database.read() as session:
        later: int | None = await session.scalar(waiting.where(Suggestion.id > after))
        return later or await session.scalar(waiting)


def with_people() -> Any:
    """Rows of a suggestion, its conversation and its customer."""
    return (
        select(Suggestion, Conversation, Customer)
        .join(Conversation, Conversation.id == Suggestion.conversation_id)
        .join(Customer, Customer.external_userid == Suggestion.external_userid)
    )


def sends_with_people() -> Any:
    """Rows of a send, its conversation and its customer."""
    return (
        select(Outbound, Conversation, Customer)
        .join(Conversation, Conversation.id == Outbound.conversation_id)
        .join(Customer, Customer.external_userid == Conversation.external_userid)
    )


def status_of(suggestion: Suggestion) -> str:
    """The status as guides tell them apart: also sent by itself, or after an edit."""
    if suggestion.status != SuggestionStatus.APPROVED:
        return suggestion.status
    if suggestion.decided_by == BY_POLICY:
        return "automatic"
    chosen = chosen_script(suggestion)
    return "approved" if chosen and chosen["text"] == suggestion.sent_text else "edited"


def chosen_script(suggestion: Suggestion) -> dict[str, Any] | None:
    """The choice that was sent, edited or not."""
    return next(
        (one for one in suggestion.choices if one["script_id"] == suggestion.script_id), None
    )


async def _suggestions(session: AsyncSession, tab: Tab) -> Sequence[Any]:
    waiting = Suggestion.status == SuggestionStatus.PENDING
    wanted = with_people().limit(LIMIT)
    if tab is Tab.PENDING:
        wanted = wanted.where(waiting).order_by(Suggestion.id)
    else:
        wanted = wanted.where(~waiting).order_by(
            Suggestion.decided_at.desc(), Suggestion.id.desc()
        )
    rows: Sequence[Any] = (await session.execute(wanted)).all()
    return rows


async def _unsent(session: AsyncSession) -> Sequence[Any]:
    wanted = sends_with_people().where(Outbound.state.in_(UNSENT))
    wanted = wanted.order_by(Outbound.id.desc()).limit(LIMIT)
    rows: Sequence[Any] = (await session.execute(wanted)).all()
    return rows


def _waiting_item(
    desk: Desk, suggestion: Suggestion, conversation: Conversation, customer: Customer
) -> Item:
    intent = str(suggestion.understanding.get("intent", OUT_OF_SCOPE))
    unclear = intent == OUT_OF_SCOPE
    confidence = float(suggestion.understanding.get("confidence", 0))
    return Item(
        id=suggestion.id,
        person=desk.person(customer),
        text=suggestion.text,
        time=desk.since(suggestion.said_at),
        urgency=lateness(suggestion.said_at, desk.now),
        stage=desk.stage(suggestion.stage),
        held=conversation.held_since is not None,
        intent=desk.intent(intent),
        percent=None if unclear else round(100 * confidence),
        unclear=unclear,
    )


def _decided_item(
    desk: Desk, suggestion: Suggestion, conversation: Conversation, customer: Customer
) -> Item:
    status = status_of(suggestion)
    return Item(
        id=suggestion.id,
        person=desk.person(customer),
        text=suggestion.text,
        time=desk.time(suggestion.decided_at or suggestion.created_at),
        status=status,
        status_label=desk.words(f"status.{status}"),
        detail=suggestion.sent_text or desk.reason(suggestion.reason or ""),
    )


def _unsent_item(
    desk: Desk, send: Outbound, conversation: Conversation, customer: Customer
) -> Item:
    return Item(
        id=send.id,
        person=desk.person(customer),
        text=send.text,
        time=desk.time(send.finished_at or send.created_at),
        status=send.state,
        status_label=desk.words(f"status.{send.state}"),
        detail=send.error or desk.words("failed.unknown"),
    )
