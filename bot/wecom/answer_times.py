"""Times in WeCom's answers, read by the clock that the service goes by."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bot.clock import Clock, RunningClock, as_told

_TIMES = frozenset({"createtime", "create_time", "created_at", "send_time", "join_time"})


def answer_by(clock: Clock, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer of a stand-in that goes by the machine's clock, while ours was set."""
    return _read(clock, answer) if isinstance(clock, RunningClock) else answer


def _read(clock: Clock, value: Any) -> Any:
    if isinstance(value, list):
        return [_read(clock, one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _told(clock, one) if key in _TIMES else _read(clock, one)
        for key, one in value.items()
    }


def _told(clock: Clock, value: Any) -> Any:
    try:
        at = datetime.fromtimestamp(int(value), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return value
    stamp = int(as_told(clock, at).timestamp())
    return str(stamp) if isinstance(value, str) else stamp
