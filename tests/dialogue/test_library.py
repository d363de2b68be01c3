"""The library in the database: versions, what replicas see, and what scripts learn."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.clock import ManualClock
from bot.dialogue.library import Library
from bot.dialogue.outcomes import credit_last_script, recently_sent
from bot.store.database import Database
from bot.store.tables import (
    Burst,
    Conversation,
    Customer,
    ScriptUse,
    ScriptVersion,
    Suggestion,
)
from scripts_library import Script, ScriptStats, script_from_dict

WHO = "wmA"


def script(name: str, text: str = "您好", **more: Any) -> Script:
    body = {"id": name, "title": name, "intents": ["greet"], "parts": [{"text": text}]}
    return script_from_dict(body | more)


@pytest.fixture
def library(database: Database, clock: ManualClock) -> Library:
    return Library(database, clock)


async def texts(library: Library) -> dict[str, str]:
    return {one.id: one.as_dict()["parts"][0]["text"] for one in await library.index()}


async def versions(database: Database) -> list[tuple[str, int, bool]]:
    async with database.read() as session:
        rows = await session.scalars(
            select(ScriptVersion).order_by(ScriptVersion.script_id, ScriptVersion.version)
        )
        return [(row.script_id, row.version, row.active) for row in rows]


async def test_an_import_adds_changes_and_leaves(library: Library, database: Database) -> None:
    assert await library.is_empty()
    report = await library.import_scripts([script("a"), script("b")])
    assert report.added == ["a", "b"]
    report = await library.import_scripts([script("a"), script("b", "早上好"), script("c")])
    assert (report.unchanged, report.changed, report.added) == (["a"], ["b"], ["c"])
    assert not await library.is_empty()
    assert await texts(library) == {"a": "您好", "b": "早上好", "c": "您好"}
    assert await versions(database) == [
        ("a", 1, True),
        ("b", 1, False),
        ("b", 2, True),
        ("c", 1, True),
    ]


async def test_what_is_not_given_stays_unless_asked(library: Library) -> None:
    await library.import_scripts([script("a"), script("b")])
    await library.import_scripts([script("a")])
    assert set(await texts(library)) == {"a", "b"}
    report = await library.import_scripts([script("a")], retire_missing=True)
    assert report.retired == ["b"]
    assert set(await texts(library)) == {"a"}
    report = await library.import_scripts([script("b")])
    assert report.added == ["b"], "coming back is a new version"


async def test_an_import_is_all_or_nothing(library: Library) -> None:
    def broken() -> Any:
        yield script("a", "新")
        raise OSError("the file ended")

    await library.import_scripts([script("a", "旧")])
    with pytest.raises(OSError, match="ended"):
        await library.import_scripts(broken())
    assert await texts(library) == {"a": "旧"}


async def test_another_replica_sees_an_import_at_once(
    library: Library, database: Database, clock: ManualClock
) -> None:
    other = Library(database, clock)
    await library.import_scripts([script("a", "一")])
    assert await texts(other) == {"a": "一"}
    clock.turn(seconds=1)
    await library.import_scripts([script("a", "二")])
    assert await texts(other) == {"a": "二"}
    await library.import_scripts([], retire_missing=True)
    assert await texts(other) == {}


async def test_another_replica_sees_an_import_by_a_clock_that_lags(
    library: Library, database: Database, clock: ManualClock
) -> None:
    """The import ran on a machine whose clock is behind: no newer time, no other count."""
    await library.import_scripts([script("a", "一"), script("b", "一")])
    assert await texts(library) == {"a": "一", "b": "一"}
    lagging = Library(database, ManualClock(clock.now() - timedelta(minutes=5)))
    await lagging.import_scripts([script("a", "二")])
    assert await texts(library) == {"a": "二", "b": "一"}


async def test_an_unchanged_library_is_not_read_again(library: Library) -> None:
    await library.import_scripts([script("a")])
    assert await library.index() is await library.index()


async def test_two_imports_at_once_leave_one_active_version_each(
    library: Library, database: Database, clock: ManualClock
) -> None:
    async def bring(text: str) -> object:
        other = Library(database, clock)
        return await other.import_scripts([script("a", text), script("b", text)])

    await asyncio.gather(*(bring(f"第{number}版") for number in range(4)), return_exceptions=True)
    active = [name for name, _, live in await versions(database) if live]
    assert sorted(active) == ["a", "b"]
    assert len(set((await texts(library)).values())) == 1


async def add_use(database: Database, name: str, clock: ManualClock, **more: Any) -> None:
    now = clock.now()
    async with database.write() as session:
        if await session.get(Customer, WHO) is None:
            session.add(
                Customer(external_userid=WHO, stage="s", stage_since=now, first_seen_at=now)
            )
            await session.flush()
            session.add(Conversation(kind="kf", peer="wk", external_userid=WHO))
            await session.flush()
        burst = Burst(lane="c1", due_at=now, conversation_id=1, opened_at=now, last_sent_at=now)
        session.add(burst)
        await session.flush()
        suggestion = Suggestion(
            burst_id=burst.id,
            conversation_id=1,
            external_userid=WHO,
            text="",
            said_at=now,
            stage="s",
            understanding={},
            choices=[],
            created_at=now,
        )
        session.add(suggestion)
        await session.flush()
        given = {"outcome": "sent", "at": now, "external_userid": WHO} | more
        session.add(ScriptUse(script_id=name, suggestion_id=suggestion.id, **given))


async def credit(database: Database, clock: ManualClock, *, advanced: bool = False) -> None:
    async with database.write() as session:
        await credit_last_script(session, WHO, said_at=clock.now(), advanced=advanced)


async def test_the_script_sent_last_gets_the_credit(
    database: Database, clock: ManualClock
) -> None:
    await add_use(database, "a", clock)
    clock.turn(minutes=1)
    await add_use(database, "b", clock)
    clock.turn(minutes=1)
    await add_use(database, "rejected", clock, outcome="rejected")
    await credit(database, clock, advanced=True)
    stats = await Library(database, clock).stats()
    assert stats["a"] == ScriptStats(1, 0, 0, 0, 0)
    assert stats["b"] == ScriptStats(1, 1, 1, 0, 0)
    assert stats["rejected"] == ScriptStats(0, 0, 0, 0, 1)


@pytest.mark.parametrize(("hours", "replied"), [(47.9, True), (48.1, False)])
async def test_credit_lasts_two_days(
    ledger: Database, clock: ManualClock, hours: float, replied: bool
) -> None:
    await add_use(ledger, "a", clock)
    clock.turn(hours=hours)
    await credit(ledger, clock)
    assert (await Library(ledger, clock).stats())["a"].replied == int(replied)


async def test_words_from_before_the_script_give_no_credit(
    ledger: Database, clock: ManualClock
) -> None:
    said_at = clock.now()
    clock.turn(seconds=1)
    await add_use(ledger, "a", clock)
    async with ledger.write() as session:
        await credit_last_script(session, WHO, said_at=said_at, advanced=True)
    assert (await Library(ledger, clock).stats())["a"].replied == 0


async def test_credit_counts_once(ledger: Database, clock: ManualClock) -> None:
    await add_use(ledger, "a", clock, edited=True)
    for _ in range(3):
        await credit(ledger, clock)
    assert (await Library(ledger, clock).stats())["a"] == ScriptStats(1, 1, 0, 1, 0)


async def test_stats_are_at_most_half_a_minute_old(ledger: Database, clock: ManualClock) -> None:
    library = Library(ledger, clock)
    assert await library.stats() == {}
    await add_use(ledger, "a", clock)
    assert await library.stats() == {}
    clock.turn(seconds=31)
    assert set(await library.stats()) == {"a"}


async def test_recently_sent_remembers_the_latest_for_a_month(
    database: Database, clock: ManualClock
) -> None:
    await add_use(database, "old", clock)
    clock.turn(days=29)
    await add_use(database, "a", clock)
    clock.turn(days=1, seconds=1)
    await add_use(database, "a", clock)
    await add_use(database, "not sent", clock, outcome="rejected")
    await add_use(database, "somebody else's", clock, external_userid="wmB")
    async with database.read() as session:
        found = await recently_sent(session, WHO, now=clock.now())
    assert found == {"a": clock.now()}
