"""From a burst to exactly one suggestion, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from meanwhile import Meanwhile
from meanwhile import meanwhile as meanwhile
from sqlalchemy import select, update

from bot.clock import ManualClock
from bot.customers.funnel import load_funnel
from bot.customers.opt_outs import OptOutSource, opt_out
from bot.dialogue.bursts import BurstHandler
from bot.dialogue.conversations import Conversations
from bot.dialogue.library import Library
from bot.dialogue.messages import MessageBook
from bot.dialogue.policy import Policy
from bot.settings import Settings
from bot.store.claims import claim
from bot.store.database import Database
from bot.store.tables import (
    Burst,
    Conversation,
    Customer,
    Outbound,
    StageMove,
    Suggestion,
    SuggestionStatus,
    WorkState,
)
from bot.wecom.kf import read_message
from intents import OUT_OF_SCOPE, Ranked, Understanding
from scripts_library import ChoosingRules, script_from_dict
from scripts_library.sensitive import SensitiveWords

INTENTS = {"在吗": "greet", "多少钱": "ask_price", "转人工": "request_human"}
SCRIPTS = [
    {"id": "hi", "title": "招呼", "intents": ["greet"], "parts": [{"text": "在的"}], "auto": True},
    {"id": "price", "title": "价格", "intents": ["ask_price"], "parts": [{"text": "看款式"}]},
    {
        "id": "name",
        "title": "称呼",
        "intents": ["greet"],
        "parts": [{"text": "{nobody_knows}您好"}],
        "auto": True,
    },
]


class Listener:
    """An engine of whole sentences; `meanwhile` happens while it thinks."""

    name = "sentences"

    def __init__(self) -> None:
        self.meanwhile: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0)

    async def understand(self, text: str, *, now: datetime | None = None) -> Understanding:
        return await self.understand_burst([text], now=now)

    async def understand_burst(
        self, lines: Sequence[str], *, now: datetime | None = None
    ) -> Understanding:
        await self.meanwhile()
        intent = next((INTENTS[line] for line in lines if line in INTENTS), OUT_OF_SCOPE)
        confidence = 0.2 if intent == OUT_OF_SCOPE else 0.97
        ranked = (Ranked(intent, confidence),)
        return Understanding("\n".join(lines), intent, confidence, ranked, engine=self.name)


class Talk:
    """One conversation with everything between its bursts and its suggestions."""

    def __init__(self, database: Database, clock: ManualClock, **dialogue: Any) -> None:
        self.database, self.clock, self.engine = database, clock, Listener()
        settings = Settings.model_validate({"dialogue": dialogue})
        self.library = Library(database, clock)
        self.book = MessageBook(settings.dialogue, load_funnel(), clock)
        self.handler = BurstHandler(
            database,
            settings,
            clock,
            engine=self.engine,
            library=self.library,
            funnel=load_funnel(),
            policy=Policy(settings.dialogue, SensitiveWords.load()),
            rules=ChoosingRules(),
            variables={"shop_name": "暖屿"},
        )
        self._count = 0

    async def say(self, *lines: str, **more: Any) -> None:
        rows = []
        for line in lines:
            self._count += 1
            rows.append(
                {
                    "msgid": f"m{self._count}",
                    "external_userid": "wmA",
                    "send_time": int(self.clock.now().timestamp()),
                    "origin": 3,
                    "msgtype": "text",
                    "text": {"content": line},
                    **more,
                }
            )
        messages = [read_message(row, open_kfid="wk1") for row in rows]
        async with self.database.write() as session:
            await self.book.store(session, [one for one in messages if one])

    async def take(self, by: str = "h/1/a") -> Burst:
        self.clock.turn(seconds=4)
        async with self.database.write() as session:
            (burst,) = await claim(
                session,
                Burst,
                by=by,
                now=self.clock.now(),
                lease=timedelta(seconds=60),
                limit=1,
            )
            return burst

    async def hear(self, *lines: str, **more: Any) -> Suggestion:
        await self.say(*lines, **more)
        await self.handler.handle(await self.take())
        return (await self.all(Suggestion))[-1]

    async def all(self, table: Any) -> Sequence[Any]:
        async with self.database.read() as session:
            key = table.__table__.primary_key.columns.values()[0]
            return (await session.scalars(select(table).order_by(key))).all()


async def talking(database: Database, clock: ManualClock, **dialogue: Any) -> Talk:
    talk = Talk(database, clock, **dialogue)
    await talk.library.import_scripts([script_from_dict(one) for one in SCRIPTS])
    return talk


@pytest.fixture
async def talk(database: Database, clock: ManualClock) -> Talk:
    return await talking(database, clock)


@pytest.fixture
async def alone(ledger: Database, clock: ManualClock) -> Talk:
    """A shop that answers greetings by itself."""
    return await talking(ledger, clock, auto_send=True, auto_intents=["greet"])


async def test_a_burst_is_one_suggestion_with_all_its_lines(talk: Talk) -> None:
    suggestion = await talk.hear("在吗", "多少钱")
    assert suggestion.text == "在吗\n多少钱"
    assert suggestion.status == SuggestionStatus.PENDING
    assert suggestion.choices[0]["script_id"] == "hi"
    assert suggestion.choices[0]["reasons"]
    assert [burst.state for burst in await talk.all(Burst)] == [WorkState.DONE]
    assert await talk.all(Outbound) == []


async def test_a_script_with_an_unknown_variable_is_never_offered(talk: Talk) -> None:
    suggestion = await talk.hear("在吗")
    assert "name" not in {choice["script_id"] for choice in suggestion.choices}
    assert "nobody_knows" not in str(suggestion.choices)


async def test_the_stage_moves_with_the_words_and_says_why(talk: Talk) -> None:
    suggestion = await talk.hear("多少钱")
    assert suggestion.stage == "discover"
    moves = await talk.all(StageMove)
    assert [(move.to_stage, move.cause, move.detail) for move in moves] == [
        ("icebreak", "first_seen", ""),
        ("discover", "ask_price", "多少钱"),
    ]


async def test_handling_twice_makes_one_suggestion(talk: Talk) -> None:
    """A lease ran out, so two workers hold the same burst."""
    await talk.say("在吗")
    slow = await talk.take("h/1/slow")
    talk.clock.turn(seconds=61)
    quick = await talk.take("h/1/quick")
    await asyncio.gather(talk.handler.handle(slow), talk.handler.handle(quick))
    await talk.handler.handle(quick)
    assert len(await talk.all(Suggestion)) == 1


async def test_a_sale_meanwhile_is_not_undone_by_a_late_burst(talk: Talk) -> None:
    async def buys() -> None:
        async with talk.database.write() as session:
            await session.execute(update(Customer).values(stage="won"))

    talk.engine.meanwhile = buys
    await talk.hear("多少钱")
    assert [customer.stage for customer in await talk.all(Customer)] == ["won"]
    assert [move.to_stage for move in await talk.all(StageMove)] == ["icebreak"]


async def test_a_failure_half_way_leaves_no_trace(talk: Talk) -> None:
    async def breaks() -> None:
        raise RuntimeError("the engine broke")

    await talk.say("多少钱")
    talk.engine.meanwhile = breaks
    burst = await talk.take()
    with pytest.raises(RuntimeError):
        await talk.handler.handle(burst)
    assert await talk.all(Suggestion) == []
    talk.engine.meanwhile = lambda: asyncio.sleep(0)
    await talk.handler.handle(burst)
    assert len(await talk.all(Suggestion)) == 1


async def test_pictures_without_words_wait_for_a_guide(talk: Talk) -> None:
    suggestion = await talk.hear("", msgtype="image", image={"media_id": "m"})
    assert suggestion.understanding["intent"] == OUT_OF_SCOPE
    assert suggestion.text == "[图片]"


async def test_a_greeting_goes_by_itself_where_that_is_allowed(alone: Talk) -> None:
    suggestion = await alone.hear("在吗")
    assert (suggestion.status, suggestion.decided_by) == (SuggestionStatus.APPROVED, "policy")
    (send,) = await alone.all(Outbound)
    assert (send.text, send.suggestion_id) == ("在的", suggestion.id)


async def test_whoever_opts_out_while_we_think_is_not_answered_by_itself(alone: Talk) -> None:
    async def opts_out() -> None:
        async with alone.database.write() as session:
            await opt_out(session, "wmA", source=OptOutSource.GUIDE, now=alone.clock.now())

    await alone.hear("在吗")
    assert len(await alone.all(Outbound)) == 1
    alone.engine.meanwhile = opts_out
    suggestion = await alone.hear("在吗")
    assert (suggestion.status, suggestion.policy) == ("pending", "客户已退订，不自动回复")
    assert [one.state for one in await alone.all(Outbound)] == [WorkState.FAILED]


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_an_opt_out_between_look_and_promise_withdraws_the_reply(
    database: Database, clock: ManualClock, meanwhile: Meanwhile
) -> None:
    async def opts_out(replica: Database) -> None:
        async with replica.write() as session:
            await opt_out(session, "wmA", source=OptOutSource.API, now=clock.now())

    talk = await talking(database, clock, auto_send=True, auto_intents=["greet"])
    await talk.say("在吗")
    burst = await talk.take()
    meanwhile.after(database, "INSERT INTO suggestion", opts_out)
    await talk.handler.handle(burst)
    meanwhile.end()
    assert {one.state for one in await talk.all(Outbound)} <= {WorkState.FAILED}


async def test_whoever_wants_a_person_is_held_until_released(alone: Talk) -> None:
    assert (await alone.hear("转人工")).status == SuggestionStatus.PENDING
    (conversation,) = await alone.all(Conversation)
    assert conversation.held_because == "客户要求转人工"
    alone.clock.turn(minutes=1)
    assert (await alone.hear("在吗")).status == SuggestionStatus.PENDING
    assert await alone.all(Outbound) == []
    await Conversations(alone.database, alone.clock).release(conversation.id)
    alone.clock.turn(minutes=1)
    assert (await alone.hear("在吗")).status == SuggestionStatus.APPROVED


async def test_a_guide_who_takes_over_meanwhile_is_not_talked_over(alone: Talk) -> None:
    async def takes_over() -> None:
        await Conversations(alone.database, alone.clock).hold(1, because="我来")

    alone.engine.meanwhile = takes_over
    suggestion = await alone.hear("在吗")
    assert suggestion.status == SuggestionStatus.PENDING
    assert "人工" in suggestion.policy
    assert await alone.all(Outbound) == []


async def test_old_messages_are_never_answered_by_themselves(alone: Talk) -> None:
    await alone.say("在吗")
    alone.clock.turn(hours=5)
    await alone.handler.handle(await alone.take())
    (suggestion,) = await alone.all(Suggestion)
    assert suggestion.status == SuggestionStatus.PENDING


async def test_an_empty_burst_is_dropped(talk: Talk) -> None:
    await talk.hear("在吗")
    now = talk.clock.now()
    async with talk.database.write() as session:
        session.add(
            Burst(lane="c1", due_at=now, conversation_id=1, opened_at=now, last_sent_at=now)
        )
    await talk.handler.handle(await talk.take())
    assert len(await talk.all(Suggestion)) == 1
    assert {burst.state for burst in await talk.all(Burst)} == {WorkState.DONE}
