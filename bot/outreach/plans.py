"""The journeys, limits and calendar that this shop works by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import scheduler
from bot.errors import SettingsError
from bot.file_faults import file_fault
from bot.settings import OutreachSettings, Settings
from scheduler import (
    Budget,
    Fatigue,
    Journey,
    MassSendRule,
    Overrides,
    PlanContext,
    QuietHours,
    SchedulerError,
    WorkCalendar,
    load_journeys,
    load_overrides,
)

SHIPPED_JOURNEYS = Path(scheduler.__file__).parent / "journeys"
PERSONAL = ("customer_name", "guide_name")
HORIZON = timedelta(hours=1)


@dataclass(slots=True)
class Plans:
    """What planning needs beside the database; `root` is where images of journeys lie.

    `paused` journeys begin nothing and send nothing, yet hear what ends them.
    """

    journeys: Mapping[str, Journey]
    root: Path
    budget: Budget
    calendar: WorkCalendar
    paused: frozenset[str] = frozenset()

    @property
    def running(self) -> Mapping[str, Journey]:
        """The journeys that are switched on."""
        return {name: one for name, one in self.journeys.items() if name not in self.paused}

    def adopt(self, journeys: Mapping[str, Journey], paused: frozenset[str]) -> None:
        """Go on with other journeys; whoever reads these plans sees them from now on."""
        self.journeys, self.paused = journeys, paused

    def context(self, now: datetime, *, horizon: timedelta = HORIZON) -> PlanContext:
        return PlanContext(self.journeys, self.calendar, now, now + horizon)


def load_plans(
    settings: Settings,
    *,
    variables: Collection[str],
    stages: Collection[str] | None = None,
    scripts: Collection[str] | None = None,
) -> Plans:
    """Read journeys and calendar; raises `SettingsError` with every fault and its line.

    `stages` and `scripts` are the known names (None: any).
    """
    own = settings.outreach
    place = own.journeys or SHIPPED_JOURNEYS
    try:
        book = load_journeys(
            place, stages=stages, scripts=scripts, variables=(*variables, *PERSONAL)
        )
        overrides = load_overrides(own.calendar) if own.calendar else Overrides()
    except OSError as error:
        raise SettingsError(f"读不了旅程 {place}：{file_fault(error)}") from None
    except SchedulerError as error:
        raise SettingsError(f"旅程或店铺日历有误：\n{error}") from None
    return plans_of(
        settings, book, root=place if place.is_dir() else place.parent, overrides=overrides
    )


def plans_of(
    settings: Settings,
    journeys: Iterable[Journey],
    *,
    root: Path = SHIPPED_JOURNEYS,
    overrides: Overrides | None = None,
) -> Plans:
    """Plans of given journeys with the limits of the settings."""
    own = settings.outreach
    calendar = WorkCalendar(
        QuietHours(own.quiet_from, own.quiet_to), overrides or Overrides(), settings.shop.zone
    )
    known = {journey.id: journey for journey in journeys}
    return Plans(known, root, budget_of(own), calendar)


def budget_of(own: OutreachSettings) -> Budget:
    """The limits of the settings, as the planner knows them."""
    return Budget(
        mass_rule=MassSendRule(own.mass_send_rule),
        fatigue=Fatigue(own.fatigue_per_day, own.fatigue_per_week),
        kf_reserve=own.kf_reserve,
        moments_per_day=own.moments_per_day,
        moments_per_month=own.moments_per_month,
        moment_tasks_per_minute=own.moment_tasks_per_minute,
        guide_cards_per_day=own.guide_cards_per_day,
        gap_minutes=own.gap_minutes,
        spread_minutes=own.spread_minutes,
    )
