"""Policy: whether a reply goes by itself or waits for a guide. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.settings import DialogueSettings
from intents import OUT_OF_SCOPE, Understanding
from scripts_library.sensitive import Direction, SensitiveWords

HUMAN_WANTED = {"request_human": "客户要求转人工", "complain": "客户投诉或不满"}


@dataclass(frozen=True, slots=True)
class Decision:
    """`send` without a guide or not, why, and why the conversation is held for a person."""

    send: bool
    reason: str
    hold: str | None = None


TAKEN_OVER = Decision(send=False, reason="会话已转人工，恢复前不自动回复")
OPTED_OUT = Decision(send=False, reason="客户已退订，不自动回复")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that policy looks at for one burst; `choice` is the best one, if any."""

    understanding: Understanding
    choice: Mapping[str, Any] | None
    said_at: datetime
    now: datetime
    held: bool
    opted_out: bool


class Policy:
    """Closed by default: each rule may stop an automatic reply, none may force one."""

    def __init__(self, settings: DialogueSettings, words: SensitiveWords) -> None:
        self._settings = settings
        self._words = words

    def decide(self, case: Case) -> Decision:
        """Decide one burst; the reason is for guides, in Chinese."""
        if hold := self._needs_person(case.understanding):
            return Decision(send=False, reason=hold, hold=hold)
        if obstacle := self._obstacle(case):
            return Decision(send=False, reason=obstacle)
        return Decision(send=True, reason="符合自动回复规则")

    def _needs_person(self, understanding: Understanding) -> str | None:
        wanted = [understanding.intent, *(want.intent for want in understanding.wants)]
        for intent in wanted:
            if intent in self._settings.human_intents:
                return HUMAN_WANTED.get(intent, f"「{intent}」类消息需要人工处理")
        return None

    def _obstacle(self, case: Case) -> str | None:
        settings, said = self._settings, case.understanding
        if not settings.auto_send:
            return "等待导购确认"
        if case.held:
            return TAKEN_OVER.reason
        if case.opted_out:
            return OPTED_OUT.reason
        if case.now - case.said_at > timedelta(minutes=settings.stale_minutes):
            return f"消息已超过 {settings.stale_minutes} 分钟，请人工确认"
        if said.intent == OUT_OF_SCOPE or said.intent not in settings.auto_intents:
            return "该意图不在自动回复名单内"
        if said.confidence < settings.auto_confidence:
            return f"把握 {said.confidence:.0%}，未到 {settings.auto_confidence:.0%}"
        return self._obstacle_in_words(case)

    def _obstacle_in_words(self, case: Case) -> str | None:
        if case.choice is None or not case.choice.get("auto"):
            return "没有允许自动发送的话术"
        if any(
            want.intent not in self._settings.auto_intents for want in case.understanding.wants
        ):
            return "客户同时问了需要人工回答的事"
        if self._words.find(case.understanding.text, Direction.INCOMING):
            return "客户消息含敏感词"
        if self._words.find(str(case.choice["text"]), Direction.OUTGOING):
            return "回复含敏感词"
        return None
