"""Signed reports of other systems: an HMAC over time and body in place of the bearer token."""

from __future__ import annotations

import hashlib
import hmac

from aiohttp import web

from bot.errors import Unauthorized
from bot.web.keys import CLOCK, SETTINGS

SIGNATURE, TIMESTAMP = "X-Signature", "X-Timestamp"
_WINDOW_SECONDS = 300


def sign(secret: str, timestamp: int | str, body: bytes) -> str:
    """The value of `X-Signature` for a body sent at `timestamp` (Unix seconds)."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


async def check_signature(request: web.Request) -> bool:
    """Whether the request is signed well; False when it carries no signature at all.

    Raises `Unauthorized` for a bad or stale one.
    """
    given = request.headers.get(SIGNATURE, "")
    secret = request.app[SETTINGS].api.events_secret.get_secret_value()
    if not given or not secret:
        return False
    timestamp = request.headers.get(TIMESTAMP, "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise Unauthorized(f"签名缺少时间：请求头 {TIMESTAMP} 应是 Unix 秒数")
    if abs(request.app[CLOCK].now().timestamp() - int(timestamp)) > _WINDOW_SECONDS:
        raise Unauthorized("签名已过期：请检查发送方的时钟，签名 5 分钟内有效")
    expected = sign(secret, timestamp, await request.read())
    if not hmac.compare_digest(given.encode(errors="replace"), expected.encode()):
        raise Unauthorized(
            '签名不对：应为 sha256=HMAC-SHA256(events_secret, 时间戳 + "." + 请求体)'
        )
    return True
