"""A live record of callbacks and calls in plain words, with the raw text beside it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from .clock import Clock

KEPT = 500


class Line(StrEnum):
    """What kind of thing happened."""

    CALL = "call"
    PUSH = "push"
    CUSTOMER = "customer"
    FAULT = "fault"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the record; `raw` holds what travelled, already free of secrets."""

    number: int
    at: datetime
    line: Line
    zh: str
    en: str
    ok: bool = True
    milliseconds: int | None = None
    raw: str = ""

    def shown(self) -> dict[str, Any]:
        """As JSON for the page."""
        return {**asdict(self), "at": self.at.isoformat(), "line": self.line.value}


class Journal:
    """The last entries, and a bell for whoever watches."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._number = 0
        self.entries: deque[Entry] = deque(maxlen=KEPT)
        self.listeners: list[Callable[[Entry], None]] = []

    def note(
        self,
        line: Line,
        zh: str,
        en: str,
        *,
        ok: bool = True,
        milliseconds: int | None = None,
        raw: str = "",
    ) -> Entry:
        """Write one line and tell the watchers."""
        self._number += 1
        entry = Entry(self._number, self._clock(), line, zh, en, ok, milliseconds, raw)
        self.entries.append(entry)
        for listener in list(self.listeners):
            listener(entry)
        return entry
