"""The limits of one customer as they stand now, for pages and the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.outreach.outreach import Outreach
from bot.outreach.people import people
from bot.outreach.planning import ledger_of
from bot.outreach.plans import Plans, plans_of
from bot.outreach.posts_missed import posts_by_day
from bot.settings import Settings
from scheduler import Audience, Usage


@dataclass(frozen=True, slots=True)
class LedgerView:
    """What one customer has used of every limit at `at`."""

    external_userid: str
    at: datetime
    usage: Usage
    rule: str
    opted_out: bool


async def ledger_view(
    session: AsyncSession,
    outreach: Outreach | None,
    settings: Settings,
    external_userid: str,
    now: datetime,
) -> LedgerView | None:
    """None when nobody knows this customer; works with outreach switched off, too."""
    plans: Plans = outreach.plans if outreach else plans_of(settings, ())
    person = (await people(session, [external_userid])).get(external_userid)
    if person is None:
        return None
    ledger = await ledger_of(
        session, plans, plans.context(now), Audience.CUSTOMER, {external_userid}
    )
    posts = await posts_by_day(session, external_userid, plans.calendar, now)
    return LedgerView(
        external_userid,
        now,
        ledger.usage(person, now, posts=posts),
        plans.budget.mass_rule.value,
        person.opted_out,
    )
