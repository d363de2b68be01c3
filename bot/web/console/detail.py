"""The right column: the choices for one suggestion, its outcome, or a send that failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.dialogue.conversations import Conversations
from bot.store.tables import Outbound, Suggestion, SuggestionStatus
from bot.web.console.conversation import Thread, thread
from bot.web.console.desk import Desk, Guess
from bot.web.console.worklist import (
    Tab,
    chosen_script,
    sends_with_people,
    status_of,
    with_people,
)
from intents import OUT_OF_SCOPE

_GUESSES = 3


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is not text, as a guide reads it."""

    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Offer:
    """One choice with its reasons; `percent` is its score."""

    script_id: str
    title: str
    text: str
    percent: int
    reasons: list[str]
    attachments: list[Attachment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What we made of the customer's words."""

    label: str
    unclear: bool
    percent: int
    guesses: list[Guess]
    also: list[Guess]
    mentions: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a suggestion was decided."""

    status: str
    label: str
    by: str
    at: str
    took: str
    sent: str
    reason: str
    script: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionDetail:
    """Everything beside the list for one suggestion; `outcome` once it is decided."""

    id: int
    status: str
    text: str
    said: str
    stage: str
    policy: str
    reading: Reading
    offers: list[Offer]
    outcome: Outcome | None
    thread: Thread


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDetail:
    """A message that could not be sent, or by now has been."""

    id: int
    state: str
    label: str
    problem: str
    text: str
    attempts: int
    errcode: int | None
    at: str
    thread: Thread


Detail = SuggestionDetail | SendDetail


async def read_detail(
    desk: Desk, conversations: Conversations, tab: Tab, item_id: int
) -> Detail | None:
    """The detail of one list item; None when there is no such row."""
    if tab is Tab.FAILED:
        return await _send(desk, conversations, item_id)
    return await _suggestion(desk, conversations, item_id)


async def _suggestion(
    desk: Desk, conversations: Conversations, suggestion_id: int
) -> SuggestionDetail | None:
    async with desk.database.read() as session:
        row = (await session.execute(with_people().where(Suggestion.id == suggestion_id))).first()
    if row is None:
        return None
    suggestion, conversation, customer = row
    return SuggestionDetail(
        id=suggestion.id,
        status=suggestion.status,
        text=suggestion.text,
        said=desk.since(suggestion.said_at),
        stage=desk.stage(suggestion.stage),
        policy=suggestion.policy,
        reading=_reading(desk, suggestion.understanding),
        offers=[_offer(desk, choice) for choice in suggestion.choices],
        outcome=_outcome(desk, suggestion),
        thread=await thread(desk, conversations, conversation, customer),
    )


async def _send(desk: Desk, conversations: Conversations, send_id: int) -> SendDetail | None:
    async with desk.database.read() as session:
        row = (await session.execute(sends_with_people().where(Outbound.id == send_id))).first()
    if row is None:
        return None
    send, conversation, customer = row
    key = {"ready": "line.ready", "done": "status.approved"}.get(send.state)
    return SendDetail(
        id=send.id,
        state=send.state,
        label=desk.words(key or f"status.{send.state}"),
        problem=send.error or desk.words("failed.unknown"),
        text=send.text,
        attempts=send.attempts,
        errcode=send.errcode,
        at=desk.time(send.finished_at or send.created_at),
        thread=await thread(desk, conversations, conversation, customer),
    )


def _reading(desk: Desk, understood: Mapping[str, Any]) -> Reading:
    intent = str(understood.get("intent", OUT_OF_SCOPE))
    wants = [one for one in understood.get("wants", []) if one["intent"] != intent]
    mentions = (str(entity.get("text") or "") for entity in understood.get("entities", []))
    return Reading(
        label=desk.intent(intent),
        unclear=intent == OUT_OF_SCOPE,
        percent=round(100 * float(understood.get("confidence", 0))),
        guesses=desk.guesses(understood.get("ranking", []))[:_GUESSES],
        also=desk.guesses(wants),
        mentions=[mention for mention in dict.fromkeys(mentions) if mention],
    )


def _offer(desk: Desk, choice: Mapping[str, Any]) -> Offer:
    return Offer(
        script_id=str(choice["script_id"]),
        title=str(choice.get("title") or choice["script_id"]),
        text=str(choice["text"]),
        percent=round(100 * float(choice["score"])),
        reasons=[desk.reason(str(reason)) for reason in choice.get("reasons", [])],
        attachments=[
            _attachment(desk, part) for part in choice.get("parts", []) if "text" not in part
        ],
    )


def _attachment(desk: Desk, part: Mapping[str, Any]) -> Attachment:
    kind, value = next(iter(part.items()))
    key = f"part.{kind}"
    label = desk.words(key) if key in desk.words.texts else kind
    if isinstance(value, Mapping):
        return Attachment(label, str(value.get("title") or value.get("url") or ""))
    return Attachment(label, str(value).rsplit("/", 1)[-1])


def _outcome(desk: Desk, suggestion: Suggestion) -> Outcome | None:
    if suggestion.status == SuggestionStatus.PENDING or suggestion.decided_at is None:
        return None
    status = status_of(suggestion)
    chosen = chosen_script(suggestion)
    spent = desk.now - (suggestion.decided_at - suggestion.said_at)
    return Outcome(
        status=status,
        label=desk.words(f"status.{status}"),
        by=desk.decider(suggestion.decided_by),
        at=desk.time(suggestion.decided_at),
        took=desk.words("decided.took", time=desk.since(spent)),
        sent=suggestion.sent_text or "",
        reason=desk.reason(suggestion.reason or ""),
        script=str(chosen.get("title") or chosen["script_id"]) if chosen else "",
    )
