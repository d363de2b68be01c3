"""The callback envelope: SHA-1 signature and AES-256-CBC with 32-byte PKCS#7."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from .errors import EnvelopeError

BLOCK = 32
_RANDOM = 16
_KEY_SHAPE = re.compile(r"[A-Za-z0-9+/]{43}")


def sign(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """SHA-1 over the four values sorted as strings, hex in lower case."""
    joined = "".join(sorted([token, timestamp, nonce, encrypted]))
    return hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted text with everything that goes into the callback's URL."""

    encrypted: str
    signature: str
    timestamp: str
    nonce: str

    def query(self) -> dict[str, str]:
        """The three parameters of the callback's URL."""
        return {
            "msg_signature": self.signature,
            "timestamp": self.timestamp,
            "nonce": self.nonce,
        }


class Envelope:
    """Seals and opens callback texts for one corp."""

    def __init__(self, token: str, encoding_aes_key: str, receive_id: str) -> None:
        if not _KEY_SHAPE.fullmatch(encoding_aes_key):
            raise EnvelopeError("EncodingAESKey 应为 43 位字母或数字，请检查沙盒设置")
        self.token = token
        self.receive_id = receive_id
        self._key = base64.b64decode(encoding_aes_key + "=")

    def encrypt(self, text: str, *, random16: bytes | None = None) -> str:
        """Base64 of the ciphertext; `random16` is given only to reproduce a vector."""
        message = text.encode()
        head = random16 if random16 is not None else secrets.token_bytes(_RANDOM)
        plain = head + struct.pack(">I", len(message)) + message + self.receive_id.encode()
        pad = BLOCK - len(plain) % BLOCK
        encryptor = self._cipher().encryptor()
        sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
        return base64.b64encode(sealed).decode()

    def decrypt(self, encrypted: str) -> str:
        """The text inside; raises `EnvelopeError` for anything that is not ours."""
        try:
            sealed = base64.b64decode(encrypted, validate=True)
        except (binascii.Error, ValueError) as error:
            raise EnvelopeError("密文不是合法的 base64") from error
        if not sealed or len(sealed) % 16:
            raise EnvelopeError("密文长度不是 16 的倍数")
        decryptor = self._cipher().decryptor()
        return self._unpack(decryptor.update(sealed) + decryptor.finalize())

    def seal(self, text: str, *, timestamp: str, nonce: str) -> Sealed:
        """Encrypt and sign."""
        encrypted = self.encrypt(text)
        signature = sign(self.token, timestamp, nonce, encrypted)
        return Sealed(encrypted, signature, timestamp, nonce)

    def open(self, encrypted: str, *, signature: str, timestamp: str, nonce: str) -> str:
        """Check the signature, then decrypt."""
        expected = sign(self.token, timestamp, nonce, encrypted)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise EnvelopeError("签名不符")
        return self.decrypt(encrypted)

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))

    def _unpack(self, plain: bytes) -> str:
        pad = plain[-1]
        if not 1 <= pad <= BLOCK or len(plain) < pad + _RANDOM + 4:
            raise EnvelopeError("填充不合法")
        body = plain[_RANDOM:-pad]
        (length,) = struct.unpack(">I", body[:4])
        message, receive_id = body[4 : 4 + length], body[4 + length :]
        if len(message) != length or receive_id != self.receive_id.encode():
            raise EnvelopeError("解密后的企业号与设置不符")
        return message.decode()
