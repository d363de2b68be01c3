"""What became of the things that a reading saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Tally:
    """How many were seen, and how many of them were new, different or gone."""

    seen: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0

    def add(self, other: Tally) -> None:
        self.seen += other.seen
        self.added += other.added
        self.changed += other.changed
        self.removed += other.removed

    def as_dict(self) -> dict[str, int]:
        return asdict(self)

    @classmethod
    def of(cls, counts: Mapping[str, int] | None) -> Tally:
        return cls(**(counts or {}))
