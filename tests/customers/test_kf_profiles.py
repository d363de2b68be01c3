"""Profiles from `kf/customer/batchget`: in batches, put off when refused, whatever they hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from corp import Script
from sqlalchemy import select

from bot.clock import ManualClock
from bot.customers.profiles import ProfileReader, meet
from bot.sandbox import CUSTOMERS, DEFAULT_ACCOUNT, Platform
from bot.store.database import Database
from bot.store.tables import Customer
from bot.wecom.client import WeComClient

Connect = Callable[[Database], WeComClient]
Scripted = Callable[..., WeComClient]


async def add(database: Database, clock: ManualClock, *ids: str) -> list[str]:
    async with database.write() as session:
        return await meet(session, ids, stage="icebreak", now=clock.now())


async def names(database: Database) -> dict[str, str]:
    async with database.read() as session:
        rows = await session.scalars(select(Customer).order_by(Customer.external_userid))
        return {row.external_userid: row.name for row in rows}


async def due(database: Database, who: str) -> Any:
    async with database.read() as session:
        return (await session.get_one(Customer, who)).profile_due_at


async def test_new_customers_are_named(
    connect: Connect, database: Database, platform: Platform, clock: ManualClock
) -> None:
    who = CUSTOMERS[0].external_userid
    platform.customer_writes(who, "在吗", open_kfid=DEFAULT_ACCOUNT)
    await add(database, clock, who)
    reader = ProfileReader(database, connect(database), clock)
    assert await reader.round() is False
    assert await names(database) == {who: CUSTOMERS[0].nickname}
    assert await due(database, who) is None
    calls = len(platform.calls)
    await reader.round()
    assert len(platform.calls) == calls, "nothing is due any more"


async def test_meeting_again_changes_nothing(database: Database, clock: ManualClock) -> None:
    assert sorted(await add(database, clock, "wmA", "wmB")) == ["wmA", "wmB"]
    clock.turn(days=1)
    assert await add(database, clock, "wmB", "wmC") == ["wmC"]
    async with database.read() as session:
        first = await session.get_one(Customer, "wmB")
    assert first.first_seen_at == clock.now() - timedelta(days=1)


async def test_a_batch_holds_at_most_a_hundred(
    scripted: Scripted, script: Script, ledger: Database, clock: ManualClock
) -> None:
    await add(ledger, clock, *(f"wm{number:03}" for number in range(150)))
    reader = ProfileReader(ledger, scripted(), clock)
    assert await reader.round() is True
    assert await reader.round() is False
    sizes = [
        len(json.loads(body)["external_userid_list"])
        for api, _, body in script.calls
        if api == "kf/customer/batchget"
    ]
    assert sizes == [100, 50]


@pytest.mark.parametrize(("code", "minutes"), [(-1, 2), (45009, 2), (40058, 2), (60020, 30)])
async def test_a_refusal_puts_the_batch_off(
    scripted: Scripted,
    script: Script,
    ledger: Database,
    clock: ManualClock,
    code: int,
    minutes: int,
) -> None:
    await add(ledger, clock, "wmA")
    script.will("kf/customer/batchget", *[code] * 3)
    reader = ProfileReader(ledger, scripted(), clock)
    assert await reader.round() is False
    assert await due(ledger, "wmA") == clock.now() + timedelta(minutes=minutes)


async def test_whoever_wecom_does_not_know_is_not_asked_about_for_ever(
    scripted: Scripted, script: Script, ledger: Database, clock: ManualClock
) -> None:
    await add(ledger, clock, "wmA")
    script.will("kf/customer/batchget", {"customer_list": [], "invalid_external_userid": ["wmA"]})
    await ProfileReader(ledger, scripted(), clock).round()
    assert await due(ledger, "wmA") is None


async def test_what_a_profile_leaves_out_stays_as_it_is_known(
    scripted: Scripted, script: Script, ledger: Database, clock: ManualClock
) -> None:
    await add(ledger, clock, "wmA")
    async with ledger.write() as session:
        customer = await session.get_one(Customer, "wmA")
        customer.name, customer.unionid, customer.gender = "林女士", "oA", 2
    profile = {"external_userid": "wmA", "nickname": "", "avatar": "http://a/b", "gender": 0}
    script.will("kf/customer/batchget", {"customer_list": [profile]})
    await ProfileReader(ledger, scripted(), clock).round()
    async with ledger.read() as session:
        customer = await session.get_one(Customer, "wmA")
    assert (customer.name, customer.unionid, customer.gender) == ("林女士", "oA", 2)
    assert customer.avatar == "http://a/b"


async def test_a_contact_read_meanwhile_is_believed_first(
    scripted: Scripted, script: Script, ledger: Database, clock: ManualClock
) -> None:
    await add(ledger, clock, "wmA")

    async def answer() -> Any:
        async with ledger.write() as session:
            customer = await session.get_one(Customer, "wmA")
            customer.name, customer.profile_due_at = "林女士", None
        return {"customer_list": [{"external_userid": "wmA", "nickname": "木木"}]}

    script.will("kf/customer/batchget", answer)
    await ProfileReader(ledger, scripted(), clock).round()
    assert await names(ledger) == {"wmA": "林女士"}


STRANGE: list[Any] = [
    {"external_userid": "wmB", "nickname": "半个\ud83d", "gender": "女", "avatar": None},
    {"external_userid": "wmC", "nickname": "a\x00b", "gender": 10**30, "unionid": 5},
    {"external_userid": "wmD", "nickname": "长" * 500, "avatar": "h" * 900, "unionid": "u" * 99},
    {"external_userid": ["wmE"], "nickname": {"a": 1}},
    {"nickname": "nobody"},
    None,
    "text",
]


async def test_strange_profiles_do_not_stop_the_others(
    scripted: Scripted, script: Script, database: Database, clock: ManualClock
) -> None:
    await add(database, clock, "wmA", "wmB", "wmC", "wmD", "wmZ")
    good = [{"external_userid": who, "nickname": who} for who in ("wmA", "wmZ")]
    script.will("kf/customer/batchget", {"customer_list": [good[0], *STRANGE, good[1]]})
    await ProfileReader(database, scripted(), clock).round()
    found = await names(database)
    assert (found["wmA"], found["wmZ"]) == ("wmA", "wmZ")
    assert found["wmB"].startswith("半个")
    assert found["wmC"] == "ab"
    assert len(found["wmD"]) == 128
