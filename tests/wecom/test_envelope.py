from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from corp import KEY
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import MalformedCallback, RefusedCallback, SettingsError
from bot.wecom.envelope import Envelope, Opened, check_receiver, same_signature, sign

AES_KEY = base64.b64decode(KEY + "=")
CORP = "ww5a6e626f78776563"


def encrypt(plain: bytes, *, key: bytes = AES_KEY) -> str:
    """WeCom's cipher written down again, without its envelope."""
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def wrap(body: bytes, *, receive_id: bytes = CORP.encode(), length: int | None = None) -> bytes:
    """The plain bytes of an envelope, padded to 32."""
    size = len(body) if length is None else length
    plain = bytes(range(16)) + struct.pack(">I", size) + body + receive_id
    pad = 32 - len(plain) % 32
    return plain + bytes([pad]) * pad


@pytest.mark.parametrize("size", [0, 1, 11, 12, 13, 27, 28, 31, 32, 33, 1000])
def test_opens_what_the_documented_cipher_sealed(size: int) -> None:
    body = "客" * (size // 3) + "x" * (size % 3)
    opened = Envelope(KEY).open(encrypt(wrap(body.encode())))
    assert opened == Opened(body, CORP)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text("abc0123"))
def test_what_is_sealed_opens_again(text: str, receive_id: str) -> None:
    envelope = Envelope(KEY)
    assert envelope.open(envelope.seal(text, receive_id)) == Opened(text, receive_id)


def test_two_seals_of_one_text_differ() -> None:
    envelope = Envelope(KEY)
    assert envelope.seal("hello", CORP) != envelope.seal("hello", CORP)


@given(st.binary(max_size=300))
def test_any_bytes_raise_nothing_but_malformed(raw: bytes) -> None:
    """Random bytes almost never pad right; if they do, what comes out is text."""
    try:
        opened = Envelope(KEY).open(base64.b64encode(raw).decode())
    except MalformedCallback:
        return
    assert isinstance(opened.text, str)


@given(st.text(max_size=200))
def test_any_text_raises_nothing_but_malformed(text: str) -> None:
    try:
        Envelope(KEY).open(text)
    except MalformedCallback:
        return
    raise AssertionError("random text opened")


@given(st.binary(min_size=0, max_size=200))
def test_any_plain_bytes_under_the_right_key_raise_nothing_but_malformed(plain: bytes) -> None:
    """The sender knows the key but not the format: padding may be right and the rest wrong."""
    pad = 32 - len(plain) % 32
    try:
        Envelope(KEY).open(encrypt(plain + bytes([pad]) * pad))
    except MalformedCallback:
        return


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(wrap(b"hi", length=2**32 - 1), id="length beyond the end"),
        pytest.param(wrap(b"hi", length=21), id="length one beyond the end"),
        pytest.param(wrap(b"\xff\xfe\xfd"), id="not UTF-8"),
        pytest.param(wrap(b"hi", receive_id=b"\xff"), id="receive id not UTF-8"),
        pytest.param(b"\x00" * 32, id="pad of zero"),
        pytest.param(b"\x00" * 31 + b"\x21", id="pad of 33"),
        pytest.param(b"\x00" * 30 + b"\x01\x02", id="pad that disagrees with itself"),
        pytest.param(b"\x20" * 32, id="nothing but padding"),
        pytest.param(b"\x0d" * 32, id="one byte short of a head"),
    ],
)
def test_wrong_plain_bytes_are_malformed(plain: bytes) -> None:
    with pytest.raises(MalformedCallback):
        Envelope(KEY).open(encrypt(plain))


def test_a_length_that_cuts_the_receive_id_is_not_our_corp() -> None:
    opened = Envelope(KEY).open(encrypt(wrap(b"hi", length=3)))
    with pytest.raises(RefusedCallback):
        check_receiver(opened, CORP)


@pytest.mark.parametrize("cut", [1, 15, 16, 17, 31])
def test_a_truncated_cipher_text_is_malformed(cut: int) -> None:
    sealed = base64.b64decode(Envelope(KEY).seal("今天发货吗", CORP))
    with pytest.raises(MalformedCallback):
        Envelope(KEY).open(base64.b64encode(sealed[:-cut]).decode())


@pytest.mark.parametrize("text", ["", " ", "====", "a", "é" * 8, "QUJD*A==", "\ud800", "QQ==\x00"])
def test_what_is_not_base64_is_malformed(text: str) -> None:
    with pytest.raises(MalformedCallback):
        Envelope(KEY).open(text)


@pytest.mark.parametrize("key", ["", "short", KEY[:-1], KEY + "A", "*" * 43, "é" * 43])
def test_a_wrong_key_is_a_settings_error_that_does_not_show_it(key: str) -> None:
    with pytest.raises(SettingsError, match="encoding_aes_key") as caught:
        Envelope(key)
    assert not key or key not in str(caught.value)


def test_signature_sorts_the_four_values() -> None:
    expected = hashlib.sha1(b"1CIPHERnoncetoken").hexdigest()
    assert sign("token", "1", "nonce", "CIPHER") == expected
    assert sign("nonce", "CIPHER", "token", "1") == expected


@given(st.text(max_size=60))
def test_only_the_very_signature_is_the_same(theirs: str) -> None:
    ours = sign("token", "1", "2", "3")
    assert same_signature(ours, theirs) == (ours == theirs)


def test_an_upper_case_signature_is_another_one() -> None:
    ours = sign("token", "1", "2", "3")
    assert not same_signature(ours, ours.upper())


@pytest.mark.parametrize("receive_id", ["", "ww", CORP + "x", CORP.upper(), "企业"])
def test_another_receiver_is_refused(receive_id: str) -> None:
    with pytest.raises(RefusedCallback):
        check_receiver(Opened("", receive_id), CORP)


def _vectors() -> dict[str, Any] | None:
    root = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("WECOM_SHARED", root.parent / "shared"))
    for path in (folder / "wecom" / "crypto_vectors.json", folder / "crypto_vectors.json"):
        if path.is_file():
            vectors: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return vectors
    return None


VECTORS = _vectors()
needs_vectors = pytest.mark.skipif(VECTORS is None, reason="set $WECOM_SHARED")
_GOOD = [*VECTORS["official"], *VECTORS["generated"]] if VECTORS else []


@needs_vectors
@pytest.mark.parametrize("vector", _GOOD, ids=[one["name"] for one in _GOOD])
def test_published_vector(vector: dict[str, Any]) -> None:
    arguments = (vector["token"], vector["timestamp"], vector["nonce"], vector["encrypt"])
    assert sign(*arguments) == vector["msg_signature"]
    opened = Envelope(vector["encoding_aes_key"]).open(vector["encrypt"])
    assert opened.text == vector["plaintext"]
    check_receiver(opened, vector["receive_id"])


@needs_vectors
@pytest.mark.parametrize("name", ["signature_tampered", "nonce_changed"])
def test_vector_with_a_wrong_signature(name: str) -> None:
    vector = _negative(name)
    ours = sign(vector["token"], vector["timestamp"], vector["nonce"], vector["encrypt"])
    assert not same_signature(ours, vector["msg_signature"])


@needs_vectors
def test_vector_for_another_receiver() -> None:
    vector = _negative("wrong_receiveid")
    opened = Envelope(vector["encoding_aes_key"]).open(vector["encrypt"])
    with pytest.raises(RefusedCallback):
        check_receiver(opened, vector["expected_receive_id"])


@needs_vectors
def test_vectors_that_cannot_be_opened() -> None:
    with pytest.raises(MalformedCallback):
        Envelope(KEY).open(_negative("ciphertext_not_multiple_of_16")["encrypt"])
    with pytest.raises(SettingsError):
        Envelope(_negative("encoding_aes_key_wrong_length")["encoding_aes_key"])


def _negative(name: str) -> dict[str, Any]:
    assert VECTORS is not None
    vector = next(one for one in VECTORS["negative"] if one["name"] == name)
    base = next((one for one in _GOOD if one["name"] == vector.get("based_on")), {})
    return {**base, **vector}
