"""Only WeCom gets in: everything else is refused with the right status and hears nothing back."""

from __future__ import annotations

import base64
import gzip
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from e2e.envelope import (
    Credentials,
    Push,
    encrypt,
    envelope_xml,
    kf_notice,
    pushed,
    signed,
)
from e2e.running import Bot

MARK = "marker4711"
XML = f"<xml><Event>kf_msg_or_event</Event><OpenKfId>{MARK}</OpenKfId></xml>"
ENTITIES = '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'

Make = Callable[[Credentials], Push]


def _of_plain(plain: bytes) -> Make:
    """Rightly signed, but what is encrypted is not what WeCom would encrypt."""

    def make(credentials: Credentials) -> Push:
        encrypted = base64.b64encode(encrypt(plain, credentials.aes_key)).decode()
        return Push(signed(encrypted, credentials), envelope_xml(encrypted, credentials.corp_id))

    return make


def _of_encrypted(encrypted: str) -> Make:
    """Rightly signed text in the place of the cipher text."""
    return lambda credentials: Push(
        signed(encrypted, credentials), envelope_xml(encrypted, credentials.corp_id)
    )


def _of_body(body: bytes) -> Make:
    """A body that is not an envelope at all."""
    return lambda credentials: Push(signed("x", credentials), body)


def _of_inner(inner: str | bytes) -> Make:
    """Everything right, but the event is hostile."""
    return lambda credentials: pushed(inner, credentials)


def _stamped(timestamp: str) -> Make:
    return lambda credentials: pushed(XML, credentials, timestamp=timestamp)


def _forged(credentials: Credentials) -> Push:
    return pushed(XML, replace(credentials, token="not-the-token"))


def _foreign_key(credentials: Credentials) -> Push:
    """Signed with our token but encrypted with another key."""
    return pushed(XML, replace(credentials, aes_key="A" * 43))


def _tampered(credentials: Credentials) -> Push:
    push = pushed(XML, credentials)
    at = push.body.index(b"<Encrypt><![CDATA[") + 30
    letter = b"A" if push.body[at : at + 1] != b"A" else b"B"
    return Push(push.query, push.body[:at] + letter + push.body[at + 1 :])


def _without(name: str) -> Make:
    def make(credentials: Credentials) -> Push:
        push = pushed(XML, credentials)
        return Push({key: push.query[key] for key in push.query if key != name}, push.body)

    return make


def _with(**query: str) -> Make:
    def make(credentials: Credentials) -> Push:
        push = pushed(XML, credentials)
        return Push(push.query | query, push.body)

    return make


def _encoded(encoding: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="{encoding}"?><xml><Encrypt>{MARK}</Encrypt></xml>'.encode()
    )


HEAD = os.urandom(16)
REFUSED = {
    "forged signature": _forged,
    "changed on the way": _tampered,
    "for another corp": lambda credentials: pushed(XML, credentials, receiver="ww00000000000000"),
    "for nobody": lambda credentials: pushed(XML, credentials, receiver=""),
    "an hour old": _stamped(str(int(time.time()) - 3600)),
    "an hour ahead": _stamped(str(int(time.time()) + 3600)),
    "a negative time": _stamped("-1"),
    "a time of four hundred digits": _stamped("9" * 400),
    "signature in Chinese": _with(msg_signature="签名" * 20),
    "empty signature": _with(msg_signature=""),
}
MALFORMED = {
    "empty body": _of_body(b""),
    "not XML": _of_body(MARK.encode()),
    "half an XML": _of_body(b"<xml><Encrypt>"),
    "JSON": _of_body(b'{"encrypt": "x"}'),
    "binary": _of_body(bytes(range(256))),
    "no Encrypt": _of_body(f"<xml><ToUserName>{MARK}</ToUserName></xml>".encode()),
    "empty Encrypt": _of_body(b"<xml><Encrypt></Encrypt></xml>"),
    "two Encrypts": _of_body(b"<xml><Encrypt>a</Encrypt><Encrypt>b</Encrypt></xml>"),
    "Encrypt with children": _of_body(b"<xml><Encrypt><a>b</a></Encrypt></xml>"),
    "another root": _of_body(b"<html><Encrypt>a</Encrypt></html>"),
    "a DOCTYPE": _of_body(b"<!DOCTYPE xml><xml><Encrypt>x</Encrypt></xml>"),
    "an external entity": _of_body(
        b'<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><Encrypt>&e;</Encrypt></xml>'
    ),
    "entities that grow": _of_body(
        f"<!DOCTYPE xml [{ENTITIES}]><xml><Encrypt>&b;</Encrypt></xml>".encode()
    ),
    "an unknown encoding": _of_body(_encoded("klingon")),
    "an encoding of many bytes": _of_body(_encoded("utf-7")),
    "an encoding that is none": _of_body(_encoded("undefined")),
    "deep nesting": _of_body(b"<xml>" + b"<a>" * 20_000 + b"</a>" * 20_000 + b"</xml>"),
    "an inner DOCTYPE": _of_inner(f"<!DOCTYPE xml>{XML}"),
    "inner entities": _of_inner(f"<!DOCTYPE xml [{ENTITIES}]><xml><Event>&b;</Event></xml>"),
    "inner nesting": _of_inner("<xml>" + "<a>" * 5000 + "</a>" * 5000 + "</xml>"),
    "inner text": _of_inner(MARK),
    "inner JSON": _of_inner(b'{"event": "x"}'),
    "inner bytes": _of_inner(b"\xff\xfe\xfd"),
    "inner nothing": _of_inner(""),
    "inner root alone": _of_inner("<xml></xml>"),
    "not base64": _of_encrypted("!!!! not base64 !!!!"),
    "base64 of nothing": _of_encrypted("===="),
    "Chinese for base64": _of_encrypted("这不是密文"),
    "half a block": _of_encrypted(base64.b64encode(b"x" * 24).decode()),
    "one block of noise": _of_encrypted(base64.b64encode(b"x" * 16).decode()),
    "padding of nought": _of_plain(HEAD + bytes(16)),
    "padding too long": _of_plain(HEAD + b"!" * 16),
    "padding cut short": _of_plain(HEAD + b"\x01" * 8 + b"\x08" * 7 + b"\x07\x08"[:1]),
    "only padding": _of_plain(b"\x20" * 32),
    "no head": _of_plain(b"x" * 8 + b"\x08" * 8),
    "a length beyond the end": _of_plain(HEAD + struct.pack(">I", 2**31) + b"x" * 8 + b"\x04" * 4),
    "another key": _foreign_key,
    "a time that is no number": _stamped("yesterday"),
    "an empty time": _stamped(""),
}


@pytest.mark.parametrize("name", [*REFUSED, *MALFORMED])
def test_it_is_refused_with_the_right_status_and_no_echo(bot: Bot, name: str) -> None:
    make = REFUSED.get(name) or MALFORMED[name]
    push = make(bot.platform.credentials)
    answer = bot.push(push)
    assert answer.status == (403 if name in REFUSED else 400), answer.text
    assert len(answer.text) < 100
    assert MARK not in answer.text
    assert not any(value in answer.text for value in push.query.values() if len(value) > 3)


@pytest.mark.parametrize("name", ["msg_signature", "timestamp", "nonce"])
def test_a_query_with_something_missing_is_refused(bot: Bot, name: str) -> None:
    assert bot.push(_without(name)(bot.platform.credentials)).status in (400, 403)


@pytest.mark.parametrize("size", [300 * 1024, 3 * 2**20])
def test_a_body_that_says_it_is_too_large(bot: Bot, size: int) -> None:
    push = _of_body(b"<xml><Encrypt>" + b"A" * size + b"</Encrypt></xml>")
    assert bot.push(push(bot.platform.credentials)).status == 413


@pytest.mark.parametrize("size", [300 * 1024, 3 * 2**20])
def test_a_body_that_does_not_say_how_large_it_is(bot: Bot, size: int) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"<xml><Encrypt>"
        for _ in range(size // 4096):
            yield b"A" * 4096
        yield b"</Encrypt></xml>"

    path = pushed(XML, bot.platform.credentials).path
    answer = bot.request("POST", path, body=pieces())  # type: ignore[arg-type]
    assert answer.status == 413


def test_a_small_body_in_pieces_is_fine(bot: Bot) -> None:
    credentials = bot.platform.credentials
    push = pushed(kf_notice(credentials, "wk_shop", "", at=int(time.time())), credentials)
    pieces = iter([push.body[:50], push.body[50:]])
    answer = bot.request("POST", push.path, body=pieces)  # type: ignore[arg-type]
    assert (answer.status, answer.text) == (200, "success")


def test_a_compressed_bomb_is_refused(bot: Bot) -> None:
    path = pushed(XML, bot.platform.credentials).path
    bomb = gzip.compress(b"<xml><Encrypt>" + b"A" * 50 * 2**20)
    before = bot.resident_mb
    answer = bot.request("POST", path, body=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status in (400, 413, 415)
    assert bot.resident_mb - before < 40


def test_a_wrong_compression_is_malformed(bot: Bot) -> None:
    push = pushed(XML, bot.platform.credentials)
    answer = bot.request(
        "POST", push.path, body=MARK.encode(), headers={"Content-Encoding": "gzip"}
    )
    assert answer.status == 400
    assert MARK not in answer.text


@pytest.mark.parametrize(
    "head",
    [
        f"GET /wecom/callback?echostr={MARK * 4000} HTTP/1.1",
        f"GET /healthz HTTP/1.1\r\nX-Long: {MARK * 4000}",
        f"GET /healthz HTTP/1.1\r\n{MARK} no colon",
        f"{MARK} /healthz SMTP/9",
        "GET /healthz HTTP/1.1\r\nContent-Length: many",
    ],
)
def test_what_is_hardly_http_is_refused_and_not_repeated(bot: Bot, head: str) -> None:
    with socket.create_connection(("127.0.0.1", bot.port), timeout=5) as line:
        line.sendall(f"{head}\r\nHost: shop\r\n\r\n".encode())
        answer = line.makefile("rb").read().decode()
    assert answer.startswith("HTTP/1.1 400") or answer.startswith("HTTP/1.0 400")
    assert MARK not in answer and "Traceback" not in answer
    assert MARK not in bot.output and "Traceback" not in bot.output


def test_another_method_is_not_allowed(bot: Bot) -> None:
    path = pushed(XML, bot.platform.credentials).path
    for method in ("PUT", "DELETE", "PATCH"):
        assert bot.request(method, path, body=b"x").status == 405


@pytest.mark.parametrize(
    "inner",
    [
        "<xml><Event>never_heard_of</Event><Odd><Item>1</Item><Item>2</Item></Odd></xml>",
        "<xml><MsgType>event</MsgType><Event></Event></xml>",
        "<xml><MsgType>hologram</MsgType><MsgId>1</MsgId></xml>",
        "<xml><ToUserName>x</ToUserName></xml>",
        "<xml><Event>kf_msg_or_event</Event></xml>",
        "<xml><Event>kf_msg_or_event</Event><OpenKfId></OpenKfId><Token></Token></xml>",
        "<xml><Event><Deep>er</Deep></Event></xml>",
        f"<xml><Event>{'长' * 500}</Event><ChangeType>{'x' * 500}</ChangeType></xml>",
        (
            f"<xml><Event>kf_msg_or_event</Event><OpenKfId>{'k' * 400}</OpenKfId>"
            f"<Token>{'t' * 900}</Token></xml>"
        ),
        "<xml><Event>kf_msg_or_event</Event><OpenKfId>a</OpenKfId><OpenKfId>b</OpenKfId></xml>",
        "<xml><Event>kf_account_auth_change</Event></xml>",
        "<xml><Event>kf_account_auth_change</Event><AuthAddOpenKfId></AuthAddOpenKfId></xml>",
        (
            "<xml><Event>kf_account_auth_change</Event><AuthAddOpenKfId><a>1</a></AuthAddOpenKfId>"
            "<AuthAddOpenKfId><a>2</a></AuthAddOpenKfId></xml>"
        ),
        "<?xml version='1.0' encoding='GB2312'?><xml><Event>中文</Event></xml>",
        "\ufeff<xml><Event>with_a_mark</Event></xml>",
        "  <xml>\n <Event>\n with_blanks \n</Event>\n</xml>\n",
    ],
)
def test_an_unknown_event_is_recorded_and_acknowledged(bot: Bot, inner: str) -> None:
    push = pushed(inner, bot.platform.credentials)
    answer = bot.push(push)
    assert (answer.status, answer.text) == (200, "success")
    assert bot.push(push).text == "success"


def test_after_all_that_a_customer_is_still_heard(bot: Bot, customer: str) -> None:
    bot.hears(customer, "这件还有L码吗")
