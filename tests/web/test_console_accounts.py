"""Who may sign in, what they may do, and how they lose it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from consoleshop import NOON, Guide, Shop, guide, note_of, open_shop, serve

from bot.clock import ManualClock
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.store.tables import ConsoleRole, ConsoleUser
from bot.web.console.accounts import add_account, ensure_first_user

ACCOUNTS = "/console/accounts"


@pytest.fixture
async def shop(new_sqlite_url: str) -> AsyncIterator[Shop]:
    async with open_shop(new_sqlite_url) as shop:
        yield shop


@pytest.fixture
async def browsers(shop: Shop) -> AsyncIterator[tuple[Guide, Guide]]:
    """The operator, signed in, and somebody else's browser."""
    async with serve(shop) as server, guide(server) as operator, guide(server) as other:
        await operator.arrive(shop.password)
        yield operator, other


async def hired(operator: Guide, name: str, role: str = "guide") -> str:
    """Add an account; gives the password that the page shows."""
    answer = await operator.post(ACCOUNTS, name=name, role=role)
    found = re.search(r"<code>([a-z0-9-]{19})</code>", await answer.text())
    assert found is not None
    return found[1]


async def test_a_guide_is_added_and_sees_only_inbox_and_customers(
    shop: Shop, browsers: tuple[Guide, Guide]
) -> None:
    operator, su = browsers
    password = await hired(operator, "苏晴")
    assert password not in await operator.text(ACCOUNTS)
    assert (await su.sign_in(password, name="苏晴")).status == 303
    page = await su.text("/console/inbox")
    assert 'href="/console/channels"' not in page
    assert 'href="/console/customers"' in page
    for path in ("accounts", "channels", "tags", "greetings", "groups", "inboxes"):
        refused = await su.get(f"/console/{path}")
        assert refused.status == 403, path
        assert "只有管理员能用" in await refused.text()
    assert "上次登录" in await operator.text(ACCOUNTS)


async def test_disabling_signs_out_at_once_and_enabling_lets_in_again(
    browsers: tuple[Guide, Guide],
) -> None:
    operator, su = browsers
    password = await hired(operator, "su")
    await su.sign_in(password, name="su")
    await operator.post(f"{ACCOUNTS}/su/disable")
    assert (await su.get("/console/inbox")).status == 303
    assert (await su.sign_in(password, name="su")).status == 401
    await operator.post(f"{ACCOUNTS}/su/enable")
    assert (await su.sign_in(password, name="su")).status == 303


async def test_a_reset_shows_a_new_password_once(browsers: tuple[Guide, Guide]) -> None:
    operator, su = browsers
    first = await hired(operator, "su")
    answer = await operator.post(f"{ACCOUNTS}/su/reset", htmx=True)
    found = re.search(r"<code>([a-z0-9-]{19})</code>", await answer.text())
    assert found is not None
    assert (await su.sign_in(first, name="su")).status == 401
    assert (await su.sign_in(found[1], name="su")).status == 303


async def test_roles_change_but_nobody_shuts_the_shop_out(
    shop: Shop, browsers: tuple[Guide, Guide]
) -> None:
    operator, he = browsers
    password = await hired(operator, "he", "operator")
    for act in ("disable", "role", "reset"):
        own = await operator.post(f"{ACCOUNTS}/admin/{act}", htmx=True, role="guide")
        assert own.status == 409
    await operator.post(f"{ACCOUNTS}/he/role", role="guide")
    async with shop.database.read() as session:
        assert (await session.get_one(ConsoleUser, "he")).role == "guide"
    assert (await he.sign_in(password, name="he")).status == 303
    assert (await he.get(ACCOUNTS)).status == 403


async def test_a_console_with_guides_alone_gets_its_operator(new_sqlite_url: str) -> None:
    database, clock = Database(new_sqlite_url), ManualClock(NOON)
    await upgrade(database)
    await add_account(database, clock, "su", ConsoleRole.GUIDE)
    assert await ensure_first_user(database, clock)
    assert await ensure_first_user(database, clock) is None
    await database.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [("a", "账号名用"), ("a b", "账号名用"), ("<b>", "账号名用"), ("admin", "已经有名为 admin")],
)
async def test_names_are_checked(browsers: tuple[Guide, Guide], name: str, words: str) -> None:
    refused = await browsers[0].post(ACCOUNTS, htmx=True, name=name, role="guide")
    assert words in note_of(refused)


async def test_own_password_is_changed_with_the_old_one_as_proof(
    shop: Shop, browsers: tuple[Guide, Guide]
) -> None:
    operator, elsewhere = browsers
    await elsewhere.sign_in(shop.password)
    url, new = "/console/password", "暖屿生活馆的新密码"
    for form, words in (
        ({"old": "wrong", "new": new * 2, "again": new * 2}, "现在的密码不对"),
        ({"old": shop.password, "new": new * 2, "again": new}, "不一样"),
        ({"old": shop.password, "new": "short", "again": "short"}, "至少 10 位"),
    ):
        assert words in note_of(await operator.post(url, htmx=True, **form))
    done = await operator.post(url, old=shop.password, new=new * 2, again=new * 2)
    assert "密码已改" in await operator.text(done.headers["Location"])
    assert (await elsewhere.get("/console/inbox")).status == 303
    assert (await elsewhere.sign_in(new * 2)).status == 303


async def test_a_guide_may_not_hand_customers_on(browsers: tuple[Guide, Guide]) -> None:
    operator, su = browsers
    await su.sign_in(await hired(operator, "su"), name="su")
    found = re.search(r'name="csrf" content="([^"]+)"', await su.text("/console/inbox"))
    assert found is not None
    su.csrf = found[1]
    refused = await su.post("/console/customers/wmLin/transfer", htmx=True, takeover="he")
    assert "只有管理员" in note_of(refused)
