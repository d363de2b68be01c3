"""WeCom's errcodes as exceptions grouped by what the caller should do.

The meanings live in `errcodes.json`, one entry a code: `zh`, `mend` (may be empty) and `remedy`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from bot.errors import GiveUp, MendSettings, RetryLater, TellGuide, WeComError

TOKEN_EXPIRED = frozenset({40014, 42001})
TOKEN_REJECTED = TOKEN_EXPIRED | {40001}
BUSY = frozenset({-1, 6000})
FREQUENCY_LIMIT = 45009
CONCURRENCY_LIMIT = 45033
SAME_RECORD = 45035
MSGID_USED = 95033
MEMBER_AT_FAULT = frozenset({40003, 40096, 60011, 60021, 60111, 84061})
_WAITS = {FREQUENCY_LIMIT: 60.0, CONCURRENCY_LIMIT: 3.0, SAME_RECORD: 1.0}


class Remedy(StrEnum):
    """What the caller of a refused call should do next."""

    RETRY = "retry"
    SETTINGS = "settings"
    GUIDE = "guide"
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True)
class Errcode:
    """One code: what it means and what to do about it, in Chinese."""

    code: int
    zh: str
    mend: str
    remedy: Remedy


_CLASSES: dict[Remedy, type[WeComError]] = {
    Remedy.SETTINGS: MendSettings,
    Remedy.GUIDE: TellGuide,
    Remedy.GIVE_UP: GiveUp,
}


@cache
def catalogue() -> dict[int, Errcode]:
    """All known codes."""
    raw = json.loads(Path(__file__).with_name("errcodes.json").read_text(encoding="utf-8"))
    return {
        int(code): Errcode(int(code), entry["zh"], entry.get("mend", ""), Remedy(entry["remedy"]))
        for code, entry in raw.items()
    }


def meaning(code: int) -> Errcode:
    """The entry of a code; an unknown one is to be given up on."""
    unknown = Errcode(code, "企业微信返回了未知错误", "请按错误码在官方文档中查询", Remedy.GIVE_UP)
    return catalogue().get(code, unknown)


def error_for(code: int, *, api: str) -> WeComError:
    """The exception that a refused call raises."""
    entry = meaning(code)
    message = f"{entry.zh}（错误码 {code}）"
    if entry.remedy is Remedy.RETRY:
        return RetryLater(
            message, errcode=code, api=api, hint=entry.mend, wait_seconds=_WAITS.get(code)
        )
    return _CLASSES[entry.remedy](message, errcode=code, api=api, hint=entry.mend)
