from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.clock import ManualClock
from bot.delivery.dead_letters import DeadLetters
from bot.errors import NotFound
from bot.store.claims import claim
from bot.store.database import Database
from bot.store.tables import InboxEvent, WorkState

NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)


@pytest.fixture
def letters(database: Database) -> DeadLetters:
    return DeadLetters(database, ManualClock(NOW))


async def event_in(database: Database, state: WorkState) -> int:
    row = InboxEvent(
        lane="sys",
        state=state,
        due_at=NOW - timedelta(hours=1),
        attempts=12,
        error="没有收到企业微信的回应",
        dedupe_key=state,
        event="change_external_contact",
        fields={},
        received_at=NOW,
    )
    async with database.write() as session:
        session.add(row)
    return row.id


async def test_only_unfinished_work_is_listed(database: Database, letters: DeadLetters) -> None:
    dead = await event_in(database, WorkState.DEAD)
    for state in (WorkState.READY, WorkState.DONE):
        await event_in(database, state)
    (letter,) = await letters.list()
    assert (letter.kind, letter.id, letter.state) == ("inbox_event", dead, "dead")
    assert letter.about == "change_external_contact"
    assert letter.error == "没有收到企业微信的回应"


async def test_a_retried_row_is_claimed_again(database: Database, letters: DeadLetters) -> None:
    dead = await event_in(database, WorkState.DEAD)
    await letters.retry("inbox_event", dead)
    async with database.write() as session:
        (row,) = await claim(
            session, InboxEvent, by="a/1/b", now=NOW, lease=timedelta(minutes=1), limit=5
        )
    assert (row.id, row.attempts, row.error) == (dead, 1, None)
    assert await letters.list() == []


@pytest.mark.parametrize("kind", ["inbox_event", "outbound", "letters_to_santa"])
async def test_what_is_not_there_is_not_found(letters: DeadLetters, kind: str) -> None:
    with pytest.raises(NotFound):
        await letters.retry(kind, 4711)


async def test_finished_work_cannot_be_retried(database: Database, letters: DeadLetters) -> None:
    with pytest.raises(NotFound):
        await letters.retry("inbox_event", await event_in(database, WorkState.DONE))
