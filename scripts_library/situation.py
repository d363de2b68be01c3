"""What is known at the moment of choosing, and what comes out of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .model import Occasion, Part

OUT_OF_SCOPE = "out_of_scope"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One burst of a customer, understood, with what the shop knows about them.

    `ranking` and `wants` are (intent, confidence) pairs, `entities` (name, value) pairs;
    `recently_sent` tells when this customer last got which script. All times are aware.
    """

    now: datetime
    intent: str = OUT_OF_SCOPE
    confidence: float = 0.0
    ranking: Sequence[tuple[str, float]] = ()
    wants: Sequence[tuple[str, float]] = ()
    entities: Sequence[tuple[str, str]] = ()
    stage: str | None = None
    customer_tags: Collection[str] = ()
    channel: str | None = None
    product: str | None = None
    tone: str | None = None
    variables: Mapping[str, object] = field(default_factory=dict)
    recently_sent: Mapping[str, datetime] = field(default_factory=dict)
    occasion: Occasion = Occasion.REPLY

    def __post_init__(self) -> None:
        for moment in (self.now, *self.recently_sent.values()):
            if moment.utcoffset() is None:
                raise ValueError("Situation needs aware datetimes (with a time zone)")

    @property
    def understood(self) -> bool:
        return self.intent != OUT_OF_SCOPE

    @property
    def products(self) -> tuple[str, ...]:
        named = tuple(value for name, value in self.entities if name == "product")
        return (*named, self.product) if self.product else named


@dataclass(frozen=True, slots=True)
class Choice:
    """A script proposed for a situation, rendered, with its score (0..1) and reasons."""

    script_id: str
    version: int
    text: str
    parts: tuple[Part, ...]
    score: float
    reasons: tuple[str, ...]
    title: str
    auto: bool
    intent: str | None
