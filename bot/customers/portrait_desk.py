"""Reading a portrait and deciding about it, as pages and programs do."""

from __future__ import annotations

from bot.clock import Clock
from bot.customers.portrait_facts import decide_fact, portrait
from bot.errors import NotFound
from bot.store.contact_tables import PortraitFact
from bot.store.database import Database
from bot.store.tables import Customer


class PortraitDesk:
    """Portraits of known customers; raises `NotFound` for others."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def show(self, external_userid: str) -> dict[str, list[PortraitFact]]:
        """Field by field, best value first."""
        async with self._database.read() as session:
            if await session.get(Customer, external_userid) is None:
                raise NotFound(f"没有客户 {external_userid[:64]}")
            return await portrait(session, external_userid)

    async def decide(
        self,
        external_userid: str,
        field: str,
        value: str,
        *,
        instead_of: str | None = None,
        right: bool = True,
        by: str,
    ) -> PortraitFact:
        """A guide confirms (`right`), rejects, or corrects (`instead_of`) a value."""
        async with self._database.write() as session:
            if await session.get(Customer, external_userid) is None:
                raise NotFound(f"没有客户 {external_userid[:64]}")
            return await decide_fact(
                session,
                external_userid,
                field,
                value,
                instead_of=instead_of,
                right=right,
                by=by,
                now=self._clock.now(),
            )
