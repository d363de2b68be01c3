from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from outreach_shop import Shop
from test_nudges import CART
from test_touches_api import api as api

from bot.store.database import Database


@pytest.fixture
def database(ledger: Database) -> Database:
    """None of this depends on the engine."""
    return ledger


async def test_days_that_no_calendar_reaches_are_refused(
    outreach_shop: Callable[..., Shop], api: Any
) -> None:
    ask = await api(outreach_shop(CART))
    for day in ("9999-12-31", "0001-01-01", "2100-01-01"):
        status, answer = await ask("/touches/calendar", **{"from": day})
        assert (status, answer["error"]["code"]) == (400, "bad_request"), day
    for edge in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        cursor = base64.urlsafe_b64encode(f"{edge}|x".encode()).decode()
        for asked in ({"from": edge}, {"to": edge}, {"cursor": cursor}):
            assert (await ask("/touches", **asked))[0] in (400, 422), asked
