"""WeCom's callback encryption, written a second time so that the product's is checked by it."""

from __future__ import annotations

import base64
import hashlib
import os
import struct
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an operator copies from WeCom's admin pages."""

    corp_id: str
    secret: str
    token: str
    aes_key: str

    @property
    def secrets(self) -> tuple[str, ...]:
        return self.secret, self.token, self.aes_key


@dataclass(frozen=True, slots=True)
class Push:
    """A callback as it goes over the wire."""

    query: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return f"/wecom/callback?{urlencode(self.query)}"


def encrypt(plain: bytes, aes_key: str) -> bytes:
    """AES-256-CBC without padding; `plain` is a whole number of blocks."""
    key = base64.b64decode(aes_key + "=")
    cipher = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return cipher.update(plain) + cipher.finalize()


def pack(message: bytes, receiver: str) -> bytes:
    """Random head, length, message, receiver and padding to 32 bytes."""
    content = os.urandom(16) + struct.pack(">I", len(message)) + message + receiver.encode()
    pad = 32 - len(content) % 32
    return content + bytes([pad]) * pad


def sealed(message: bytes | str, credentials: Credentials, *, receiver: str | None = None) -> str:
    """The base64 text that goes into `<Encrypt>` or `echostr`."""
    raw = message.encode() if isinstance(message, str) else message
    to = credentials.corp_id if receiver is None else receiver
    return base64.b64encode(encrypt(pack(raw, to), credentials.aes_key)).decode()


def signature(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    return hashlib.sha1("".join(sorted((token, timestamp, nonce, encrypted))).encode()).hexdigest()


def signed(
    encrypted: str,
    credentials: Credentials,
    *,
    timestamp: str | None = None,
    nonce: str | None = None,
    name: str = "Encrypt",
) -> dict[str, str]:
    """The query of a push (or, with `name="echostr"`, of a verification)."""
    stamp = str(int(time.time())) if timestamp is None else timestamp
    once = os.urandom(6).hex() if nonce is None else nonce
    query = {
        "msg_signature": signature(credentials.token, stamp, once, encrypted),
        "timestamp": stamp,
        "nonce": once,
    }
    return query | ({"echostr": encrypted} if name == "echostr" else {})


def envelope_xml(encrypted: str, corp_id: str) -> bytes:
    return (
        f"<xml><ToUserName><![CDATA[{corp_id}]]></ToUserName>"
        f"<Encrypt><![CDATA[{encrypted}]]></Encrypt><AgentID><![CDATA[]]></AgentID></xml>"
    ).encode()


def pushed(
    message: bytes | str,
    credentials: Credentials,
    *,
    receiver: str | None = None,
    timestamp: str | None = None,
) -> Push:
    """A callback as WeCom makes it from the inner XML."""
    encrypted = sealed(message, credentials, receiver=receiver)
    query = signed(encrypted, credentials, timestamp=timestamp)
    return Push(query, envelope_xml(encrypted, credentials.corp_id))


def kf_notice(credentials: Credentials, open_kfid: str, token: str, *, at: int) -> str:
    return (
        f"<xml><ToUserName><![CDATA[{credentials.corp_id}]]></ToUserName>"
        f"<CreateTime>{at}</CreateTime><MsgType><![CDATA[event]]></MsgType>"
        "<Event><![CDATA[kf_msg_or_event]]></Event>"
        f"<Token><![CDATA[{token}]]></Token>"
        f"<OpenKfId><![CDATA[{open_kfid}]]></OpenKfId></xml>"
    )
