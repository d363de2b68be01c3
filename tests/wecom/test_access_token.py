"""One token for everybody: fetched once, shared by replicas, renewed when refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from corp import SECRET, Script

from bot.clock import ManualClock
from bot.delivery.tokens import StoredTokens
from bot.errors import GiveUp, MendSettings, RetryLater, UnknownOutcome, WeComError
from bot.sandbox import CUSTOMERS, Platform
from bot.store.database import Database
from bot.store.tables import SharedSecret
from bot.wecom.client import WeComClient
from bot.wecom.tokens import Token, token_name

Connect = Callable[[Database], WeComClient]
Scripted = Callable[..., WeComClient]


async def read(client: WeComClient) -> Any:
    return await client.kf.accounts(offset=0, limit=10)


async def test_fifty_calls_at_once_fetch_one_token(scripted: Scripted, script: Script) -> None:
    client = scripted()
    await asyncio.gather(*(read(client) for _ in range(50)))
    assert script.made("gettoken") == 1


async def test_replicas_share_a_token_through_the_store(
    connect: Connect, database: Database, platform: Platform
) -> None:
    await read(connect(database))
    await read(connect(database))
    fetched = [call for call in platform.calls if call.api == "gettoken"]
    assert len(fetched) == 1


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_refused_token_is_renewed_once_and_the_call_repeated(
    scripted: Scripted, script: Script, code: int
) -> None:
    client = scripted()
    await read(client)
    script.will("kf/account/list", code)
    assert (await read(client))["errcode"] == 0
    assert script.made("gettoken") == 2
    assert script.calls[-1][1]["access_token"] == "t2"


async def test_fifty_calls_refused_at_once_renew_one_token(
    scripted: Scripted, script: Script
) -> None:
    client = scripted()
    await read(client)
    script.will("kf/account/list", *[42001] * 50)
    await asyncio.gather(*(read(client) for _ in range(50)))
    assert script.made("gettoken") == 2


@pytest.mark.parametrize(("code", "error"), [(42001, RetryLater), (40001, MendSettings)])
async def test_a_token_refused_twice_is_an_error_not_a_loop(
    scripted: Scripted, script: Script, code: int, error: type[WeComError]
) -> None:
    """One that ran out is worth another try later; a secret that WeCom refuses is not."""
    script.will("kf/account/list", *[code] * 9)
    with pytest.raises(error) as caught:
        await read(scripted())
    assert caught.value.errcode == code
    assert script.made("kf/account/list") == 2


async def test_a_replica_takes_the_renewed_token_instead_of_fetching(
    connect: Connect, ledger: Database, platform: Platform
) -> None:
    first, second = connect(ledger), connect(ledger)
    await read(first)
    await read(second)
    platform.access.revoke_all()
    await read(first)
    await read(second)
    fetched = [call for call in platform.calls if call.api == "gettoken"]
    assert len(fetched) == 2


async def test_a_token_is_renewed_before_it_ends(
    connect: Connect, ledger: Database, platform: Platform, clock: ManualClock
) -> None:
    client = connect(ledger)
    await read(client)
    clock.turn(hours=2, seconds=1)
    await read(client)
    assert {call.errcode for call in platform.calls} == {0}


async def test_the_last_minutes_of_a_token_do_not_fetch_at_every_call(
    connect: Connect, ledger: Database, platform: Platform, clock: ManualClock
) -> None:
    """WeCom gives the same token until it ends: asking again each time is what it punishes."""
    client = connect(ledger)
    await read(client)
    clock.turn(minutes=117)
    for _ in range(20):
        await read(client)
    fetched = [call for call in platform.calls if call.api == "gettoken"]
    assert len(fetched) <= 2


@pytest.mark.parametrize(
    ("answer", "cls"),
    [(40001, MendSettings), (40013, MendSettings), (60020, MendSettings), (45009, RetryLater)],
)
async def test_why_there_is_no_token(
    scripted: Scripted, script: Script, answer: int, cls: type[WeComError]
) -> None:
    script.will("gettoken", *[answer] * 3)
    with pytest.raises(cls) as caught:
        await read(scripted())
    assert caught.value.errcode == answer
    assert script.made("kf/account/list") == 0
    assert SECRET not in f"{caught.value}{caught.value.details}"


@pytest.mark.parametrize(
    "answer",
    [{"errcode": 0}, {"access_token": ""}, {"access_token": "t", "expires_in": "soon"}],
)
async def test_an_answer_without_a_token_is_an_error_of_ours(
    scripted: Scripted, script: Script, answer: dict[str, object]
) -> None:
    script.will("gettoken", *[answer] * 3)
    with pytest.raises(RetryLater, match="access_token"):
        await read(scripted())


async def test_a_send_whose_token_did_not_come_was_not_made(
    scripted: Scripted, script: Script
) -> None:
    """Even without a key it may be repeated: nothing has reached the customer yet."""
    keyless = {"touser": "wm", "open_kfid": "wk", "msgtype": "text", "text": {"content": "x"}}
    script.will("gettoken", "drop")
    await scripted().kf.send_msg(keyless)
    script.will("gettoken", *["drop"] * 9)
    with pytest.raises(RetryLater) as caught:
        await scripted(secret="another").kf.send_msg(keyless)
    assert not isinstance(caught.value, UnknownOutcome)
    assert script.made("kf/send_msg") == 1


async def test_a_failed_fetch_is_tried_again_by_the_next_call(
    scripted: Scripted, script: Script
) -> None:
    client = scripted()
    script.will("gettoken", 40013)
    with pytest.raises(MendSettings):
        await read(client)
    assert (await read(client))["errcode"] == 0


@pytest.mark.parametrize("missing", ["corp_id", "secret"])
async def test_without_settings_nothing_is_called(
    scripted: Scripted, script: Script, missing: str
) -> None:
    with pytest.raises(MendSettings, match=missing):
        await read(scripted(**{missing: ""}))
    assert script.calls == []


async def test_the_store_keeps_the_token_under_a_name_that_tells_no_secret(
    connect: Connect, ledger: Database, platform: Platform
) -> None:
    await read(connect(ledger))
    async with ledger.read() as session:
        row = await session.get(
            SharedSecret, token_name(platform.settings.corp_id, platform.settings.secret)
        )
    assert row is not None
    assert platform.settings.secret not in row.name
    assert row.value


async def test_stored_tokens_come_back_as_they_were(
    database: Database, clock: ManualClock
) -> None:
    tokens = StoredTokens(database)
    assert await tokens.load("x") is None
    for value in ("one", "two"):
        token = Token(value, clock.now())
        await tokens.save("x", token)
        assert await tokens.load("x") == token


def test_two_secrets_have_two_names() -> None:
    assert token_name("ww1", "a") != token_name("ww1", "b")
    assert token_name("ww1", "a") != token_name("ww2", "a")


async def test_an_unknown_customer_is_told_from_a_token_problem(
    connect: Connect, ledger: Database
) -> None:
    with pytest.raises(GiveUp):
        await connect(ledger).kf.send_msg(
            {
                "touser": CUSTOMERS[0].external_userid + "x",
                "open_kfid": "wk",
                "msgtype": "text",
                "text": {"content": "x"},
            }
        )
