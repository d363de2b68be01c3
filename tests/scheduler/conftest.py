from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scheduler import Budget, Journey, WorkCalendar, parse_journeys

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@pytest.fixture
def noon() -> datetime:
    """Monday 2026-11-23 at 12:00 in Shanghai, in UTC."""
    return NOON


@pytest.fixture
def calendar() -> WorkCalendar:
    return WorkCalendar()


@pytest.fixture
def budget() -> Budget:
    """The default limits without spreading, so that times are exact."""
    return Budget(spread_minutes=0)


CARE = """
version: 1
journeys:
- id: care
  name: 关怀
  priority: 60
  triggers: [event: parcel_arrived]
  exits: [replied, bought]
  repeat: {rest_days: 7}
  steps:
  - {id: first, purpose: 问候, kind: nudge, at: {hours: 1}, content: {text: 收到了吗},
     catch_up: {send_late: 24}}
  - {id: second, purpose: 听意见, kind: nudge, after: {step: first, day: 2, time: "19:30"},
     content: {text: 穿着怎么样}, catch_up: merge}
  - {id: third, purpose: 搭配, kind: nudge, after: {step: second, day: 1, time: "19:30"},
     content: {text: 有几样能配}, catch_up: merge}
"""


@pytest.fixture
def care() -> Journey:
    return next(iter(parse_journeys(CARE)))
