"""Which walks are read for a page of customers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from outreach_shop import Shop

from bot.outreach.walks import cohort_walks, save_walks
from bot.store.database import Database
from scheduler import Audience, Enrolment, Progress, Rule


@pytest.fixture
def database(ledger: Database) -> Database:
    """None of this depends on the engine."""
    return ledger


NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


async def test_cohorts_whose_days_are_long_over_are_not_read(ledger: Database) -> None:
    def cohort(name: str, days_ago: int) -> Enrolment:
        began = NOW - timedelta(days=days_ago)
        return Enrolment("week", Audience.COHORT, name, "default", began, began, "1")

    over = [replace(cohort(name, days), ended_by=Rule.FINISHED) for name, days in OVER.items()]
    async with ledger.write() as session:
        await save_walks(session, [Progress(one, None) for one in over])
        await save_walks(session, [Progress(cohort("slow", 300), NOW)])
        found = await cohort_walks(session, ["week"], since=NOW - timedelta(days=14))
    assert {one.subject for one in found} == {"lately", "slow"}


async def test_what_is_more_important_and_comes_soon_keeps_its_hour(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(RIVALS, spread_minutes=0)
    await shop.step()
    await shop.customer("wmOne")
    await shop.behaves("wmOne", "came")
    began = shop.clock.now()
    for _ in range(16):
        await shop.step(minutes=20)
    touches = {one.journey: one for one in await shop.touches()}
    assert touches["high"].due_at == began + timedelta(minutes=150)
    assert touches["low"].status == "sent"
    assert touches["low"].due_at >= touches["high"].due_at + timedelta(hours=2)


RIVALS = """
version: 1
journeys:
- {id: low, name: 不急的, priority: 20, triggers: [{event: came}], steps: [
    {id: one, purpose: 问候, kind: guide_task, at: {hours: 2}, content: {text: 一, todo: 问候}}]}
- {id: high, name: 要紧的, priority: 80, triggers: [{event: came}], steps: [
    {id: one, purpose: 提醒, kind: guide_task, at: {minutes: 150},
     content: {text: 二, todo: 提醒}}]}
"""
OVER = {"lately": 10, "in spring": 200, "last year": 400}
