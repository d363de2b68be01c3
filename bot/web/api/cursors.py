"""Cursors of lists: opaque to callers, refused when altered."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime

from bot.errors import BadRequest

_LONGEST = 400


def write_cursor(*parts: str | int | datetime) -> str:
    """A cursor that holds these parts."""
    plain = [
        part.astimezone(UTC).isoformat() if isinstance(part, datetime) else part for part in parts
    ]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *kinds: type) -> list[object] | None:
    """The parts of a cursor, None of an empty one; raises `BadRequest` for anything odd."""
    if not cursor:
        return None
    try:
        if len(cursor) > _LONGEST:
            raise ValueError
        plain = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        parts = json.loads(plain)
        if not isinstance(parts, list) or len(parts) != len(kinds):
            raise ValueError
        return [_part(part, kind) for part, kind in zip(parts, kinds, strict=True)]
    except (binascii.Error, ValueError, RecursionError):
        raise BadRequest("cursor 无效：请原样传回上一页的 next_cursor") from None


def _part(part: object, kind: type) -> object:
    if kind is datetime:
        moment = datetime.fromisoformat(str(part))
        if moment.tzinfo is None:
            raise ValueError
        return moment
    if kind is int and (isinstance(part, bool) or not isinstance(part, int) or abs(part) > 2**62):
        raise ValueError
    if not isinstance(part, kind) or (isinstance(part, str) and "\x00" in part):
        raise ValueError
    return part
