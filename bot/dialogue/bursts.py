"""From a burst to a suggestion: understand, move the stage, choose, decide, in one commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.customers.funnel import Funnel
from bot.customers.hearing import take_to_heart
from bot.customers.same_person import lock_customer
from bot.customers.stages import move_stage
from bot.dialogue.decisions import send_decided
from bot.dialogue.library import Library
from bot.dialogue.outcomes import credit_last_script, recently_sent
from bot.dialogue.policy import OPTED_OUT, TAKEN_OVER, Case, Decision, Policy
from bot.dialogue.teaching import Doubt, note_doubt
from bot.settings import Settings
from bot.store.claims import settle
from bot.store.database import Database
from bot.store.tables import (
    Burst,
    Conversation,
    Customer,
    Message,
    Suggestion,
    SuggestionStatus,
    WorkState,
)
from intents import OUT_OF_SCOPE, NluEngine, Understanding
from scripts_library import Choice, ChoosingRules, Occasion, Situation, choose

BY_POLICY = "policy"
_SURE = 0.5


@dataclass(frozen=True, slots=True)
class Heard:
    """A burst with all that is known around it."""

    burst: Burst
    messages: Sequence[Message]
    conversation: Conversation
    customer: Customer
    recently_sent: Mapping[str, datetime]

    @property
    def text(self) -> str:
        return "\n".join(message.text for message in self.messages)

    @property
    def spoken(self) -> list[str]:
        """Only the lines that the customer typed."""
        return [message.text for message in self.messages if message.msgtype == "text"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What we make of a burst."""

    understanding: Understanding
    stage: str
    choices: list[dict[str, Any]]
    decision: Decision

    @property
    def unsure(self) -> bool:
        said = self.understanding
        return said.intent == OUT_OF_SCOPE or said.confidence < _SURE


class BurstHandler:
    """Turns each burst into exactly one suggestion."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        *,
        engine: NluEngine,
        library: Library,
        funnel: Funnel,
        policy: Policy,
        rules: ChoosingRules,
        variables: Mapping[str, str],
        on_suggestion: Callable[[int], None] = lambda suggestion_id: None,
        on_send: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._engine = engine
        self._library = library
        self._funnel = funnel
        self._policy = policy
        self._rules = rules
        self._variables = variables
        self._on_suggestion = on_suggestion
        self._on_send = on_send

    async def handle(self, burst: Burst) -> None:
        """Understand outside, then commit everything that follows from it at once."""
        heard = await self._read(burst)
        if not heard.messages:
            await self._drop(burst)
            return
        understanding = await self._understand(heard)
        answer = await self._answer(heard, understanding)
        suggestion = await self._commit(heard, answer)
        if suggestion is None:
            return
        loggers.dialogue.info(
            "suggestion made",
            suggestion=suggestion.id,
            intent=understanding.intent,
            confidence=round(understanding.confidence, 2),
            choices=len(answer.choices),
            by_itself=answer.decision.send,
        )
        self._on_suggestion(suggestion.id)
        if answer.decision.send:
            self._on_send()

    async def _read(self, burst: Burst) -> Heard:
        async with self._database.read() as session:
            conversation = await session.get_one(Conversation, burst.conversation_id)
            customer = await session.get_one(Customer, conversation.external_userid)
            messages = await session.scalars(
                select(Message)
                .where(Message.burst_id == burst.id)
                .order_by(Message.sent_at, Message.id)
            )
            sent = await recently_sent(session, customer.external_userid, now=self._clock.now())
            return Heard(burst, messages.all(), conversation, customer, sent)

    async def _understand(self, heard: Heard) -> Understanding:
        if not heard.spoken:
            return Understanding(heard.text, OUT_OF_SCOPE, 0.0, (), engine=self._engine.name)
        local = self._clock.now().astimezone(self._settings.shop.zone)
        return await self._engine.understand_burst(heard.spoken, now=local)

    async def _answer(self, heard: Heard, understanding: Understanding) -> Answer:
        stage = heard.customer.stage
        stage = self._funnel.target(stage, understanding.intent) or stage
        found = choose(
            await self._library.index(),
            self._situation(heard, understanding, stage),
            limit=self._settings.dialogue.choices,
            stats=await self._library.stats(),
            rules=self._rules,
        )
        choices = [_as_stored(choice) for choice in found]
        decision = self._policy.decide(
            Case(
                understanding=understanding,
                choice=choices[0] if choices else None,
                said_at=heard.messages[-1].sent_at,
                now=self._clock.now(),
                held=heard.conversation.held_since is not None,
                opted_out=heard.customer.opted_out_at is not None,
            )
        )
        return Answer(understanding, stage, choices, decision)

    def _situation(self, heard: Heard, understanding: Understanding, stage: str) -> Situation:
        name = {"customer_name": heard.customer.name} if heard.customer.name else {}
        return Situation(
            now=self._clock.now(),
            intent=understanding.intent,
            confidence=understanding.confidence,
            ranking=[(one.intent, one.confidence) for one in understanding.ranking],
            wants=[(one.intent, one.confidence) for one in understanding.wants],
            entities=[(entity.name, entity.value) for entity in understanding.entities],
            stage=stage,
            customer_tags=heard.customer.tags,
            channel=heard.customer.channel,
            variables={**self._variables, **name},
            recently_sent=heard.recently_sent,
            occasion=_occasion(heard),
        )

    async def _commit(self, heard: Heard, answer: Answer) -> Suggestion | None:
        now = self._clock.now()
        async with self._database.write() as session:
            if not await settle(session, heard.burst, now=now, state=WorkState.DONE):
                return None  # our lease ran out and somebody else has this burst
            who = heard.customer.external_userid
            advanced = answer.stage != heard.customer.stage and await move_stage(
                session,
                who,
                seen=heard.customer.stage,
                to=answer.stage,
                cause=answer.understanding.intent,
                now=now,
                detail=heard.text[:200],
            )
            await credit_last_script(
                session, who, said_at=heard.messages[0].sent_at, advanced=advanced
            )
            conversation = await session.get_one(Conversation, heard.conversation.id)
            if answer.decision.send and (no := await _called_off(session, who, conversation)):
                answer = replace(answer, decision=no)  # while we were thinking
            if answer.decision.hold:
                conversation.held_since = conversation.held_since or now
                conversation.held_because = answer.decision.hold
            suggestion = self._suggestion(heard, answer, now)
            session.add(suggestion)
            await session.flush()
            await take_to_heart(session, suggestion, heard.messages, now=now)
            if heard.spoken and answer.unsure:
                await note_doubt(session, suggestion, because=Doubt.UNSURE, now=now)
            if answer.decision.send:
                choice = answer.choices[0]
                await send_decided(
                    session, suggestion, choice, list(choice["parts"]), by=BY_POLICY, now=now
                )
            return suggestion

    def _suggestion(self, heard: Heard, answer: Answer, now: datetime) -> Suggestion:
        return Suggestion(
            burst_id=heard.burst.id,
            conversation_id=heard.conversation.id,
            external_userid=heard.customer.external_userid,
            status=SuggestionStatus.PENDING,
            text=heard.text,
            said_at=heard.messages[-1].sent_at,
            stage=answer.stage,
            understanding=answer.understanding.as_dict(),
            choices=answer.choices,
            policy=answer.decision.reason,
            created_at=now,
        )

    async def _drop(self, burst: Burst) -> None:
        async with self._database.write() as session:
            await settle(session, burst, now=self._clock.now(), state=WorkState.DONE)


async def _called_off(
    session: AsyncSession, who: str, conversation: Conversation
) -> Decision | None:
    """Why nothing goes by itself any more; whoever opts out from now on withdraws what does."""
    if conversation.held_since is not None:
        return TAKEN_OVER
    await lock_customer(session, who)
    opted_out = select(Customer.opted_out_at).where(Customer.external_userid == who)
    return OPTED_OUT if await session.scalar(opted_out) is not None else None


_OCCASIONS = {
    "image": Occasion.IMAGE,
    "voice": Occasion.VOICE,
    "video": Occasion.VIDEO,
    "file": Occasion.FILE,
    "location": Occasion.LOCATION,
    "link": Occasion.CARD,
    "business_card": Occasion.CARD,
    "miniprogram": Occasion.CARD,
}


def _occasion(heard: Heard) -> Occasion:
    """What kind of script fits: an answer to words, or to the last thing sent without any."""
    if heard.spoken:
        return Occasion.REPLY
    return _OCCASIONS.get(heard.messages[-1].msgtype, Occasion.MEDIA)


def _as_stored(choice: Choice) -> dict[str, Any]:
    return {
        "script_id": choice.script_id,
        "version": choice.version,
        "title": choice.title,
        "text": choice.text,
        "parts": [part.as_dict() for part in choice.parts],
        "score": round(choice.score, 4),
        "reasons": list(choice.reasons),
        "auto": choice.auto,
        "intent": choice.intent,
    }
