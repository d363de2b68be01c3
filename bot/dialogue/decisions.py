"""Deciding a suggestion: the first decision wins, the others are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.delivery.kf_parts import MAX_TEXT_BYTES
from bot.delivery.outbox import enqueue
from bot.dialogue.teaching import Doubt, note_doubt
from bot.errors import AlreadyDecided, NotFound, Unprocessable
from bot.store.database import Database
from bot.store.tables import Conversation, ScriptUse, Suggestion, SuggestionStatus
from bot.wecom.storable import storable

_STATUS_WORDS = {
    SuggestionStatus.APPROVED: "已发送",
    SuggestionStatus.REJECTED: "已驳回",
    SuggestionStatus.SUPERSEDED: "已由他人回复",
}


class Decisions:
    """Approves and rejects. `on_change` is told the suggestion's id after each commit."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        on_change: Callable[[int], None] = lambda suggestion_id: None,
        on_send: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._on_change = on_change
        self._on_send = on_send

    async def approve(
        self,
        suggestion_id: int,
        *,
        by: str,
        script_id: str | None = None,
        text: str | None = None,
    ) -> int:
        """Send a choice (the first unless `script_id`), or `text` in its place.

        Returns the id of the (first) outbound. Raises `NotFound`, `AlreadyDecided` and, for a
        text that WeCom would not take, `Unprocessable`.
        """
        async with self._database.write() as session:
            suggestion = await _waiting(session, suggestion_id)
            choice = _chosen(suggestion, script_id, text)
            parts = _parts(choice, text)
            now = self._clock.now()
            outbound_id = await send_decided(
                session, suggestion, choice, parts, by=by, edited=text, now=now
            )
            if meant := _meant(suggestion, choice):
                await note_doubt(
                    session, suggestion, because=Doubt.CORRECTED, proposed=meant, now=now
                )
        self._on_change(suggestion_id)
        self._on_send()
        return outbound_id

    async def reject(
        self, suggestion_id: int, *, by: str, reason: str, intent: str | None = None
    ) -> None:
        """Decide that none of the choices is sent; raises like `approve`.

        `intent` is what the customer really wanted, when the guide knows better.
        """
        now = self._clock.now()
        async with self._database.write() as session:
            suggestion = await _waiting(session, suggestion_id)
            await _decide(
                session, suggestion, SuggestionStatus.REJECTED, by=by, now=now, reason=reason
            )
            if suggestion.choices:
                session.add(_use(suggestion, suggestion.choices[0]["script_id"], "rejected", now))
            if intent is not None and intent != suggestion.understanding["intent"]:
                await note_doubt(
                    session, suggestion, because=Doubt.CORRECTED, proposed=intent, now=now
                )
        self._on_change(suggestion_id)


async def send_decided(
    session: AsyncSession,
    suggestion: Suggestion,
    choice: Mapping[str, Any] | None,
    parts: list[dict[str, Any]],
    *,
    by: str,
    now: datetime,
    edited: str | None = None,
) -> int:
    """Mark a pending suggestion approved and promise its sends, in the caller's transaction."""
    sent_text = "\n".join(str(part["text"]) for part in parts if "text" in part)
    await _decide(
        session,
        suggestion,
        SuggestionStatus.APPROVED,
        by=by,
        now=now,
        script_id=choice["script_id"] if choice else None,
        sent_text=sent_text or (choice["text"] if choice else ""),
    )
    conversation = await session.get_one(Conversation, suggestion.conversation_id)
    sends = await enqueue(session, conversation, parts, now=now, suggestion_id=suggestion.id)
    if choice:
        use = _use(suggestion, choice["script_id"], "sent", now)
        use.edited = edited is not None and edited.strip() != choice["text"].strip()
        session.add(use)
    return sends[0].id


async def _waiting(session: AsyncSession, suggestion_id: int) -> Suggestion:
    suggestion = await session.get(Suggestion, suggestion_id)
    if suggestion is None:
        raise NotFound(f"没有编号为 {suggestion_id} 的建议")
    if suggestion.status != SuggestionStatus.PENDING:
        raise _already(suggestion)
    return suggestion


def _already(suggestion: Suggestion) -> AlreadyDecided:
    word = _STATUS_WORDS.get(SuggestionStatus(suggestion.status), suggestion.status)
    return AlreadyDecided(
        f"这条建议{word}，不能重复处理",
        status=suggestion.status,
        decided_by=suggestion.decided_by,
    )


async def _decide(
    session: AsyncSession,
    suggestion: Suggestion,
    status: SuggestionStatus,
    *,
    by: str,
    now: datetime,
    **values: Any,
) -> None:
    result = await session.execute(
        update(Suggestion)
        .where(Suggestion.id == suggestion.id, Suggestion.status == SuggestionStatus.PENDING)
        .values(status=status, decided_at=now, decided_by=by, **values)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", result).rowcount != 1:
        await session.refresh(suggestion)
        raise _already(suggestion)


def _chosen(
    suggestion: Suggestion, script_id: str | None, text: str | None
) -> Mapping[str, Any] | None:
    choices: list[dict[str, Any]] = suggestion.choices
    if script_id is not None:
        for choice in choices:
            if choice["script_id"] == script_id:
                return choice
        raise Unprocessable(
            f"这条建议里没有话术 {script_id}",
            choices=[choice["script_id"] for choice in choices],
        )
    if choices:
        return choices[0]
    if text is None:
        raise Unprocessable("没有可用的话术，请填写要发送的文字（text）")
    return None


def _meant(suggestion: Suggestion, choice: Mapping[str, Any] | None) -> str | None:
    """The intent that a guide's choice speaks for, when it is not the one understood."""
    intent = choice.get("intent") if choice else None
    return intent if intent and intent != suggestion.understanding["intent"] else None


def _parts(choice: Mapping[str, Any] | None, text: str | None) -> list[dict[str, Any]]:
    if text is None:
        return list(choice["parts"]) if choice else []
    edited = _sendable(text)
    others = [part for part in (choice["parts"] if choice else []) if "text" not in part]
    return [{"text": edited}, *others]


def _sendable(text: str) -> str:
    if not text.strip():
        raise Unprocessable("要发送的文字不能为空")
    if storable(text) != text:
        raise Unprocessable("文字里有不可见的控制字符或不完整的表情，请删除后再发")
    size = len(text.encode())
    if size > MAX_TEXT_BYTES:
        raise Unprocessable(
            f"文字太长：{size} 字节，企业微信最多 {MAX_TEXT_BYTES} 字节（约 680 个汉字）"
        )
    return text


def _use(suggestion: Suggestion, script_id: str, outcome: str, now: datetime) -> ScriptUse:
    return ScriptUse(
        script_id=script_id,
        suggestion_id=suggestion.id,
        external_userid=suggestion.external_userid,
        outcome=outcome,
        at=now,
    )
