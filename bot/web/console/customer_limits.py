"""How often a customer may still be contacted, by every limit that holds."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from bot.outreach.ledger_view import ledger_view
from bot.web.console.desk import Desk
from bot.web.keys import OUTREACH, SETTINGS
from scheduler.quotas import Use


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit; `note` says by which rule, or until when."""

    label: str
    used: int
    limit: int
    note: str = ""

    @property
    def full(self) -> bool:
        return self.limit > 0 and self.used >= self.limit


async def limits_of(request: web.Request, here: Desk, who: str) -> list[Limit]:
    """All limits of one customer as they stand now, nothing for strangers."""
    settings = request.app[SETTINGS]
    async with here.database.read() as session:
        view = await ledger_view(session, request.app[OUTREACH], settings, who, here.now)
    if view is None:
        return []
    use, words = view.usage, here.words

    def limit(name: str, one: Use, note: str = "") -> Limit:
        return Limit(words(f"limits.{name}"), one.used, one.limit, note)

    found = [
        limit("day", use.day, words("limits.points")),
        limit("week", use.week),
        limit("mass", use.mass_send, words(f"limits.rule.{view.rule}")),
        limit("moments_day", use.moments_day),
        limit("moments_month", use.moments_month),
    ]
    if use.kf_closes_at is not None:
        until = here.time(use.kf_closes_at)
        return [*found, limit("kf", use.kf, words("limits.kf.until", time=until))]
    return [*found, Limit(words("limits.kf"), 0, 0, words("limits.kf.closed"))]
