"""Which walks are read for a page of customers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.outreach.walks import cohort_walks, save_walks
from bot.store.database import Database
from scheduler import Audience, Enrolment, Progress, Rule

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


OVER = {"lately": 10, "in spring": 200, "last year": 400}
