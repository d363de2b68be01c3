"""The funnel: guarded moves, and no way back for who has bought."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from bot.clock import ManualClock
from bot.customers.funnel import SHIPPED, load_funnel
from bot.customers.profiles import meet
from bot.customers.stages import move_stage
from bot.errors import SettingsError
from bot.store.database import Database
from bot.store.tables import Customer, StageMove
from intents import load_taxonomy

FUNNEL = load_funnel()
EVENTS = sorted({event for move in FUNNEL.moves for event in move.events})
CAUSES = st.sampled_from([*load_taxonomy().names, *EVENTS, "out_of_scope", "", "nonsense"])


def test_the_shipped_stages_are_the_houses_words() -> None:
    assert {stage.name: stage.zh for stage in FUNNEL.stages} == {
        "icebreak": "破冰",
        "discover": "需求挖掘",
        "objection": "异议处理",
        "closing": "促单",
        "won": "成交",
        "repurchase": "复购",
        "dormant": "沉睡",
    }
    assert FUNNEL.initial == "icebreak"
    assert FUNNEL.label("won") == "成交"
    assert FUNNEL.label("elsewhere") == "elsewhere"


def test_every_intent_of_the_funnel_is_known() -> None:
    used = {intent for move in FUNNEL.moves for intent in move.intents}
    assert used <= set(load_taxonomy().names)


@given(st.lists(CAUSES, max_size=30), st.sampled_from(FUNNEL.names))
def test_buyers_never_fall_back(causes: list[str], stage: str) -> None:
    for cause in causes:
        moved = FUNNEL.target(stage, cause) or stage
        assert moved in FUNNEL.names
        if stage in FUNNEL.buyers:
            assert moved in FUNNEL.buyers
        stage = moved


@given(CAUSES, st.sampled_from(FUNNEL.names))
def test_a_cause_said_twice_moves_no_further_than_once_unless_bought(
    cause: str, stage: str
) -> None:
    once = FUNNEL.target(stage, cause)
    if once is not None and once not in FUNNEL.buyers:
        assert FUNNEL.target(once, cause) in {None, once}


@pytest.mark.parametrize(
    ("stage", "cause", "to"),
    [
        ("icebreak", "ask_price", "discover"),
        ("discover", "complain_price", "objection"),
        ("objection", "ready_to_buy", "closing"),
        ("closing", "order_paid", "won"),
        ("won", "order_paid", "repurchase"),
        ("closing", "ask_price", None),
        ("won", "complain_price", None),
        ("dormant", "ask_stock", "discover"),
        ("icebreak", "greet", None),
        ("nowhere", "ask_price", None),
    ],
)
def test_moves(stage: str, cause: str, to: str | None) -> None:
    assert FUNNEL.target(stage, cause) == to


def shipped() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    return content


def _with(**changes: Any) -> str:
    return yaml.safe_dump(shipped() | changes, allow_unicode=True)


WRONG = {
    "not YAML": ("moves: [", "YAML"),
    "a list": ("- a", "有误"),
    "no stages": (_with(stages=[]), "stages"),
    "an unknown key": (_with(colour="red"), "colour"),
    "an unknown initial": (_with(initial="start"), "start"),
    "an unknown target": (_with(moves=[{"to": "x", "from": ["icebreak"]}]), "x"),
    "an unknown buyer": (_with(buyers=["vip"]), "vip"),
    "no sources": (_with(moves=[{"to": "won", "from": []}]), "from"),
    "a bad name": (_with(stages=[{"name": "Ice Break", "zh": "破"}]), "stages"),
    "a way back for buyers": (
        _with(moves=[{"to": "discover", "from": ["won"], "intents": ["greet"]}]),
        "退回",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_one_line_with_file_and_place(tmp_path: Path, name: str) -> None:
    text, word = WRONG[name]
    path = tmp_path / "funnel.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_funnel(path)
    assert "funnel.yml" in caught.value.message
    assert word in caught.value.message
    assert "\n" not in caught.value.message


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="读不了"):
        load_funnel(tmp_path / "none.yml")


async def begin(database: Database, clock: ManualClock) -> None:
    async with database.write() as session:
        await meet(session, ["wmA"], stage="icebreak", now=clock.now())


async def move(database: Database, clock: ManualClock, seen: str, to: str) -> bool:
    async with database.write() as session:
        return await move_stage(
            session, "wmA", seen=seen, to=to, cause=f"{seen}>{to}", now=clock.now()
        )


async def history(database: Database) -> list[tuple[str | None, str]]:
    async with database.read() as session:
        rows = await session.scalars(select(StageMove).order_by(StageMove.id))
        return [(row.from_stage, row.to_stage) for row in rows]


async def stage_of(database: Database) -> str:
    async with database.read() as session:
        return (await session.get_one(Customer, "wmA")).stage


async def test_a_move_is_recorded_with_its_cause(database: Database, clock: ManualClock) -> None:
    await begin(database, clock)
    clock.turn(minutes=1)
    assert await move(database, clock, "icebreak", "discover")
    assert await history(database) == [(None, "icebreak"), ("icebreak", "discover")]
    async with database.read() as session:
        customer = await session.get_one(Customer, "wmA")
    assert (customer.stage, customer.stage_since) == ("discover", clock.now())


async def test_a_late_move_changes_nothing(database: Database, clock: ManualClock) -> None:
    await begin(database, clock)
    await move(database, clock, "icebreak", "won")
    assert not await move(database, clock, "icebreak", "discover")
    assert await stage_of(database) == "won"
    assert await history(database) == [(None, "icebreak"), ("icebreak", "won")]


async def test_of_many_moves_at_once_one_wins(database: Database, clock: ManualClock) -> None:
    await begin(database, clock)
    targets = ["discover", "objection", "closing", "won"] * 3
    results = await asyncio.gather(*(move(database, clock, "icebreak", to) for to in targets))
    assert sum(results) == 1
    assert await history(database) == [
        (None, "icebreak"),
        ("icebreak", targets[results.index(True)]),
    ]


async def test_an_unknown_customer_is_not_moved(database: Database, clock: ManualClock) -> None:
    assert not await move(database, clock, "icebreak", "won")
    assert await history(database) == []
