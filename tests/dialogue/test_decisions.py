"""One decision a suggestion, whoever comes, and only what WeCom would take."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from bot.clock import ManualClock
from bot.dialogue.conversations import Conversations
from bot.dialogue.decisions import Decisions
from bot.errors import AlreadyDecided, BotError, NotFound, Unprocessable
from bot.store.database import Database
from bot.store.tables import (
    Burst,
    Conversation,
    Customer,
    Message,
    Outbound,
    ScriptUse,
    Suggestion,
    SuggestionStatus,
    WorkState,
)

FIRST = {
    "script_id": "first",
    "version": 1,
    "title": "t",
    "text": "有货的",
    "parts": [{"text": "有货的"}, {"image": "size.png"}],
    "score": 1.0,
    "reasons": [],
    "auto": False,
}
SECOND = FIRST | {"script_id": "second", "text": "稍等", "parts": [{"text": "稍等"}]}


async def suggest(database: Database, clock: ManualClock, *choices: dict[str, Any]) -> int:
    now = clock.now()
    async with database.write() as session:
        if await session.get(Customer, "wmA") is None:
            session.add(
                Customer(external_userid="wmA", stage="s", stage_since=now, first_seen_at=now)
            )
            await session.flush()
            session.add(Conversation(kind="kf", peer="wk1", external_userid="wmA"))
            await session.flush()
        burst = Burst(lane="c1", due_at=now, conversation_id=1, opened_at=now, last_sent_at=now)
        session.add(burst)
        await session.flush()
        suggestion = Suggestion(
            burst_id=burst.id,
            conversation_id=1,
            external_userid="wmA",
            text="还有L码吗",
            said_at=now,
            stage="s",
            understanding={
                "intent": "ask_stock",
                "confidence": 0.9,
                "ranking": [],
                "entities": [],
            },
            choices=list(choices),
            created_at=now,
        )
        session.add(suggestion)
        await session.flush()
        return suggestion.id


@pytest.fixture
def decisions(database: Database, clock: ManualClock) -> Decisions:
    return Decisions(database, clock)


async def sends(database: Database) -> list[dict[str, Any]]:
    async with database.read() as session:
        rows = await session.scalars(select(Outbound).order_by(Outbound.id))
        return [row.payload["part"] for row in rows]


async def kept(database: Database, suggestion_id: int) -> Suggestion:
    async with database.read() as session:
        return await session.get_one(Suggestion, suggestion_id)


async def uses(database: Database) -> list[tuple[str, str, bool]]:
    async with database.read() as session:
        rows = await session.scalars(select(ScriptUse).order_by(ScriptUse.id))
        return [(row.script_id, row.outcome, row.edited) for row in rows]


async def test_the_first_choice_is_sent_part_by_part(
    decisions: Decisions, database: Database, clock: ManualClock
) -> None:
    one = await suggest(database, clock, FIRST, SECOND)
    outbound_id = await decisions.approve(one, by="guide")
    assert await sends(database) == FIRST["parts"]
    suggestion = await kept(database, one)
    assert (suggestion.status, suggestion.decided_by) == (SuggestionStatus.APPROVED, "guide")
    assert (suggestion.script_id, suggestion.sent_text) == ("first", "有货的")
    async with database.read() as session:
        row = await session.get_one(Outbound, outbound_id)
    assert (row.suggestion_id, row.lane, row.payload["touser"]) == (one, "c1", "wmA")
    assert await uses(database) == [("first", "sent", False)]


async def test_another_choice_and_an_edit(
    decisions: Decisions, database: Database, clock: ManualClock
) -> None:
    one = await suggest(database, clock, FIRST, SECOND)
    await decisions.approve(one, by="guide", script_id="second")
    two = await suggest(database, clock, FIRST, SECOND)
    await decisions.approve(two, by="guide", text="亲，有货的")
    assert await sends(database) == [
        {"text": "稍等"},
        {"text": "亲，有货的"},
        {"image": "size.png"},
    ]
    assert await uses(database) == [("second", "sent", False), ("first", "sent", True)]


async def test_the_same_words_typed_again_are_no_edit(
    decisions: Decisions, database: Database, clock: ManualClock
) -> None:
    one = await suggest(database, clock, SECOND)
    await decisions.approve(one, by="guide", text=" 稍等 ")
    assert await uses(database) == [("second", "sent", False)]


async def test_without_choices_only_a_text_can_be_sent(
    decisions: Decisions, database: Database, clock: ManualClock
) -> None:
    one = await suggest(database, clock)
    with pytest.raises(Unprocessable, match="没有可用的话术"):
        await decisions.approve(one, by="guide")
    await decisions.approve(one, by="guide", text="我看看")
    assert await sends(database) == [{"text": "我看看"}]
    assert (await kept(database, one)).script_id is None


REFUSED_TEXTS = {
    "empty": "",
    "blank": " \n\u3000",
    "too long": "好" * 683,
    "one byte too long": "a" * 2049,
    "NUL": "好\x00的",
    "half an emoji": "好\ud83d",
}


@pytest.mark.parametrize("text", REFUSED_TEXTS.values(), ids=REFUSED_TEXTS)
async def test_what_wecom_would_not_take_is_refused_and_nothing_decided(
    decisions: Decisions, database: Database, clock: ManualClock, text: str
) -> None:
    one = await suggest(database, clock, FIRST)
    with pytest.raises(Unprocessable):
        await decisions.approve(one, by="guide", text=text)
    assert (await kept(database, one)).status == SuggestionStatus.PENDING
    assert await sends(database) == []


@pytest.mark.parametrize("text", ["a" * 2048, "好" * 682, "好\n的\t!", "👨‍👩‍👧"])
async def test_what_fits_is_sent_as_it_is(ledger: Database, clock: ManualClock, text: str) -> None:
    one = await suggest(ledger, clock, FIRST)
    await Decisions(ledger, clock).approve(one, by="guide", text=text)
    assert (await sends(ledger))[0] == {"text": text}


async def test_a_choice_that_is_not_offered_is_refused(
    decisions: Decisions, database: Database, clock: ManualClock
) -> None:
    one = await suggest(database, clock, FIRST)
    with pytest.raises(Unprocessable) as caught:
        await decisions.approve(one, by="guide", script_id="another")
    assert caught.value.details["choices"] == ["first"]


@pytest.mark.parametrize("missing", [0, -1, 999])
async def test_an_unknown_suggestion(decisions: Decisions, missing: int) -> None:
    with pytest.raises(NotFound):
        await decisions.approve(missing, by="guide")
    with pytest.raises(NotFound):
        await decisions.reject(missing, by="guide", reason="")


async def test_a_rejection_sends_nothing_and_teaches(
    decisions: Decisions, database: Database, clock: ManualClock
) -> None:
    one = await suggest(database, clock, FIRST)
    await decisions.reject(one, by="guide", reason="答非所问")
    suggestion = await kept(database, one)
    assert (suggestion.status, suggestion.reason) == (SuggestionStatus.REJECTED, "答非所问")
    assert await sends(database) == []
    assert await uses(database) == [("first", "rejected", False)]
    with pytest.raises(AlreadyDecided, match="已驳回"):
        await decisions.approve(one, by="other")


async def test_twenty_decisions_at_once_are_one(database: Database, clock: ManualClock) -> None:
    """Two guides, two tabs, a card and a page, on several replicas."""
    one = await suggest(database, clock, SECOND)
    replicas = [Decisions(database, clock) for _ in range(4)]

    async def decide(number: int) -> str:
        chosen = replicas[number % 4]
        if number % 2:
            await chosen.approve(one, by=f"guide{number}")
        else:
            await chosen.reject(one, by=f"guide{number}", reason="不合适")
        return f"guide{number}"

    results = await asyncio.gather(*map(decide, range(20)), return_exceptions=True)
    winners = [result for result in results if isinstance(result, str)]
    losers = [result for result in results if not isinstance(result, str)]
    assert len(winners) == 1
    assert {type(loser) for loser in losers} == {AlreadyDecided}
    suggestion = await kept(database, one)
    assert suggestion.decided_by == winners[0]
    assert len(await sends(database)) == (suggestion.status == SuggestionStatus.APPROVED)
    for loser in losers:
        assert isinstance(loser, BotError)
        assert loser.details["decided_by"] == winners[0]


async def test_listeners_hear_only_of_what_was_committed(
    ledger: Database, clock: ManualClock
) -> None:
    changed, sent = list[int](), list[int]()
    decisions = Decisions(ledger, clock, on_change=changed.append, on_send=lambda: sent.append(1))
    one, two = await suggest(ledger, clock, FIRST), await suggest(ledger, clock, FIRST)
    await decisions.approve(one, by="g")
    with pytest.raises(AlreadyDecided):
        await decisions.approve(one, by="g")
    await decisions.reject(two, by="g", reason="")
    assert (changed, sent) == ([one, two], [1])


async def test_a_conversation_is_held_and_released(ledger: Database, clock: ManualClock) -> None:
    await suggest(ledger, clock)
    conversations = Conversations(ledger, clock)
    await conversations.hold(1, because="导购接手")
    first = clock.now()
    clock.turn(minutes=1)
    await conversations.hold(1, because="再次接手")
    async with ledger.read() as session:
        conversation = await session.get_one(Conversation, 1)
    assert (conversation.held_since, conversation.held_because) == (first, "再次接手")
    await conversations.release(1)
    async with ledger.read() as session:
        assert (await session.get_one(Conversation, 1)).held_since is None
    for action in (conversations.hold(9, because="x"), conversations.release(9)):
        with pytest.raises(NotFound):
            await action


async def test_lines_both_ways_in_order_with_their_fate(
    ledger: Database, clock: ManualClock
) -> None:
    one = await suggest(ledger, clock, SECOND)
    async with ledger.write() as session:
        session.add_all(
            Message(
                source="wk1",
                msgid=f"m{number}",
                conversation_id=1,
                burst_id=1 if kind == "text" else None,
                origin=3,
                msgtype=kind,
                text=f"line {number}",
                payload={},
                sent_at=clock.now(),
                received_at=clock.now(),
            )
            for number, kind in enumerate(["text", "event", "text"])
        )
    clock.turn(seconds=5)
    await Decisions(ledger, clock).approve(one, by="g")
    async with ledger.write() as session:
        row = await session.get_one(Outbound, 1)
        row.state, row.error = WorkState.FAILED, "会话已关闭"
    lines = await Conversations(ledger, clock).lines(1)
    assert [(line.text, line.from_customer) for line in lines] == [
        ("line 0", True),
        ("line 2", True),
        ("稍等", False),
    ]
    assert (lines[-1].state, lines[-1].problem) == ("failed", "会话已关闭")
    assert len(await Conversations(ledger, clock).lines(1, limit=2)) == 2


async def test_only_failed_sends_are_resent(ledger: Database, clock: ManualClock) -> None:
    one = await suggest(ledger, clock, SECOND)
    outbound_id = await Decisions(ledger, clock).approve(one, by="g")
    conversations = Conversations(ledger, clock)
    with pytest.raises(NotFound):
        await conversations.resend(outbound_id)
    async with ledger.write() as session:
        (await session.get_one(Outbound, outbound_id)).state = WorkState.DEAD
    await conversations.resend(outbound_id)
    async with ledger.read() as session:
        assert (await session.get_one(Outbound, outbound_id)).state == WorkState.READY
