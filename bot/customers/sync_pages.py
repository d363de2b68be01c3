"""Pages of `batch/get_by_user` between being read and being saved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.store.contact_tables import SyncBatch
from bot.wecom.contacts import pairs_of_page, unlicensed


class Page:
    """One page of a batch, read and waiting to be saved."""

    def __init__(
        self, batch: SyncBatch, userids: Sequence[str], answer: dict[str, Any], asked_at: datetime
    ) -> None:
        self.batch = batch
        self.asked_at = asked_at
        self.pairs = pairs_of_page(answer)
        self.unlicensed = unlicensed(answer)
        self.cursor = str(answer.get("next_cursor") or "")
        self.last = not self.cursor or self.cursor == batch.cursor
        self.reached = self._place(userids)
        self.saved = False

    def _place(self, userids: Sequence[str]) -> int:
        """How many guides of the batch lie behind this page, for the progress bar only."""
        last = self.pairs[-1].relation.userid if self.pairs else ""
        place = userids.index(last) if last in userids else 0
        return max(self.batch.reached, place)

    def accept(self) -> None:
        """It is saved: the batch stands behind it now."""
        self.batch.cursor, self.batch.done = self.cursor, self.last
        self.batch.pages, self.batch.reached = self.batch.pages + 1, self.reached
        self.saved = True
