"""`/wecom/callback` over real HTTP: the status of every refusal, and nothing echoed."""

from __future__ import annotations

import asyncio
import gzip

from apishop import Api
from corp import KEY, START
from sqlalchemy import func, select

from bot.store.tables import InboxEvent, KfAccount
from bot.wecom.envelope import Envelope, sign

ENVELOPE = Envelope(KEY)
CORP = "ww5a6e626f78776563"
NOW = str(int(START.timestamp()))
INNER = "<xml><Event>kf_msg_or_event</Event><OpenKfId>wk1</OpenKfId><Token>T</Token></xml>"


def sealed(inner: str = INNER, corp: str = CORP) -> str:
    return ENVELOPE.seal(inner, corp)


def query(
    encrypted: str, *, timestamp: str = NOW, nonce: str = "n", **more: str
) -> dict[str, str]:
    signature = sign("CallbackToken", timestamp, nonce, encrypted)
    return {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce, **more}


def body(encrypted: str) -> bytes:
    return f"<xml><Encrypt>{encrypted}</Encrypt></xml>".encode()


async def push(api: Api, params: dict[str, str], data: object, **headers: str) -> tuple[int, str]:
    url = api.server.make_url("/wecom/callback")
    async with api.http.post(url, params=params, data=data, headers=headers) as response:
        return response.status, await response.text()


async def stored(api: Api) -> int:
    async with api.database.read() as session:
        return await session.scalar(select(func.count()).select_from(InboxEvent)) or 0


async def test_a_push_is_stored_then_acknowledged(api_on_both: Api) -> None:
    api = api_on_both
    encrypted = sealed()
    assert await push(api, query(encrypted), body(encrypted)) == (200, "success")
    assert await stored(api) == 1
    async with api.database.read() as session:
        assert (await session.get_one(KfAccount, "wk1")).wanted == 1


async def test_six_copies_at_once_are_one_event(api_on_both: Api) -> None:
    api = api_on_both
    encrypted = sealed()
    answers = await asyncio.gather(
        *(push(api, query(encrypted), body(encrypted)) for _ in range(6))
    )
    assert set(answers) == {(200, "success")}
    assert await stored(api) == 1


async def test_an_unknown_event_is_recorded_and_acknowledged(api: Api) -> None:
    encrypted = sealed("<xml><Event>brand_new</Event><Strange><a/><a/></Strange></xml>")
    assert (await push(api, query(encrypted), body(encrypted)))[0] == 200
    assert await stored(api) == 1


async def test_the_echo_is_bare(api: Api) -> None:
    encrypted = sealed("1616140317555161061")
    url = api.server.make_url("/wecom/callback")
    async with api.http.get(url, params=query(encrypted, echostr=encrypted)) as response:
        assert (response.status, await response.read()) == (200, b"1616140317555161061")
    async with api.http.get(url) as response:
        assert response.status == 400


FOREIGN, DEEP = sealed(corp="wwOTHER"), sealed("<xml>" + "<a>" * 900 + "</a>" * 900 + "</xml>")
DTD = sealed('<!DOCTYPE x [<!ENTITY e "x">]><xml><Event>&e;</Event></xml>')
REFUSED = {
    "unsigned": ({}, body("abc"), 403),
    "wrong signature": (query("other"), body("abc"), 403),
    "stale": (query("abc", timestamp=str(int(NOW) - 999)), body("abc"), 403),
    "foreign corp": (query(FOREIGN), body(FOREIGN), 403),
    "worded timestamp": (query("abc", timestamp="soon"), body("abc"), 400),
    "endless timestamp": (query("abc", timestamp="9" * 400), body("abc"), 403),
    "not base64": (query("***"), body("***"), 400),
    "half a block": (query("QUJD"), body("QUJD"), 400),
    "wrong padding": (query("QUJD" * 16), body("QUJD" * 16), 400),
    "empty": (query(""), b"", 400),
    "not XML": (query("x"), b"marker-7Hq2", 400),
    "DOCTYPE": (query("x"), b"<!DOCTYPE xml><xml><Encrypt>x</Encrypt></xml>", 400),
    "inner DOCTYPE": (query(DTD), body(DTD), 400),
    "deep": (query("x"), b"<xml>" + b"<a>" * 2000 + b"</a>" * 2000 + b"</xml>", 400),
    "inner deep": (query(DEEP), body(DEEP), 400),
    "too large": (query("x"), b"<xml>" + b" " * 20_000 + b"</xml>", 413),
}


async def test_refusals(api: Api) -> None:
    for name, (params, data, expected) in REFUSED.items():
        status, text = await push(api, params, data)
        assert status == expected, name
        assert text in {"refused", "malformed", "too_large"}, name
    assert await stored(api) == 0


async def test_a_body_without_an_end_is_cut_off(api: Api) -> None:
    async def endless() -> object:
        for _ in range(1000):
            yield b" " * 1024

    status, _ = await push(api, query("x"), endless())
    assert status == 413


async def test_a_body_that_is_not_what_its_header_says(api: Api) -> None:
    for coding in ("gzip", "deflate", "br", "zstd"):
        await _mislabelled(api, coding)


async def _mislabelled(api: Api, coding: str) -> None:
    status, text = await raw(
        api,
        b"POST /wecom/callback?timestamp=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
        b"Content-Encoding: " + coding.encode() + b"\r\nConnection: close\r\n\r\nabcd",
    )
    assert 400 <= status < 500
    assert "Traceback" not in text


async def test_a_zipped_bomb_is_too_large(api: Api) -> None:
    bomb = gzip.compress(b" " * 5_000_000)
    head = (
        "POST /wecom/callback HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
        f"Connection: close\r\nContent-Length: {len(bomb)}\r\n\r\n"
    )
    status, _ = await raw(api, head.encode() + bomb)
    assert status == 413


async def test_odd_bytes_in_the_address_break_nothing(api: Api) -> None:
    for query in (
        b"nonce=\xff\xfe&timestamp=1&echostr=x",
        b"nonce=%FF%FE&timestamp=%80&echostr=%ED%A0%80&msg_signature=%FF",
        b"echostr=x&echostr=y&timestamp=1&timestamp=2",
        b"a=1&" * 1500,
    ):
        status, text = await raw(
            api,
            b"GET /wecom/callback?" + query + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        )
        assert 400 <= status < 500
        assert "Traceback" not in text


async def raw(api: Api, request: bytes) -> tuple[int, str]:
    """What the server answers to these very bytes."""
    host, port = api.server.host, api.server.port
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request)
    await writer.drain()
    async with asyncio.timeout(60):
        answer = (await reader.read()).decode(errors="replace")
    writer.close()
    return int(answer.split(" ", 2)[1]), answer
