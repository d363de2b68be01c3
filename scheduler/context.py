"""What one planning run knows from beginning to end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .calendars import WorkCalendar
from .errors import UnknownJourney
from .journey import Journey


@dataclass(frozen=True, slots=True)
class PlanContext:
    """The same for every chunk of a run; steps due before `until` are settled.

    `script_sizes` tells how many messages a script of the library makes, one if not named.
    """

    journeys: Mapping[str, Journey]
    calendar: WorkCalendar
    now: datetime
    until: datetime
    script_sizes: Mapping[str, int] = field(default_factory=dict)

    def journey(self, journey_id: str) -> Journey:
        if journey_id not in self.journeys:
            raise UnknownJourney(journey_id)
        return self.journeys[journey_id]
