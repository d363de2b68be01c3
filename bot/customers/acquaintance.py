"""The names in a greeting, asked of WeCom only for as long as a greeting can wait."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.customers.greeting_case import Case
from bot.customers.greeting_content import CUSTOMER, GUIDE, uses
from bot.customers.guide_names import meet_guide, note_name, told_name
from bot.errors import WeComError
from bot.settings import GreetingSettings
from bot.store.contact_tables import Guide
from bot.store.database import Database
from bot.wecom.client import WeComClient
from bot.wecom.contacts import Contact, pairs_of_contact

_AGAIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Names:
    """What to call both; `contact` is the profile when WeCom was asked for it."""

    customer: str
    guide: str
    contact: Contact | None = None


@dataclass(slots=True)
class Acquaintance:
    """Knows or learns the names; guides' names are remembered, and so is their absence."""

    database: Database
    client: WeComClient
    clock: Clock
    settings: GreetingSettings
    _guides: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    _asking: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def names(self, case: Case, text: str) -> Names:
        """The names that `text` needs; whatever does not come in time has a fallback."""
        contact, guide = await asyncio.gather(
            self._contact(case) if uses(text, CUSTOMER) else _nobody(),
            self._guide(case) if uses(text, GUIDE) else _no_name(),
        )
        known = case.customer.name if case.customer else ""
        customer = known or (contact.name if contact else "")
        return Names(
            customer or self.settings.customer_fallback,
            guide or self.settings.guide_fallback,
            contact,
        )

    async def _contact(self, case: Case) -> Contact | None:
        if case.customer and case.customer.name:
            return None
        try:
            async with asyncio.timeout(self.settings.name_seconds):
                answer = await self.client.contacts.contact(case.row.external_userid)
        except (WeComError, TimeoutError):
            return None
        pairs = pairs_of_contact(answer)
        return pairs[0].contact if pairs else None

    async def _guide(self, case: Case) -> str:
        """A crowd at one guide asks once."""
        userid = case.row.userid
        async with self._asking.setdefault(userid, asyncio.Lock()):
            now = self.clock.now()
            name, until = self._guides.get(userid, ("", now))
            if until <= now:
                name = await self._known_guide(userid) or await self._asked_guide(userid)
                self._guides[userid] = name, now + _AGAIN
            return name

    async def _known_guide(self, userid: str) -> str:
        async with self.database.read() as session:
            guide = await session.get(Guide, userid)
        return guide.name if guide else ""

    async def _asked_guide(self, userid: str) -> str:
        try:
            async with asyncio.timeout(self.settings.name_seconds):
                answer = await self.client.contacts.member(userid)
        except (WeComError, TimeoutError):
            return ""
        if name := told_name(answer, userid):
            await self._keep(userid, name)
        return name

    async def _keep(self, userid: str, name: str) -> None:
        now = self.clock.now()
        async with self.database.write(urgent=True) as session:
            await meet_guide(session, userid, now=now)
            await note_name(session, userid, name, now=now)


async def _nobody() -> Contact | None:
    return None


async def _no_name() -> str:
    return ""
