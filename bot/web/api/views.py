"""The JSON shapes of the API; times are ISO 8601 in the shop's time zone."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from bot.store.tables import Conversation, Customer, Suggestion


class ConversationRef(BaseModel):
    id: int
    kind: str
    open_kfid: str | None = None
    guide: str | None = None
    held: bool = False


class CustomerRef(BaseModel):
    external_userid: str
    name: str
    stage: str


class BurstView(BaseModel):
    text: str
    at: datetime


class RankedView(BaseModel):
    intent: str
    confidence: float


class UnderstandingView(BaseModel):
    intent: str
    confidence: float
    ranking: list[RankedView]
    entities: list[dict[str, Any]]
    wants: list[RankedView] = []
    engine: str = ""


class ChoiceView(BaseModel):
    script_id: str
    title: str
    text: str
    score: float
    reasons: list[str]
    parts: list[dict[str, Any]]


class SuggestionView(BaseModel):
    id: int
    status: str
    conversation: ConversationRef
    customer: CustomerRef
    burst: BurstView
    understanding: UnderstandingView
    choices: list[ChoiceView]
    policy: str
    created_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    script_id: str | None
    sent_text: str | None


def suggestion_view(
    suggestion: Suggestion, conversation: Conversation, customer: Customer, zone: ZoneInfo
) -> SuggestionView:
    return SuggestionView(
        id=suggestion.id,
        status=suggestion.status,
        conversation=conversation_ref(conversation),
        customer=CustomerRef(
            external_userid=customer.external_userid, name=customer.name, stage=customer.stage
        ),
        burst=BurstView(text=suggestion.text, at=suggestion.said_at.astimezone(zone)),
        understanding=UnderstandingView.model_validate(suggestion.understanding),
        choices=[ChoiceView.model_validate(choice) for choice in suggestion.choices],
        policy=suggestion.policy,
        created_at=suggestion.created_at.astimezone(zone),
        decided_at=suggestion.decided_at and suggestion.decided_at.astimezone(zone),
        decided_by=suggestion.decided_by,
        reason=suggestion.reason,
        script_id=suggestion.script_id,
        sent_text=suggestion.sent_text,
    )


def conversation_ref(conversation: Conversation) -> ConversationRef:
    is_kf = conversation.kind == "kf"
    return ConversationRef(
        id=conversation.id,
        kind=conversation.kind,
        open_kfid=conversation.peer if is_kf else None,
        guide=None if is_kf else conversation.peer,
        held=conversation.held_since is not None,
    )
