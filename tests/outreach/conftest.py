"""What the tests of outreach stand on."""

from __future__ import annotations

from pathlib import Path

import pytest
from corp import clock as clock
from corp import connect as connect
from corp import http as http
from corp import ledger as ledger
from corp import naps as naps
from corp import platform as platform
from corp import platform_url as platform_url
from outreach_shop import outreach_shop as outreach_shop
from outreach_shop import shelf_of as shelf_of

_DAYS = frozenset(
    {
        "test_calendar_view",
        "test_group_posts",
        "test_journeys_rewritten",
        "test_mass_sends",
        "test_missed_days",
        "test_moments",
        "test_nudges",
        "test_outages",
        "test_standing_cohorts",
        "test_tags_of_newcomers",
        "test_task_troubles",
        "test_touches_api",
    }
)
"""Stories of many days: on SQLite always, on PostgreSQL in the long run."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.fspath).stem in _DAYS and "postgres" in item.keywords:
            item.add_marker(pytest.mark.long)
