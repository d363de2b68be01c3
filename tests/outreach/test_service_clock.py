from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.clock import ManualClock, RunningClock, SystemClock, as_real, as_told, faces
from bot.errors import SettingsError
from bot.outreach.rehearsal_clock import service_clock
from bot.settings import Settings

START = datetime(2026, 3, 2, tzinfo=UTC)
SANDBOX = {"api_base": "http://127.0.0.1:8801/cgi-bin/"}


def test_a_moved_clock_runs_from_its_start_at_its_speed() -> None:
    base = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    clock = RunningClock(START, 60, base=base)
    base.turn(seconds=10)
    assert clock.now() == START + timedelta(minutes=10)
    assert as_real(clock, timedelta(seconds=60)) == timedelta(hours=1)
    assert faces(clock) == (clock.now(), base.now())


def test_the_real_wecom_is_never_served_by_a_moved_clock() -> None:
    with pytest.raises(SettingsError, match="clock"):
        service_clock(Settings.model_validate({"clock": {"speed": 2}}))
    with pytest.raises(SettingsError, match="clock"):
        service_clock(Settings.model_validate({"clock": {"start": START.isoformat()}}))


def test_on_localhost_the_clock_may_move() -> None:
    given = {"clock": {"start": START.isoformat(), "speed": 60}, "wecom": SANDBOX}
    assert isinstance(service_clock(Settings.model_validate(given)), RunningClock)
    assert isinstance(service_clock(Settings()), SystemClock)


def test_what_others_date_by_the_machines_clock_happens_now() -> None:
    base = ManualClock(datetime(2026, 11, 1, tzinfo=UTC))
    clock = RunningClock(START, 60, base=base)
    base.turn(hours=1)
    assert as_told(clock, base.now()) == clock.now()
    assert as_told(clock, START) == START
    assert as_told(base, START) == START
