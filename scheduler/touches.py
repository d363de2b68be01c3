"""A touch: one planned contact, or the note that there will be none and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from .journey import Audience, StepKind, Way
from .rules import Rule


class TouchStatus(StrEnum):
    """`planned`, `moved` and `skipped` come from the planner, the others from carrying out."""

    PLANNED = "planned"
    MOVED = "moved"
    SKIPPED = "skipped"
    SENT = "sent"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def counts(self) -> bool:
        """Whether such a touch uses up quota."""
        return self in (TouchStatus.PLANNED, TouchStatus.MOVED, TouchStatus.SENT)


@dataclass(frozen=True, slots=True)
class ContentRef:
    """Where the content stands; `Journey.step(...).content_for(segment, variant)` gives it."""

    journey: str
    step: str
    segment: str
    variant: str | None = None

    def __str__(self) -> str:
        arm = f"@{self.variant}" if self.variant is not None else ""
        return f"{self.journey}/{self.step}#{self.segment}{arm}"


@dataclass(frozen=True, slots=True)
class Touch:
    """One contact of one subject. `due_at` is aware UTC; of a skipped touch, when it was due.

    `way` is the road chosen (None if skipped), `messages` how many the customer receives,
    `guides` who is asked to send, `explanation` one Chinese sentence for the operator.
    """

    id: str
    journey: str
    step: str
    kind: StepKind
    audience: Audience
    subject: str
    due_at: datetime
    content: ContentRef
    status: TouchStatus
    explanation: str
    way: Way | None = None
    rule: Rule | None = None
    guides: tuple[str, ...] = ()
    messages: int = 1

    @property
    def external_userid(self) -> str | None:
        return self.subject if self.audience is Audience.CUSTOMER else None

    @property
    def cohort(self) -> str | None:
        return self.subject if self.audience is Audience.COHORT else None

    @property
    def group(self) -> str | None:
        return self.subject if self.audience is Audience.GROUP else None

    @property
    def variant(self) -> str | None:
        return self.content.variant

    def as_dict(self) -> dict[str, Any]:
        """JSON of the touch, absent things left out."""
        fields = {
            "id": self.id,
            "journey": self.journey,
            "step": self.step,
            "kind": self.kind.value,
            "external_userid": self.external_userid,
            "cohort": self.cohort,
            "group": self.group,
            "due_at": self.due_at.isoformat(),
            "status": self.status.value,
            "way": self.way.value if self.way else None,
            "skipped_by": self.rule.value if self._skipped and self.rule else None,
            "moved_by": self.rule.value if not self._skipped and self.rule else None,
            "explanation": self.explanation,
            "segment": self.content.segment,
            "variant": self.variant,
            "guides": list(self.guides) or None,
        }
        return {name: value for name, value in fields.items() if value is not None}

    @property
    def _skipped(self) -> bool:
        return self.status is TouchStatus.SKIPPED
