from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from bot.clock import ManualClock
from bot.dialogue.teaching import Doubt, ReviewStatus, Teaching, note_doubt
from bot.errors import Conflict, NotFound, Unprocessable
from bot.store.database import Database
from bot.store.nlu_tables import NluReview
from bot.store.tables import Burst, Conversation, Customer, Suggestion, WorkState
from intents import load_taxonomy, load_training_data

NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)


@pytest.fixture
def teaching(database: Database) -> Teaching:
    return Teaching(database, ManualClock(NOW), load_taxonomy())


async def suggestion_of(database: Database, text: str, guess: str = "ask_stock") -> Suggestion:
    async with database.write() as session:
        customer = Customer(
            external_userid=f"wm{abs(hash(text))}",
            stage="icebreak",
            stage_since=NOW,
            first_seen_at=NOW,
        )
        session.add(customer)
        await session.flush()
        conversation = Conversation(
            kind="kf", peer="wk1", external_userid=customer.external_userid
        )
        session.add(conversation)
        await session.flush()
        burst = Burst(
            lane="c1",
            state=WorkState.DONE,
            due_at=NOW,
            conversation_id=conversation.id,
            opened_at=NOW,
            last_sent_at=NOW,
        )
        session.add(burst)
        await session.flush()
        suggestion = Suggestion(
            burst_id=burst.id,
            conversation_id=conversation.id,
            external_userid=customer.external_userid,
            text=text,
            said_at=NOW,
            stage="icebreak",
            understanding={"intent": guess, "confidence": 0.4},
            choices=[],
            created_at=NOW,
        )
        session.add(suggestion)
    return suggestion


async def doubt(database: Database, suggestion: Suggestion, because: Doubt, **more: str) -> None:
    async with database.write() as session:
        await note_doubt(session, suggestion, because=because, now=NOW, **more)


async def test_an_accepted_doubt_becomes_an_example(
    database: Database, teaching: Teaching
) -> None:
    await doubt(database, await suggestion_of(database, "大白兔还有么"), Doubt.UNSURE)
    (row,) = await teaching.queue()
    example = await teaching.accept(row.id, "ask_stock", by="admin")
    assert (example.text, example.intent, example.added_by) == (
        "大白兔还有么",
        "ask_stock",
        "admin",
    )
    assert await teaching.queue() == []
    with pytest.raises(Conflict):
        await teaching.accept(row.id, "ask_stock", by="admin")


async def test_a_correction_outweighs_a_doubt_about_the_same_words(
    database: Database, teaching: Teaching
) -> None:
    suggestion = await suggestion_of(database, "那个兔子咋卖")
    await doubt(database, suggestion, Doubt.UNSURE)
    await doubt(database, suggestion, Doubt.CORRECTED, proposed="ask_price")
    (row,) = await teaching.queue()
    assert (row.because, row.proposed) == (Doubt.CORRECTED, "ask_price")


async def test_a_refused_intent_leaves_the_doubt_open(
    database: Database, teaching: Teaching
) -> None:
    await doubt(database, await suggestion_of(database, "兔兔到了没"), Doubt.UNSURE)
    (row,) = await teaching.queue()
    with pytest.raises(Unprocessable, match="没有意图 ask_rabbit"):
        await teaching.accept(row.id, "ask_rabbit", by="admin")
    assert [one.id for one in await teaching.queue()] == [row.id]


async def test_dismissed_doubts_do_not_come_back(database: Database, teaching: Teaching) -> None:
    suggestion = await suggestion_of(database, "今天天气真好")
    await doubt(database, suggestion, Doubt.UNSURE)
    (row,) = await teaching.queue()
    await teaching.dismiss(row.id, by="admin")
    await doubt(database, suggestion, Doubt.CORRECTED, proposed="greet")
    assert await teaching.queue() == []
    async with database.read() as session:
        kept = await session.get_one(NluReview, row.id)
    assert (kept.status, kept.decided_by) == (ReviewStatus.DISMISSED, "admin")


async def test_the_same_words_are_one_example_and_one_intent(teaching: Teaching) -> None:
    first = await teaching.add("大白兔还有么", "ask_stock", by="cli")
    again = await teaching.add("大白兔 还有么？", "ask_stock", by="cli")
    assert again.id == first.id
    with pytest.raises(Conflict, match="已经教成 ask_stock"):
        await teaching.add("大白兔还有么", "ask_price", by="cli")


async def test_shipped_words_cannot_be_taught_otherwise(teaching: Teaching) -> None:
    shipped = load_training_data().examples[0]
    other = next(name for name in load_taxonomy().names if name != shipped.intent)
    with pytest.raises(Conflict, match=f"已属于 {shipped.intent}"):
        await teaching.add(shipped.text, other, by="cli")


@pytest.mark.parametrize("text", ["", "  ", "？？！", "[捂脸]", "长" * 201])
async def test_unusable_texts_are_refused(teaching: Teaching, text: str) -> None:
    with pytest.raises(Unprocessable):
        await teaching.add(text, "ask_stock", by="cli")


async def test_exported_examples_are_training_data(teaching: Teaching, tmp_path: Path) -> None:
    await teaching.add("大白兔还有么", "ask_stock", by="cli")
    await teaching.add("雪饼 - 到货：没", "ask_stock", by="cli")
    await teaching.add("兔子多少钱一斤呢", "ask_price", by="cli")
    path = tmp_path / "shop" / "taught.yml"
    assert await teaching.export(path) == 3
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["version"] == "3.1"
    counts = load_training_data([path]).counts()
    assert counts == {"ask_stock": 2, "ask_price": 1}


async def test_removing_what_is_not_there_says_so(teaching: Teaching) -> None:
    example = await teaching.add("大白兔还有么", "ask_stock", by="cli")
    await teaching.remove(example.id)
    with pytest.raises(NotFound):
        await teaching.remove(example.id)
    assert await teaching.examples() == []
