"""Every way in which a push may be wrong, and the one status that answers it."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

import pytest
from corp import START, wecom_settings
from hypothesis import example, given
from hypothesis import strategies as st

from bot.clock import ManualClock
from bot.errors import BotError, MalformedCallback, OversizedCallback, RefusedCallback
from bot.wecom.callback import Callback
from bot.wecom.envelope import Envelope, sign
from bot.wecom.events import KfNotice

SETTINGS = wecom_settings()
TOKEN = SETTINGS.token.get_secret_value()
ENVELOPE = Envelope(SETTINGS.encoding_aes_key.get_secret_value())
NOW = str(int(START.timestamp()))
INNER = (
    "<xml><ToUserName><![CDATA[ww5a6e626f78776563]]></ToUserName>"
    "<CreateTime>1795140000</CreateTime><MsgType><![CDATA[event]]></MsgType>"
    "<Event><![CDATA[kf_msg_or_event]]></Event><Token><![CDATA[ENCtoken]]></Token>"
    "<OpenKfId><![CDATA[wk1]]></OpenKfId></xml>"
)
Query = dict[str, str]


def query_for(encrypted: str, *, timestamp: str = NOW, nonce: str = "n1", **more: str) -> Query:
    signature = sign(TOKEN, timestamp, nonce, encrypted)
    return {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce, **more}


def body_of(encrypted: str) -> bytes:
    return f"<xml><ToUserName>x</ToUserName><Encrypt>{encrypted}</Encrypt></xml>".encode()


def sealed(inner: str = INNER, *, corp: str = SETTINGS.corp_id) -> str:
    return ENVELOPE.seal(inner, corp)


@pytest.fixture
def callback(clock: ManualClock) -> Callback:
    return Callback(SETTINGS, clock, max_bytes=64 * 1024)


def test_a_right_push_is_a_typed_event(callback: Callback) -> None:
    encrypted = sealed()
    event = callback.receive(query_for(encrypted), body_of(encrypted))
    assert isinstance(event, KfNotice)
    assert (event.open_kfid, event.token) == ("wk1", "ENCtoken")


def test_the_official_order_of_elements_is_read_too(callback: Callback) -> None:
    encrypted = sealed()
    body = (
        f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt><AgentID>1</AgentID>"
        "<New><Deep>1</Deep></New></xml>"
    )
    assert callback.receive(query_for(encrypted), body.encode()).event == "kf_msg_or_event"


def test_verification_answers_the_bare_plain_text(callback: Callback) -> None:
    encrypted = sealed("1616140317555161061")
    assert callback.echo(query_for(encrypted, echostr=encrypted)) == "1616140317555161061"


def test_verification_survives_a_plus_that_became_a_blank(callback: Callback) -> None:
    encrypted = next(one for one in (sealed("echo") for _ in range(500)) if "+" in one)
    query = query_for(encrypted, echostr=encrypted.replace("+", " "))
    assert callback.echo(query) == "echo"


@pytest.mark.parametrize("echostr", ["", "%%%", "QUJD"])
def test_verification_refuses_a_broken_echo(callback: Callback, echostr: str) -> None:
    with pytest.raises(MalformedCallback):
        callback.echo(query_for(echostr, echostr=echostr))


def _changed(field: str, value: str) -> Callable[[Query], Query]:
    return lambda query: query | {field: value}


@pytest.mark.parametrize(
    "change",
    [
        _changed("msg_signature", "0" * 40),
        _changed("msg_signature", ""),
        _changed("msg_signature", "签名"),
        _changed("nonce", "n2"),
        _changed("timestamp", str(int(NOW) + 1)),
        lambda query: {},
    ],
)
def test_a_wrong_signature_is_refused(
    callback: Callback, change: Callable[[Query], Query]
) -> None:
    encrypted = sealed()
    with pytest.raises(RefusedCallback):
        callback.receive(change(query_for(encrypted)), body_of(encrypted))


@pytest.mark.parametrize("off", [-301, 301, -86_400 * 365, 10**12])
def test_a_stale_or_future_timestamp_is_refused(callback: Callback, off: int) -> None:
    encrypted = sealed()
    query = query_for(encrypted, timestamp=str(int(NOW) + off))
    with pytest.raises(RefusedCallback):
        callback.receive(query, body_of(encrypted))


@pytest.mark.parametrize("off", [-300, 0, 300])
def test_the_edge_of_the_window_is_inside(callback: Callback, off: int) -> None:
    encrypted = sealed()
    query = query_for(encrypted, timestamp=str(int(NOW) + off))
    assert callback.receive(query, body_of(encrypted))


@pytest.mark.parametrize("timestamp", ["", "now", "1.5", "9" * 400, "9" * 5000, "-" + "9" * 400])
def test_a_timestamp_out_of_all_bounds_is_refused(callback: Callback, timestamp: str) -> None:
    encrypted = sealed()
    with pytest.raises((MalformedCallback, RefusedCallback)):
        callback.receive(query_for(encrypted, timestamp=timestamp), body_of(encrypted))


def test_another_corp_is_refused_with_a_right_signature(callback: Callback) -> None:
    encrypted = sealed(corp="wwFOREIGN")
    with pytest.raises(RefusedCallback):
        callback.receive(query_for(encrypted), body_of(encrypted))


def test_size_is_looked_at_before_anything_else(callback: Callback) -> None:
    with pytest.raises(OversizedCallback):
        callback.receive({}, b"<" * (64 * 1024 + 1))


def test_the_largest_allowed_body_is_read(callback: Callback) -> None:
    encrypted = sealed()
    body = body_of(encrypted)
    padded = body.replace(b"<xml>", b"<xml>" + b" " * (64 * 1024 - len(body)))
    assert callback.receive(query_for(encrypted), padded)


BOMB = (
    '<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<xml><Encrypt>&b;</Encrypt></xml>"
)
HOSTILE = {
    "empty": b"",
    "not XML": b"hello",
    "JSON": b'{"Encrypt": "x"}',
    "unclosed": b"<xml><Encrypt>abc</Encrypt>",
    "other root": b"<html><Encrypt>abc</Encrypt></html>",
    "namespaced root": b'<xml xmlns="urn:x"><Encrypt>abc</Encrypt></xml>',
    "no Encrypt": b"<xml><ToUserName>x</ToUserName></xml>",
    "no children": b"<xml>text</xml>",
    "blank Encrypt": b"<xml><Encrypt>  </Encrypt></xml>",
    "two Encrypts": b"<xml><Encrypt>a</Encrypt><Encrypt>b</Encrypt></xml>",
    "nested Encrypt": b"<xml><Encrypt><a>b</a></Encrypt></xml>",
    "DOCTYPE": b"<!DOCTYPE xml><xml><Encrypt>abc</Encrypt></xml>",
    "entity bomb": BOMB.encode(),
    "external entity": (
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><Encrypt>&e;</Encrypt></xml>'
    ),
    "parameter entity": (
        b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/">%p;]><xml><Encrypt>a</Encrypt>'
        b"</xml>"
    ),
    "undefined entity": b"<xml><Encrypt>&nope;</Encrypt></xml>",
    "NUL": b"<xml><Encrypt>a\x00b</Encrypt></xml>",
    "bad UTF-8": b"<xml><Encrypt>\xff\xfe</Encrypt></xml>",
    "unknown encoding": b'<?xml version="1.0" encoding="x-none"?><xml><Encrypt/></xml>',
    "multi-byte encoding": b'<?xml version="1.0" encoding="gb18030"?><xml><Encrypt/></xml>',
    "codec that is no text": b'<?xml version="1.0" encoding="zip"?><xml><Encrypt/></xml>',
    "deep": b"<xml>" + b"<a>" * 9_000 + b"</a>" * 9_000 + b"<Encrypt>a</Encrypt></xml>",
    "deeper than a stack": b"<xml>" + b"<a>" * 60_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bodies_are_malformed_or_refused(clock: ManualClock, body: bytes) -> None:
    """Whoever sends these cannot sign them: no signature may be needed to withstand them."""
    callback = Callback(SETTINGS, clock, max_bytes=1024 * 1024)
    with pytest.raises((MalformedCallback, RefusedCallback)):
        callback.receive(query_for("abc"), body)


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_inner_xml_is_malformed(clock: ManualClock, body: bytes) -> None:
    try:
        inner = body.decode()
    except UnicodeDecodeError:
        pytest.skip("the envelope holds UTF-8 only")
    callback = Callback(SETTINGS, clock, max_bytes=2**20)
    encrypted = sealed(inner)
    try:
        event = callback.receive(query_for(encrypted), body_of(encrypted))
    except MalformedCallback:
        return
    assert event.dedupe_key and event.lane is not None


@given(st.binary(max_size=400))
@example(b"<xml><Encrypt>" + b"QUJD" * 16 + b"</Encrypt></xml>")
def test_any_body_raises_only_our_errors(body: bytes) -> None:
    callback = Callback(SETTINGS, ManualClock(START), max_bytes=1000)
    with pytest.raises((MalformedCallback, RefusedCallback)):
        callback.receive(query_for("x"), body)


_KEYS = st.sampled_from(["msg_signature", "timestamp", "nonce", "echostr"])
_ANY = st.text(st.characters(exclude_categories=[]), max_size=60)  # lone surrogates too


@given(st.dictionaries(_KEYS, _ANY))
@example({"nonce": "\udcff", "echostr": "x"})
@example({"timestamp": "\ud800"})
def test_any_query_raises_only_our_errors(query: Query) -> None:
    callback = Callback(SETTINGS, ManualClock(START), max_bytes=1000)
    with pytest.raises((MalformedCallback, RefusedCallback)):
        callback.echo(query)
    with pytest.raises((MalformedCallback, RefusedCallback)):
        callback.receive(query, b"<xml><Encrypt>abc</Encrypt></xml>")


_TAGS = st.text(string.ascii_letters, min_size=1, max_size=6)
_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
_TREES = st.recursive(
    _TEXTS, lambda inner: st.lists(st.tuples(_TAGS, inner), max_size=4), max_leaves=12
)


def written(tree: Any) -> str:
    if isinstance(tree, str):
        return escape(tree)
    return "".join(f"<{tag}>{written(inner)}</{tag}>" for tag, inner in tree)


@given(_TREES)
def test_a_signed_event_of_any_shape_is_an_event_or_malformed(tree: Any) -> None:
    callback = Callback(SETTINGS, ManualClock(START), max_bytes=2**20)
    encrypted = sealed(f"<xml>{written(tree)}</xml>")
    try:
        event = callback.receive(query_for(encrypted), body_of(encrypted))
    except BotError as error:
        assert isinstance(error, MalformedCallback)
        return
    assert len(event.dedupe_key) == 64
    assert isinstance(event.lane, str)
    assert isinstance(event.event, str)


def test_refusals_never_repeat_what_was_sent(callback: Callback) -> None:
    marker = "SENSITIVE-MARKER"
    for body in (f"<xml><Encrypt>{marker}</Encrypt></xml>", marker, f"<{marker}/>"):
        with pytest.raises(BotError) as caught:
            callback.receive(query_for(marker), body.encode())
        assert marker not in str(caught.value)
