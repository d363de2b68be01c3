from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.work.crypto import WeChatCrypto

from bot.sandbox.crypto import Envelope, sign
from bot.sandbox.errors import EnvelopeError
from bot.sandbox.pushes import Push, envelope_xml

KEY = "U2FuZGJveFdlQ29tQ2FsbGJhY2tLZXlPZjMyQnl0ZXM"
ENVELOPE = Envelope("SandboxCallbackToken", KEY, "ww5a6e626f78776563")
# Sealed apart from this code, with OpenSSL's command line; the 16 bytes are 0 to 15.
KNOWN_TEXT = "你好，沙盒"
KNOWN_SEALED = (
    "0A4sQFln1AXpw8U7MlK1mJwEEvwzLf3SXhSd0z35j6ndBcE4bsaZoHUQLsnN52UTr7L9Nl4EeZi95UYJDjUjTQ=="
)


def test_known_ciphertext() -> None:
    assert ENVELOPE.encrypt(KNOWN_TEXT, random16=bytes(range(16))) == KNOWN_SEALED
    assert ENVELOPE.decrypt(KNOWN_SEALED) == KNOWN_TEXT


@given(st.text(max_size=200))
def test_what_is_sealed_can_be_opened(text: str) -> None:
    sealed = ENVELOPE.seal(text, timestamp="1790000000", nonce="42")
    opened = ENVELOPE.open(
        sealed.encrypted,
        signature=sealed.signature,
        timestamp=sealed.timestamp,
        nonce=sealed.nonce,
    )
    assert opened == text


@given(st.text(max_size=200))
def test_anything_else_is_refused_with_our_own_error(text: str) -> None:
    with pytest.raises(EnvelopeError):
        ENVELOPE.decrypt(text)


def test_signature_sorts_its_parts_as_strings() -> None:
    assert sign("b", "2", "a", "1") == sign("a", "1", "b", "2")
    assert sign("QDG6eK", "1", "2", "x") == "930333b29cc5e7f85d981c2f6bc4e1cce03508d3"


def test_padding_fills_whole_blocks_of_32() -> None:
    for length in range(70):
        assert len(base64.b64decode(ENVELOPE.encrypt("a" * length))) % 32 == 0


def test_changed_signature_and_foreign_corp_are_refused() -> None:
    sealed = ENVELOPE.seal("你好", timestamp="1", nonce="2")
    with pytest.raises(EnvelopeError, match="签名"):
        ENVELOPE.open(sealed.encrypted, signature="0" * 40, timestamp="1", nonce="2")
    foreign = Envelope(ENVELOPE.token, KEY, "wwsomeoneelse")
    with pytest.raises(EnvelopeError, match="企业号"):
        foreign.decrypt(sealed.encrypted)


def test_key_of_wrong_length_is_refused() -> None:
    with pytest.raises(EnvelopeError, match="43"):
        Envelope("t", KEY[:-1], "ww1")


def test_another_implementation_opens_our_pushes() -> None:
    push = Push(1, ENVELOPE.receive_id, "kf_msg_or_event", "wk1", "ENC1", 1790000000)
    sealed = ENVELOPE.seal(push.xml(), timestamp="1790000000", nonce="42")
    body = envelope_xml(ENVELOPE.receive_id, 1000002, sealed.encrypted)
    other = WeChatCrypto(ENVELOPE.token, KEY, ENVELOPE.receive_id)
    opened = other.decrypt_message(body, sealed.signature, sealed.timestamp, sealed.nonce)
    assert opened == push.xml()


def _shared_vectors() -> dict[str, Any] | None:
    root = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("WECOM_SHARED") or root.parent / "shared")
    path = folder / "wecom" / "crypto_vectors.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def test_published_vectors() -> None:
    vectors = _shared_vectors()
    if vectors is None:
        pytest.skip("no published vectors beside the repository")
    for vector in vectors["official"] + vectors["generated"]:
        envelope = Envelope(vector["token"], vector["encoding_aes_key"], vector["receive_id"])
        opened = envelope.open(
            vector["encrypt"],
            signature=vector["msg_signature"],
            timestamp=vector["timestamp"],
            nonce=vector["nonce"],
        )
        assert opened == vector["plaintext"], vector["name"]
        random16 = bytes.fromhex(vector["random16_hex"])
        assert envelope.encrypt(opened, random16=random16) == vector["encrypt"], vector["name"]
