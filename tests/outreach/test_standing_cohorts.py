"""Posts of the calendar: each run is seen by those who belong to the segment by then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from outreach_shop import Shop
from sqlalchemy import update
from test_moments import _publish, _texts

from bot.clock import ManualClock
from bot.customers.opt_outs import OptOutSource, opt_in, opt_out
from bot.store.database import Database
from bot.store.tables import Customer
from scheduler.calendars import SHANGHAI

CLUB = """
version: 1
journeys:
- id: club
  name: 会员日
  triggers: [{date: {weekly: %d}}]
  segments:
    gold: {zh: 金卡, tags: [金卡]}
    silver: {zh: 银卡, tags: [银卡]}
  cohort: {by: segment, tag_group: 会员日, tag_prefix: 会员日}
  exits: []
  repeat: true
  steps:
  - {id: day, purpose: 会员日, kind: moment, at: {day: 1, time: "10:00"},
     catch_up: {send_late: 8}, content: {
     gold: {text: 金卡会员日}, silver: {text: 银卡会员日}}}
"""


@pytest.fixture
def database(ledger: Database) -> Database:
    """None of this depends on the engine."""
    return ledger


async def _run(shop: Shop) -> None:
    """From the eve of a run past its post, and on to the next eve."""
    for _ in range(19):
        await shop.step(hours=3)
        _publish(shop)
    await shop.step(days=4, hours=15)


async def _wears(shop: Shop, who: str, *tags: str) -> None:
    async with shop.database.write() as session:
        await session.execute(
            update(Customer).where(Customer.external_userid == who).values(tags=list(tags))
        )


async def test_a_run_is_seen_by_those_who_belong_to_its_segment_by_then(
    outreach_shop: Callable[..., Shop], clock: ManualClock
) -> None:
    day = clock.now().astimezone(SHANGHAI).date() + timedelta(days=1)
    shop = outreach_shop(CLUB % day.isoweekday())
    for who, tag in {"wmStays": "金卡", "wmRises": "银卡", "wmGoes": "金卡"}.items():
        await shop.customer(who, tags=[tag])
    await shop.customer("wmQuiet", tags=["金卡"])
    await shop.customer("wmComes")
    await shop.step()
    await _run(shop)
    first = {who: _texts(shop, who) for who in PEOPLE}
    assert first == {
        "wmStays": ["金卡会员日"],
        "wmRises": ["银卡会员日"],
        "wmGoes": ["金卡会员日"],
        "wmQuiet": ["金卡会员日"],
        "wmComes": [],
    }
    now = shop.clock.now()
    async with shop.database.write() as session:
        await opt_out(session, "wmQuiet", source=OptOutSource.API, now=now)
    await shop.step(hours=1)
    async with shop.database.write() as session:
        await opt_in(session, "wmQuiet", source=OptOutSource.API, now=shop.clock.now())
    for who in ("wmStays", "wmRises", "wmQuiet"):
        await _wears(shop, who, "金卡")
    await _wears(shop, "wmGoes")
    await _wears(shop, "wmComes", "银卡")
    await _run(shop)
    second = {who: _texts(shop, who)[len(first[who]) :] for who in PEOPLE}
    assert second == {
        "wmStays": ["金卡会员日"],
        "wmRises": ["金卡会员日"],
        "wmGoes": [],
        "wmQuiet": ["金卡会员日"],
        "wmComes": ["银卡会员日"],
    }


PEOPLE = ("wmStays", "wmRises", "wmGoes", "wmQuiet", "wmComes")
