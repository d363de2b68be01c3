"""What was said long ago goes; what came of it stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from meanwhile import Meanwhile
from meanwhile import meanwhile as meanwhile
from sqlalchemy import func, select, update

from bot.clock import ManualClock
from bot.dialogue.forgetting import MessageForgetter
from bot.store.contact_tables import PortraitFact
from bot.store.database import Database
from bot.store.nlu_tables import NluReview
from bot.store.tables import (
    Burst,
    Conversation,
    Customer,
    Message,
    Outbound,
    ScriptUse,
    Suggestion,
    WorkState,
)

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
UNDERSTOOD = {
    "intent": "ask_price",
    "confidence": 0.9,
    "ranking": [],
    "entities": [{"value": "L"}],
}


async def talk(database: Database, number: int, *, days: float, status: str = "approved") -> None:
    """One question, its suggestion and the reply, so many days ago."""
    at = NOW - timedelta(days=days)
    work: dict[str, Any] = {"lane": f"c{number}", "state": WorkState.DONE, "due_at": at}
    async with database.write() as session:
        who = f"wm{number}"
        session.add(
            Customer(
                external_userid=who, stage="icebreak", stage_since=at, tags=[], first_seen_at=at
            )
        )
        await session.flush()
        chat = Conversation(kind="kf", peer="wk1", external_userid=who)
        session.add(chat)
        await session.flush()
        burst = Burst(conversation_id=chat.id, opened_at=at, last_sent_at=at, **work)
        session.add(burst)
        await session.flush()
        session.add(
            Message(
                source="wk1", msgid=f"m{number}", conversation_id=chat.id, burst_id=burst.id,
                origin=3, msgtype="text", text="多少钱", payload={}, sent_at=at, received_at=at,
            )
        )  # fmt: skip
        suggestion = Suggestion(
            burst_id=burst.id, conversation_id=chat.id, external_userid=who, status=status,
            text="多少钱", said_at=at, stage="icebreak", understanding=UNDERSTOOD,
            choices=[{"script_id": "price", "text": "小林，99 元"}], created_at=at,
            sent_text="小林，99 元" if status == "approved" else None,
        )  # fmt: skip
        session.add(suggestion)
        await session.flush()
        session.add(
            Outbound(
                msgid=f"o{number}", suggestion_id=suggestion.id, conversation_id=chat.id,
                payload={}, text="小林，99 元", created_at=at, **work,
            )
        )  # fmt: skip
        session.add(
            PortraitFact(
                external_userid=who, field="size", value="L", confidence=0.9, state="guessed",
                quote="我穿L码", first_at=at, last_at=at,
            )
        )  # fmt: skip
        session.add(
            NluReview(
                suggestion_id=suggestion.id, text="多少钱", guess="ask_price", confidence=0.4,
                because="unsure", status="open", created_at=at,
            )
        )  # fmt: skip
        session.add(
            ScriptUse(
                script_id="price", suggestion_id=suggestion.id, external_userid=who,
                outcome="sent", at=at,
            )
        )  # fmt: skip


async def test_old_words_go_and_figures_stay(database: Database) -> None:
    await talk(database, 1, days=91)
    await talk(database, 2, days=91, status="pending")
    await talk(database, 3, days=89)
    forgetter = MessageForgetter(database, ManualClock(NOW), days=90)
    assert await forgetter.tick() == 9
    assert await forgetter.tick() == 0
    async with database.read() as session:
        assert (await session.scalars(select(Message.msgid))).all() == ["m3"]
        assert (await session.scalars(select(Outbound.msgid))).all() == ["o3"]
        old, waiting, fresh = await session.scalars(select(Suggestion).order_by(Suggestion.id))
        assert await session.scalar(select(func.count()).select_from(ScriptUse)) == 3
        assert await session.scalar(select(func.count()).select_from(NluReview)) == 1
        facts = await session.execute(select(PortraitFact.value, PortraitFact.quote))
        assert sorted(facts.all()) == [("L", ""), ("L", ""), ("L", "我穿L码")]
    assert (old.text, old.sent_text, old.choices) == ("", None, [])
    assert (old.status, old.understanding["intent"]) == ("approved", "ask_price")
    assert old.understanding["entities"] == []
    assert waiting.text == fresh.text == "多少钱"


async def test_the_newest_row_stays_so_that_its_number_is_not_given_again(
    ledger: Database,
) -> None:
    for number in (1, 2):
        await talk(ledger, number, days=400)
    await MessageForgetter(ledger, ManualClock(NOW), days=90).tick()
    async with ledger.read() as session:
        assert (await session.scalars(select(Message.msgid))).all() == ["m2"]


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_an_old_reply_that_somebody_sends_again_is_not_deleted_with_the_old(
    database: Database, meanwhile: Meanwhile
) -> None:
    for number in (1, 2):
        await talk(database, number, days=200)
    again = update(Outbound).where(Outbound.id == 1).values(state=WorkState.READY)
    meanwhile.after(database, "FROM outbound", again)
    await MessageForgetter(database, ManualClock(NOW), days=180).tick()
    async with database.read() as session:
        kept = list(await session.scalars(select(Outbound.state).order_by(Outbound.id)))
    assert kept == [WorkState.READY, WorkState.DONE]
