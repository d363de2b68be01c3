"""WeCom's callback encryption: AES-256-CBC in an envelope signed with SHA-1.

WeCom: AES key = base64(EncodingAESKey + "="), IV = its first 16 bytes, PKCS#7 to 32 bytes;
plain text = 16 random bytes, length of the message (uint32, big-endian), message, receive id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bot.errors import MalformedCallback, RefusedCallback, SettingsError

_BLOCK = 32
_HEAD = 16 + 4


def sign(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """WeCom: lower-case hex SHA-1 of the four values, sorted and joined."""
    joined = "".join(sorted([token, timestamp, nonce, encrypted]))
    return hashlib.sha1(joined.encode(errors="replace"), usedforsecurity=False).hexdigest()


def same_signature(ours: str, theirs: str) -> bool:
    """Compare in constant time; encoded first, because a stranger may send non-ASCII."""
    return hmac.compare_digest(ours.encode(), theirs.encode(errors="replace"))


@dataclass(frozen=True, slots=True)
class Opened:
    """What was inside an envelope, and for whom it was meant."""

    text: str
    receive_id: str


class Envelope:
    """Opens and seals with one EncodingAESKey."""

    def __init__(self, encoding_aes_key: str) -> None:
        try:
            self._key = base64.b64decode(encoding_aes_key + "=", validate=True)
        except (binascii.Error, ValueError):
            self._key = b""
        if len(encoding_aes_key) != 43 or len(self._key) != 32:
            raise SettingsError(
                "设置 wecom.encoding_aes_key 有误：必须正好是 43 位字母或数字。"
                "请从企业微信后台「接收消息」处重新复制"
            )

    def open(self, encrypted: str) -> Opened:
        """Decrypt; raises `MalformedCallback` whatever is wrong with the bytes."""
        plain = _unpad(self._decrypt(_bytes_of(encrypted)))
        if len(plain) < _HEAD:
            raise MalformedCallback("the decrypted text is too short")
        (length,) = struct.unpack(">I", plain[16:_HEAD])
        if length > len(plain) - _HEAD:
            raise MalformedCallback("the decrypted length is wrong")
        try:
            text = plain[_HEAD : _HEAD + length].decode()
            return Opened(text, plain[_HEAD + length :].decode())
        except UnicodeDecodeError:
            raise MalformedCallback("the decrypted text is not UTF-8") from None

    def seal(self, text: str, receive_id: str) -> str:
        """Encrypt a reply for WeCom; the result is base64."""
        body = text.encode()
        plain = secrets.token_bytes(16) + struct.pack(">I", len(body)) + body + receive_id.encode()
        pad = _BLOCK - len(plain) % _BLOCK
        encryptor = self._cipher().encryptor()
        sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
        return base64.b64encode(sealed).decode()

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))

    def _decrypt(self, sealed: bytes) -> bytes:
        if not sealed or len(sealed) % 16:
            raise MalformedCallback("the cipher text is not a whole number of blocks")
        decryptor = self._cipher().decryptor()
        return decryptor.update(sealed) + decryptor.finalize()


def check_receiver(opened: Opened, corp_id: str) -> None:
    """Raise `RefusedCallback` when the envelope was meant for another corp."""
    if not hmac.compare_digest(opened.receive_id.encode(), corp_id.encode()):
        raise RefusedCallback("the callback is for another corp")


def _bytes_of(encrypted: str) -> bytes:
    try:
        return base64.b64decode(encrypted.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedCallback("the cipher text is not base64") from None


def _unpad(plain: bytes) -> bytes:
    pad = plain[-1]
    if not 1 <= pad <= _BLOCK or plain[-pad:] != bytes([pad]) * pad:
        raise MalformedCallback("the padding is wrong")
    return plain[:-pad]
