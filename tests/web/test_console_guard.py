from __future__ import annotations

import pytest
from aiohttp.test_utils import TestServer
from consoleshop import Guide, Shop, guide, note_of
from consoleshop import browser as browser
from consoleshop import server as server
from consoleshop import shop as shop

from bot.store.tables import SuggestionStatus
from bot.web.console.assets import STATIC


@pytest.mark.parametrize("token", ["", "wrong", "令牌"])
async def test_post_without_the_sessions_token_is_refused(
    shop: Shop, browser: Guide, token: str
) -> None:
    waiting = await shop.says("小林", "太贵了")
    browser.csrf = token
    plain = await browser.post(f"/console/suggestions/{waiting}/approve", action="choice")
    assert plain.status == 403
    assert "页面已过期，请刷新后重试" in await plain.text()
    assert (await shop.suggestion(waiting)).status == SuggestionStatus.PENDING


async def test_refusal_reaches_htmx_as_a_note(shop: Shop, browser: Guide) -> None:
    browser.csrf = "wrong"
    answer = await browser.post("/console/suggestions/1/reject", htmx=True)
    assert (answer.status, answer.headers["HX-Reswap"]) == (403, "none")
    assert note_of(answer) == "页面已过期，请刷新后重试"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_other_sites_are_refused_even_with_the_token(
    shop: Shop, browser: Guide, headers: dict[str, str]
) -> None:
    waiting = await shop.says("小林", "太贵了")
    answer = await browser.post(f"/console/suggestions/{waiting}/approve", headers=headers)
    assert answer.status == 403
    assert (await shop.suggestion(waiting)).status == SuggestionStatus.PENDING


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "{own}"},
        {"Origin": "{own}", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://desk.shop.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://desk.shop.example", "X-Forwarded-Host": "desk.shop.example"},
    ],
)
async def test_own_origin_is_let_in_also_behind_a_proxy(
    shop: Shop, browser: Guide, server: TestServer, headers: dict[str, str]
) -> None:
    waiting = await shop.says("小林", "太贵了")
    own = str(server.make_url("/")).rstrip("/")
    sent = {name: value.format(own=own) for name, value in headers.items()}
    answer = await browser.post(
        f"/console/suggestions/{waiting}/approve", headers=sent, action="choice"
    )
    assert answer.status == 303


async def test_login_page_refuses_other_sites(browser: Guide) -> None:
    answer = await browser.client.post(
        "/console/login", data={}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status == 403


async def test_nothing_but_login_and_static_is_open(shop: Shop, server: TestServer) -> None:
    async with guide(server) as stranger:
        for path in ("/console/inbox", "/console/inbox/list", "/console/inbox/detail?id=1"):
            assert (await stranger.get(path)).status == 303
        assert (await stranger.post("/console/suggestions/1/approve")).status == 303
        assert (await stranger.get("/console/nowhere")).status == 303
        assert (await stranger.get("/console/login")).status == 200


async def test_pages_obey_their_own_policy(shop: Shop, browser: Guide) -> None:
    waiting = await shop.says("<script>alert(1)</script>", "<img src=x onerror=alert(1)>")
    answer = await browser.get(f"/console/inbox?id={waiting}")
    page = await answer.text()
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "<script>" not in page
    assert "<style" not in page
    assert " style=" not in page
    assert "onerror=" not in page.replace("onerror=alert(1)&gt;", "")
    assert "&lt;script&gt;alert(1)" in page


async def test_static_files_are_kept_by_browsers_until_they_change(
    shop: Shop, browser: Guide
) -> None:
    page = await browser.text("/console/inbox")
    address = page.split('src="/console/static/vendor/htmx')[1].split('"')[0]
    named = await browser.get(f"/console/static/vendor/htmx{address}")
    assert named.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert named.content_type == "text/javascript"
    bare = await browser.get("/console/static/vendor/htmx.min.js")
    assert bare.headers["Cache-Control"] == "no-cache"
    again = await browser.client.get(
        "/console/static/vendor/htmx.min.js", headers={"If-None-Match": bare.headers["ETag"]}
    )
    assert again.status == 304


@pytest.mark.parametrize(
    "path", ["../keys.py", "%2e%2e/keys.py", "vendor/README.md", "vendor", "nothing.js"]
)
async def test_only_assets_are_served(browser: Guide, path: str) -> None:
    assert (await browser.get(f"/console/static/{path}")).status in (303, 404)


def test_every_vendored_file_has_its_licence() -> None:
    readme = (STATIC / "vendor" / "README.md").read_text(encoding="utf-8")
    for script in (STATIC / "vendor").glob("*.js"):
        assert script.name in readme
        package = script.name.split(".")[0].split("-")[0]
        assert (STATIC / "vendor" / f"{package}.LICENSE").stat().st_size > 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--x"),
        ("multipart/form-data; boundary=x", b"no boundary here"),
        ("application/x-www-form-urlencoded; charset=no-such", b"a=b"),
        ("application/x-www-form-urlencoded", b"a=%ff%fe"),
        ("application/json", b"{"),
    ],
)
async def test_broken_forms_are_refused_not_fallen_over(
    browser: Guide, kind: str, body: bytes
) -> None:
    for path in ("/console/login", "/console/suggestions/1/reject"):
        answer = await browser.client.post(path, data=body, headers={"Content-Type": kind})
        assert answer.status in (400, 403), (path, answer.status)
