from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from apishop import Api
from pydantic import SecretStr
from sqlalchemy import func, select, update

from bot.customers.profiles import meet
from bot.store.contact_tables import BehaviourEvent
from bot.store.tables import Customer, StageMove
from bot.web.api.signature import sign


async def acquaint(api: Api, who: str, *, stage: str = "icebreak") -> None:
    async with api.database.write() as session:
        await meet(session, [who], stage=stage, now=api.bot.ground.clock.now())


def event(number: str = "e1", kind: str = "order_paid", **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "type": kind,
        "external_userid": "wmA",
        "at": "2026-11-20T09:00:00+08:00",
        "data": {"amount": 128},
    } | more


async def stage_of(api: Api, who: str = "wmA") -> str:
    async with api.database.read() as session:
        return (await session.get_one(Customer, who)).stage


async def test_an_event_moves_the_stage_and_counts_once(api: Api) -> None:
    await acquaint(api, "wmA")
    status, answer = await api.post("events", event())
    assert (status, answer["duplicate"], answer["stage"]) == (202, False, "won")
    status, answer = await api.post("events", event())
    assert (status, answer["duplicate"]) == (200, True)
    assert await stage_of(api) == "won"
    status, _ = await api.post("events", event("e2"))
    assert status == 202
    assert await stage_of(api) == "repurchase"
    async with api.database.read() as session:
        moves = (await session.scalars(select(StageMove.cause).order_by(StageMove.id))).all()
    assert moves == ["first_seen", "order_paid", "order_paid"]


async def test_the_same_event_at_once_counts_once(api: Api) -> None:
    await acquaint(api, "wmA")
    answers = await asyncio.gather(*(api.post("events", event()) for _ in range(8)))
    assert sorted(status for status, _ in answers) == [200] * 7 + [202]
    assert await stage_of(api) == "won"


async def test_a_stranger_is_parked_until_they_appear(api: Api) -> None:
    status, answer = await api.post("events", event(kind="added_to_cart"))
    assert (status, answer["status"]) == (202, "parked")
    status, answer = await api.post("events", event("e2", external_userid=None, unionid="oU"))
    assert (status, answer["status"]) == (202, "parked")
    await acquaint(api, "wmA")
    assert await api.bot.contacts.behaviour.apply_ready() == 1
    assert await stage_of(api) == "closing"
    async with api.database.write() as session:
        await session.execute(update(Customer).values(unionid="oU"))
        from bot.customers.parked import unpark

        await unpark(session, unionids=["oU"])
    assert await api.bot.contacts.behaviour.apply_ready() == 1
    assert await stage_of(api) == "won"
    assert await api.bot.contacts.behaviour.apply_ready() == 0


async def test_by_unionid_the_known_customer_is_found(api: Api) -> None:
    await acquaint(api, "wmA")
    async with api.database.write() as session:
        await session.execute(update(Customer).values(unionid="oU"))
    _, answer = await api.post("events", event(external_userid="wmStranger", unionid="oU"))
    assert answer["external_userid"] == "wmA"


async def test_an_old_glance_does_not_wake_a_sleeper_but_an_order_does(api: Api) -> None:
    await acquaint(api, "wmA", stage="dormant")
    await api.post("events", event("old", "viewed_product"))
    assert await stage_of(api) == "dormant"
    await api.post("events", event("new", "viewed_product", at="2026-11-20T10:30:00+08:00"))
    assert await stage_of(api) == "discover"
    async with api.database.write() as session:
        await session.execute(update(Customer).values(stage="dormant"))
    await api.post("events", event("paid"))
    assert await stage_of(api) == "won"


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": "x" * 129},
        {"type": "Order Paid"},
        {"external_userid": None},
        {"at": "yesterday"},
        {"at": "2031-01-01T00:00:00Z"},
        {"data": "text"},
        {"data": {"blob": "x" * 20_000}},
        {"surprise": 1},
        {"external_userid": "a\x00b"},
    ],
)
async def test_what_is_no_event_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    status, answer = await api.post("events", event() | wrong)
    assert status == 422, answer
    problem = answer["error"]["message"].partition("有误：")[2]
    assert re.search("[一-鿿]", problem), "people here read Chinese"


async def test_data_is_kept_whatever_it_holds(api: Api) -> None:
    strange = {"note": "半个\ud83d", "price": float("nan"), "id": 10**30, "path": "\\u0000"}
    status, answer = await api.post("events", event(data=strange))
    assert status == 202, answer
    async with api.database.read() as session:
        kept = await session.scalar(select(BehaviourEvent.data))
    assert kept is not None
    assert kept["path"] == "\\u0000"


async def test_times_are_taken_as_written(api: Api) -> None:
    await api.post("events", event("local", at="2026-11-20T09:00:00"))
    await api.post("events", event("unix", at=1_763_600_400))
    await api.post("events", event("nul", data={"note": "a\x00b"}))
    async with api.database.read() as session:
        rows = await session.execute(select(BehaviourEvent.event_id, BehaviourEvent.at))
        at = {row.event_id: row.at.isoformat() for row in rows}
    assert at["local"] == "2026-11-20T01:00:00+00:00"
    assert at["unix"] == "2025-11-20T01:00:00+00:00"


async def test_a_signed_event_needs_no_token(api: Api) -> None:
    secret = "shared-with-the-shop-9"
    ground = api.bot.ground
    changed = ground.settings.api.model_copy(update={"events_secret": SecretStr(secret)})
    settings = ground.settings.model_copy(update={"api": changed})
    api.bot.ground = dataclasses.replace(ground, settings=settings)
    body = json.dumps(event()).encode()
    now = int(ground.clock.now().timestamp())
    async with TestServer(api.bot.application()) as server:

        async def send(timestamp: int, signature: str) -> int:
            headers = {"X-Timestamp": str(timestamp), "X-Signature": signature}
            url = server.make_url("/api/v1/events")
            async with api.http.post(url, data=body, headers=headers) as response:
                return response.status

        assert await send(now, sign(secret, now, body)) == 202
        assert await send(now, sign("another", now, body)) == 401
        assert await send(now - 400, sign(secret, now - 400, body)) == 401
        assert await send(now, sign(secret, now, body + b" ")) == 401
        assert await send(now, "") == 401
        url = server.make_url("/api/v1/customers")
        headers = {"X-Timestamp": str(now), "X-Signature": sign(secret, now, b"")}
        async with api.http.get(url, headers=headers) as response:
            assert response.status == 401
    async with api.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(BehaviourEvent)) == 1
