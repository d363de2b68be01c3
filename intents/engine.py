"""What every NLU engine offers to the rest of the house."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from intents.understanding import Understanding


class NluEngine(Protocol):
    """Understands a customer's words; never raises for odd text, however long or empty.

    `now` (aware) turns relative times such as 后天下午 into dates; without it they stay words.
    """

    @property
    def name(self) -> str: ...

    async def understand(self, text: str, *, now: datetime | None = None) -> Understanding:
        """The verdict on one message."""
        ...

    async def understand_burst(
        self, lines: Sequence[str], *, now: datetime | None = None
    ) -> Understanding:
        """The verdict on several messages that a customer sent in one breath."""
        ...
