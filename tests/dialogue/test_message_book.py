"""Messages become bursts: what belongs together, what does not, and what events change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from meanwhile import Meanwhile
from meanwhile import meanwhile as meanwhile
from sqlalchemy import event, select, update

from bot.clock import ManualClock
from bot.customers.funnel import load_funnel
from bot.delivery.outbox import enqueue
from bot.dialogue.messages import MessageBook
from bot.settings import DialogueSettings
from bot.store.claims import claim
from bot.store.database import Database
from bot.store.tables import (
    Burst,
    Conversation,
    Message,
    Outbound,
    StageMove,
    Suggestion,
    SuggestionStatus,
    WorkState,
)
from bot.wecom.kf import read_message

WHO, OTHER, DESK = "wmA", "wmB", "wk1"


class Book:
    """A message book with a shop's clock; `say` is a page with one line."""

    def __init__(self, database: Database, clock: ManualClock, **settings: Any) -> None:
        given = {"burst_seconds": 3.0, "burst_max_seconds": 20.0} | settings
        self.database, self.clock = database, clock
        self.book = MessageBook(DialogueSettings.model_validate(given), load_funnel(), clock)
        self._count = 0

    def row(self, text: str = "", *, ago: float = 0, **more: Any) -> dict[str, Any]:
        self._count += 1
        return {
            "msgid": f"m{self._count}",
            "open_kfid": DESK,
            "external_userid": WHO,
            "send_time": int(self.clock.now().timestamp() - ago),
            "origin": 3,
            "msgtype": "text",
            "text": {"content": text},
            **more,
        }

    def event(self, kind: str, **fields: Any) -> dict[str, Any]:
        event = {"event_type": kind, "open_kfid": DESK, "external_userid": WHO, **fields}
        plain = self.row(msgtype="event", event=event, origin=4)
        del plain["external_userid"], plain["open_kfid"]
        return plain

    async def store(self, *rows: dict[str, Any]) -> None:
        messages = [read_message(row, open_kfid=DESK) for row in rows]
        async with self.database.write() as session:
            await self.book.store(session, [message for message in messages if message])

    async def say(self, text: str, **more: Any) -> None:
        await self.store(self.row(text, **more))

    async def bursts(self) -> list[list[str]]:
        async with self.database.read() as session:
            rows = await session.execute(
                select(Message.burst_id, Message.text)
                .where(Message.burst_id.is_not(None))
                .order_by(Message.burst_id, Message.id)
            )
            found: dict[int, list[str]] = {}
            for burst_id, text in rows:
                found.setdefault(burst_id, []).append(text)
            return list(found.values())

    async def burst_rows(self) -> Sequence[Burst]:
        async with self.database.read() as session:
            return (await session.scalars(select(Burst).order_by(Burst.id))).all()

    async def conversation(self) -> Conversation:
        async with self.database.read() as session:
            found = await session.scalars(
                select(Conversation).where(Conversation.external_userid == WHO)
            )
            return found.one()


@pytest.fixture
def book(database: Database, clock: ManualClock) -> Book:
    return Book(database, clock)


@pytest.fixture
def small(ledger: Database, clock: ManualClock) -> Book:
    return Book(ledger, clock)


async def test_lines_within_the_gap_are_one_burst(book: Book) -> None:
    await book.say("这件")
    book.clock.turn(seconds=2)
    await book.say("还有L码吗")
    book.clock.turn(seconds=3)
    await book.say("急")
    assert await book.bursts() == [["这件", "还有L码吗", "急"]]


async def test_lines_further_apart_are_two(book: Book) -> None:
    await book.say("这件还有L码吗")
    book.clock.turn(seconds=4)
    await book.say("那黑色呢")
    assert await book.bursts() == [["这件还有L码吗"], ["那黑色呢"]]


async def test_a_page_is_split_by_its_own_times_not_by_its_arrival(book: Book) -> None:
    await book.store(
        book.row("一", ago=60), book.row("二", ago=58), book.row("三", ago=20), book.row("四")
    )
    assert await book.bursts() == [["一", "二"], ["三"], ["四"]]


async def test_customers_and_accounts_do_not_share_bursts(book: Book) -> None:
    await book.store(
        book.row("A"),
        book.row("B", external_userid=OTHER),
        book.row("A at another desk", open_kfid="wk2"),
    )
    assert sorted(await book.bursts()) == [["A"], ["A at another desk"], ["B"]]


async def test_a_burst_waits_for_the_gap_but_never_beyond_the_cap(small: Book) -> None:
    start = small.clock.now()
    due = []
    for _ in range(12):
        await small.say("还有")
        (burst,) = await small.burst_rows()
        due.append((burst.due_at - start).total_seconds())
        small.clock.turn(seconds=2)
    assert due[:3] == [3, 5, 7]
    assert max(due) == 20


async def test_copies_of_a_message_change_nothing(book: Book) -> None:
    row = book.row("在吗")
    await book.store(row, row)
    before = await book.burst_rows()
    book.clock.turn(seconds=1)
    await book.store(row)
    assert await book.bursts() == [["在吗"]]
    assert [burst.due_at for burst in await book.burst_rows()] == [before[0].due_at]


async def test_the_same_msgid_at_another_account_is_another_message(book: Book) -> None:
    await book.store(book.row("一", msgid="same"), book.row("二", msgid="same", open_kfid="wk2"))
    assert len(await book.bursts()) == 2


async def test_a_burst_being_worked_on_takes_no_more_lines(book: Book) -> None:
    await book.say("一")
    book.clock.turn(seconds=3)
    async with book.database.write() as session:
        await claim(
            session,
            Burst,
            by="h/1/a",
            now=book.clock.now(),
            lease=timedelta(seconds=60),
            limit=1,
        )
    await book.say("二")
    assert await book.bursts() == [["一"], ["二"]]
    first, second = await book.burst_rows()
    assert first.lane == second.lane, "and the second is handled after the first"


async def test_without_a_gap_every_line_stands_alone(ledger: Database, clock: ManualClock) -> None:
    book = Book(ledger, clock, burst_seconds=0)
    await book.store(book.row("一"), book.row("二"))
    assert await book.bursts() == [["一"], ["二"]]
    assert all(burst.due_at == clock.now() for burst in await book.burst_rows())


async def test_pages_out_of_order_keep_the_window_open(small: Book) -> None:
    await small.say("new")
    latest = (await small.conversation()).last_inbound_at
    await small.say("late arrival of an old line", ago=3600)
    assert (await small.conversation()).last_inbound_at == latest
    assert len(await small.bursts()) == 2


async def test_pictures_join_the_burst_of_their_words(small: Book) -> None:
    await small.store(small.row("这个"), small.row(msgtype="image", image={"media_id": "m"}))
    assert await small.bursts() == [["这个", "[图片]"]]


async def test_a_customer_is_met_once_with_a_first_row_of_history(book: Book) -> None:
    await book.say("在吗")
    await book.say("在吗")
    async with book.database.read() as session:
        moves = (await session.scalars(select(StageMove))).all()
    assert [(move.external_userid, move.to_stage, move.cause) for move in moves] == [
        (WHO, "icebreak", "first_seen")
    ]


async def test_system_and_guide_messages_open_no_burst(small: Book) -> None:
    await small.store(
        small.row("guide speaks", origin=5),
        small.event("enter_session", scene="s"),
        small.event("user_recall_msg", recall_msgid="m0"),
    )
    assert await small.bursts() == []
    async with small.database.read() as session:
        assert len((await session.scalars(select(Message))).all()) == 3


async def add_suggestion(book: Book) -> None:
    async with book.database.write() as session:
        burst = (await session.scalars(select(Burst))).one()
        session.add(
            Suggestion(
                burst_id=burst.id,
                conversation_id=burst.conversation_id,
                external_userid=WHO,
                status=SuggestionStatus.PENDING,
                text="x",
                said_at=book.clock.now(),
                stage="icebreak",
                understanding={},
                choices=[],
                created_at=book.clock.now(),
            )
        )


async def test_a_guides_answer_in_wecom_supersedes_what_waits(small: Book) -> None:
    await small.say("在吗")
    await add_suggestion(small)
    await small.store(small.row("在的", origin=5))
    async with small.database.read() as session:
        suggestion = (await session.scalars(select(Suggestion))).one()
    assert suggestion.status == SuggestionStatus.SUPERSEDED
    assert suggestion.decided_by == "wecom"


@pytest.mark.parametrize("change", [1, 2, 4, "1"])
async def test_a_guide_picking_up_holds_the_conversation(small: Book, change: object) -> None:
    await small.say("在吗")
    await small.store(small.event("session_status_change", change_type=change))
    conversation = await small.conversation()
    assert conversation.held_since == small.clock.now()
    assert "机器人不能发送" in (conversation.session_note or "")
    await small.store(small.event("session_status_change", change_type=3))
    conversation = await small.conversation()
    assert conversation.held_since is None
    assert "已结束" in (conversation.session_note or "")


async def test_the_end_of_a_session_lifts_no_other_hold(small: Book) -> None:
    await small.say("在吗")
    async with small.database.write() as session:
        conversation = await session.get_one(Conversation, 1)
        conversation.held_since = small.clock.now()
        conversation.held_because = "客户要求转人工"
    await small.store(small.event("session_status_change", change_type=1))
    await small.store(small.event("session_status_change", change_type=3))
    conversation = await small.conversation()
    assert conversation.held_because == "客户要求转人工"
    assert conversation.held_since is not None


async def test_a_failed_delivery_marks_the_send(book: Book) -> None:
    await book.say("在吗")
    async with book.database.write() as session:
        conversation = await session.get_one(Conversation, 1)
        (send,) = await enqueue(session, conversation, [{"text": "在的"}], now=book.clock.now())
    await book.store(book.event("msg_send_fail", fail_msgid=send.msgid, fail_type=10))
    async with book.database.read() as session:
        row = await session.get_one(Outbound, send.id)
    assert row.state == WorkState.FAILED
    assert "拒收" in (row.error or "")


async def test_many_rows_of_many_customers_are_one_page(book: Book) -> None:
    rows = [book.row(f"{number}", external_userid=f"wm{number % 90}") for number in range(300)]
    await book.store(*rows)
    assert sum(len(lines) for lines in await book.bursts()) == 300
    assert len(await book.burst_rows()) == 90


async def test_a_full_page_costs_no_more_statements_than_a_message(book: Book) -> None:
    statements: list[str] = []
    engine = book.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    await book.say("第一句")
    one, number = len(statements), 100
    await book.store(*(book.row("在吗", external_userid=f"wm{i}") for i in range(number)))
    assert len(statements) - one <= one + 1
    bursts = await book.burst_rows()
    assert len({burst.conversation_id for burst in bursts}) == number + 1


async def test_two_bursts_of_one_person_in_one_page_are_two(book: Book) -> None:
    await book.store(
        book.row("早上说的", ago=3600),
        book.row("别人", external_userid=OTHER),
        book.row("刚才说的"),
        book.row("又一句"),
    )
    assert await book.bursts() == [["早上说的"], ["别人"], ["刚才说的", "又一句"]]


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_who_asks_for_a_person_as_a_session_ends_is_held_all_the_same(
    database: Database, clock: ManualClock, meanwhile: Meanwhile
) -> None:
    book = Book(database, clock)
    await book.say("在吗")
    await book.store(book.event("session_status_change", change_type=1))
    wanted = update(Conversation).values(held_because="客户要求转人工")
    meanwhile.after(database, "FROM conversation", wanted)
    await book.store(book.event("session_status_change", change_type=3))
    async with database.read() as session:
        [talk] = await session.scalars(select(Conversation))
    assert (talk.held_since, talk.held_because) == (clock.now(), "客户要求转人工")
