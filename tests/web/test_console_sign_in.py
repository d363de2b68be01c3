from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestServer
from argon2 import PasswordHasher
from consoleshop import NOON, Guide, Shop, guide, open_shop, serve
from consoleshop import server as server
from consoleshop import shop as shop
from sqlalchemy import select

from bot.clock import ManualClock
from bot.errors import NotFound, TooManyRequests
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.store.tables import ConsoleSession, ConsoleUser
from bot.web.console.accounts import (
    HASHER,
    Accounts,
    ensure_first_user,
    new_password,
    reset_password,
)
from bot.web.console.sessions import open_session
from bot.web.console.throttle import FREE_FAILURES, LONGEST_WAIT, Throttle


@pytest.fixture
async def browser(server: TestServer) -> AsyncIterator[Guide]:
    async with guide(server) as browser:
        yield browser


def cookie(answer: ClientResponse, name: str = "wecom_console") -> SimpleCookie:
    headers = answer.headers.getall("Set-Cookie")
    return SimpleCookie(next(line for line in headers if line.startswith(f"{name}=")))


async def test_right_password_opens_hardened_session(shop: Shop, browser: Guide) -> None:
    answer = await browser.sign_in(shop.password)

    assert (answer.status, answer.headers["Location"]) == (303, "/console/inbox")
    morsel = cookie(answer)["wecom_console"]
    assert morsel["httponly"] is True
    assert (morsel["samesite"], morsel["path"], morsel["max-age"]) == ("Lax", "/console", "43200")
    assert not morsel["secure"]
    async with shop.database.read() as session:
        row = (await session.scalars(select(ConsoleSession))).one()
    assert row.digest == hashlib.sha256(morsel.value.encode()).hexdigest()
    assert row.expires_at == shop.clock.now() + timedelta(hours=12)
    assert "导购工作台" in await browser.text("/console/inbox")


@pytest.mark.parametrize(
    ("secure_cookie", "forwarded", "expected"),
    [(None, "https", True), (None, "http", False), (True, "http", True), (False, "https", False)],
)
async def test_secure_flag_follows_https_unless_set(
    new_sqlite_url: str, secure_cookie: bool | None, forwarded: str, expected: bool
) -> None:
    console = {"secure_cookie": secure_cookie}
    async with open_shop(new_sqlite_url, console=console) as shop, serve(shop) as server:
        async with guide(server) as browser:
            answer = await browser.client.get(
                "/console/login", headers={"X-Forwarded-Proto": forwarded}
            )
    assert bool(cookie(answer, "wecom_console_login")["wecom_console_login"]["secure"]) is expected


async def test_wrong_password_and_unknown_name_read_the_same(shop: Shop, browser: Guide) -> None:
    wrong = await browser.sign_in("not-the-password")
    unknown = await browser.sign_in("not-the-password", name="nobody")

    assert wrong.status == unknown.status == 401
    for answer in (wrong, unknown):
        assert "用户名或密码不对" in await answer.text()
        assert not [
            h for h in answer.headers.getall("Set-Cookie") if h.startswith("wecom_console=")
        ]


async def test_guessing_is_slowed_down_more_and_more(shop: Shop, browser: Guide) -> None:
    clock = shop.clock
    assert isinstance(clock, ManualClock)
    for _ in range(FREE_FAILURES):
        assert (await browser.sign_in("guess")).status == 401

    refused = await browser.sign_in(shop.password)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "31")
    assert "尝试次数过多，请 31 秒后再试" in await refused.text()

    clock.turn(seconds=31)
    assert (await browser.sign_in("guess")).status == 401
    assert (await browser.sign_in(shop.password)).headers["Retry-After"] == "61"

    clock.turn(seconds=61)
    assert (await browser.sign_in(shop.password)).status == 303


async def test_throttle_keeps_keys_apart_and_caps_the_wait(database: Database) -> None:
    clock = ManualClock(NOON)
    throttle = Throttle(database, clock)
    for _ in range(20):
        try:
            await throttle.attempt(["user admin", "address 1.2.3.4"])
        except TooManyRequests as error:
            assert int(str(error.details["wait_seconds"])) <= LONGEST_WAIT.total_seconds() + 1
            clock.turn(seconds=LONGEST_WAIT.total_seconds() + 1)
    with pytest.raises(TooManyRequests):
        [await throttle.attempt(["address 1.2.3.4"]) for _ in range(2)]
    await throttle.attempt(["user other", "address 5.6.7.8"])
    clock.turn(hours=2)
    for _ in range(FREE_FAILURES):
        await throttle.attempt(["user admin", "address 1.2.3.4"])


async def test_replicas_count_guesses_together(database: Database) -> None:
    replicas = [Throttle(database, ManualClock(NOON)) for _ in range(2)]
    ended = await asyncio.gather(
        *(replicas[number % 2].attempt(["user admin"]) for number in range(FREE_FAILURES + 3)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, TooManyRequests) for one in ended) == 3
    assert sum(one is None for one in ended) == FREE_FAILURES


async def test_login_form_needs_its_own_cookie(shop: Shop, browser: Guide) -> None:
    await browser.get("/console/login")
    forged = await browser.client.post(
        "/console/login",
        data={"csrf": "令牌", "name": "admin", "password": shop.password},
        allow_redirects=False,
    )
    assert forged.status == 403
    assert "登录页已过期" in await forged.text()


async def test_session_ends_by_time_and_by_signing_out(shop: Shop, browser: Guide) -> None:
    clock = shop.clock
    assert isinstance(clock, ManualClock)
    await browser.arrive(shop.password)
    await browser.post("/console/logout")
    assert (await browser.get("/console/inbox")).status == 303

    await browser.arrive(shop.password)
    clock.turn(hours=12, seconds=1)
    away = await browser.get("/console/inbox?tab=failed")
    assert away.headers["Location"] == "/console/login?next=/console/inbox?tab%3Dfailed"
    fragment = await browser.get("/console/inbox/list", htmx=True)
    assert (fragment.status, fragment.headers["HX-Redirect"]) == (401, "/console/login")
    assert (await browser.get("/console/events")).status == 401


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ("/console/inbox?tab=failed", "/console/inbox?tab=failed"),
        ("https://evil.example/console/", "/console/inbox"),
        ("//evil.example/console/", "/console/inbox"),
        ("/\\evil.example/console/", "/console/inbox"),
        ("/console/inbox\r\nSet-Cookie: a=b", "/console/inbox"),
        ("/api/v1/suggestions", "/console/inbox"),
    ],
)
async def test_login_leads_only_into_the_console(
    shop: Shop, browser: Guide, goal: str, expected: str
) -> None:
    answer = await browser.sign_in(shop.password, next=goal)
    assert answer.headers["Location"] == expected


async def test_first_user_is_made_once_and_password_can_be_reset(database: Database) -> None:
    clock = ManualClock(NOON)
    first = await ensure_first_user(database, clock)
    assert first is not None
    assert len(first.replace("-", "")) == 16
    assert await ensure_first_user(database, clock) is None

    second = await reset_password(database, clock, "admin")
    async with database.read() as session:
        stored = (await session.get_one(ConsoleUser, "admin")).password_hash
    assert HASHER.verify(stored, second)
    assert first != second
    assert first not in stored
    with pytest.raises(NotFound, match="现有用户：admin"):
        await reset_password(database, clock, "nobody")


async def test_reset_signs_everybody_out(shop: Shop, browser: Guide) -> None:
    await browser.arrive(shop.password)
    renewed = await reset_password(shop.database, shop.clock, "admin")
    assert (await browser.get("/console/inbox")).status == 303
    assert (await browser.sign_in(shop.password)).status == 401
    assert (await browser.sign_in(renewed)).status == 303


async def test_old_hashes_are_renewed_when_the_parameters_change(
    shop: Shop, browser: Guide
) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(shop.password)
    async with shop.database.write() as session:
        (await session.get_one(ConsoleUser, "admin")).password_hash = weak
    assert (await browser.sign_in(shop.password)).status == 303
    async with shop.database.read() as session:
        stored = (await session.get_one(ConsoleUser, "admin")).password_hash
    assert stored != weak
    assert not HASHER.check_needs_rehash(stored)


async def test_empty_database_file_is_enough(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'new' / 'bot.db'}")
    await upgrade(database)
    assert await ensure_first_user(database, ManualClock(NOON))
    await database.close()


def test_passwords_are_never_the_same() -> None:
    assert len({new_password() for _ in range(200)}) == 200


async def test_a_reset_reaches_whoever_is_just_signing_in(shop: Shop) -> None:
    proof = await Accounts().proof(shop.database, "admin", shop.password)
    assert proof is not None
    await reset_password(shop.database, shop.clock, "admin")
    opened = await open_session(shop.database, shop.clock, user="admin", proof=proof, hours=12)
    assert opened is None
    async with shop.database.read() as session:
        assert (await session.scalars(select(ConsoleSession))).all() == []
