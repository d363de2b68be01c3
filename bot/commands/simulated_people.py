"""The customers of a rehearsal: they come, answer, buy, opt out, leave, and mostly do nothing."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.customers.behaviour import Behaviour, BehaviourBook
from bot.customers.contact_events import ContactEvents
from bot.customers.funnel import Funnel
from bot.customers.opt_outs import OptOutSource, opt_out
from bot.dialogue.messages import MessageBook
from bot.outreach.plans import Plans
from bot.sandbox import DEFAULT_ACCOUNT, GUIDES, Platform, Push, meetings
from bot.settings import Settings
from bot.store.database import Database
from bot.store.tables import Customer
from bot.wecom.events import typed_event
from bot.wecom.kf import CUSTOMER, KfMessage
from bot.wecom.xml import read_xml
from scheduler import TriggerKind

_TAGS = ("宝妈", "女装", "会员", "")
_PURCHASE = "order_paid"


@dataclass(slots=True)
class Person:
    """One simulated customer."""

    who: str
    guide: str
    arrives: datetime
    tag: str
    writes: bool
    here: bool = False
    opted_out_at: datetime | None = None
    left_at: datetime | None = None
    heard: int = 0

    @property
    def gone(self) -> bool:
        return self.opted_out_at is not None or self.left_at is not None


@dataclass(slots=True)
class Crowd:
    """Lets its people act at the sandbox, and the bot hear of it as it hears of real ones.

    Friends come and go by the platform's pushes, behaviour as the API takes it; only who
    answers what in a chat is no matter of a rehearsal.
    """

    people: list[Person]
    database: Database
    clock: Clock
    platform: Platform
    settings: Settings
    funnel: Funnel
    plans: Plans
    dice: random.Random
    stirred: bool = True
    _pushes: list[Push] = field(default_factory=list)
    _said: int = 0

    def listen(self) -> None:
        """Pushes come here, as there is no callback to post them to."""
        self.platform.push_listeners.append(self._pushes.append)

    async def act(self) -> None:
        """Everybody does what they do at this moment."""
        now, received = self.clock.now(), self.platform.timeline.received()
        for person in self.people:
            if not person.here:
                if person.arrives <= now:
                    await self._arrive(person)
            elif not person.gone:
                await self._act(person, received.get(person.who, 0))

    async def _arrive(self, person: Person) -> None:
        person.here, name = True, f"客户{person.who[-4:]}"
        self.platform.add_customer(person.who, name)
        meetings.befriend(self.platform, person.who, person.guide)
        async with self.database.write() as session:
            await self._hear_pushes(session)
            customer = await session.get_one(Customer, person.who)
            customer.name, customer.tags = name, [person.tag] if person.tag else []
        if person.writes:
            await self._write(person, "你好")

    async def _act(self, person: Person, received: int) -> None:
        """Most do nothing most of the time; a message makes some answer, or want no more."""
        fresh, person.heard = received > person.heard, received
        roll = self.dice.random()
        if fresh and roll < 0.30:
            await self._write(person, "好的，我看看")
        elif fresh and roll < 0.36:
            await self._opt_out(person)
        elif roll < 0.002:
            await self._behave(person, _PURCHASE)
        elif roll < 0.010 and (events := self._events()):
            await self._behave(person, self.dice.choice(events))
        elif roll < 0.013:
            await self._write(person, "在吗")
        elif roll < 0.0135:
            await self._opt_out(person)
        elif roll < 0.0138:
            await self._unfriend(person)

    def _events(self) -> list[str]:
        wanted = (TriggerKind.EVENT, TriggerKind.SILENCE)
        found = {
            value
            for journey in self.plans.journeys.values()
            for trigger in journey.triggers
            if trigger.kind in wanted
            for value in trigger.values
        }
        return sorted(found)

    async def _write(self, person: Person, text: str) -> None:
        self.stirred = True
        said = self.platform.customer_writes(person.who, text)
        message = KfMessage(
            open_kfid=DEFAULT_ACCOUNT,
            msgid=said.msgid,
            external_userid=person.who,
            origin=CUSTOMER,
            msgtype="text",
            event_type="",
            text=text,
            sent_at=self.clock.now(),
            body={},
        )
        book = MessageBook(self.settings.dialogue, self.funnel, self.clock)
        async with self.database.write() as session:
            await book.store(session, [message])

    async def _behave(self, person: Person, kind: str) -> None:
        """What the shop's other systems report: a cart, a parcel, an order paid."""
        self.stirred = True
        self._said += 1
        event = Behaviour(
            event_id=f"rehearsal-{self._said}",
            type=kind,
            at=self.clock.now(),
            external_userid=person.who,
            data={},
        )
        await BehaviourBook(self.database, self.clock, self.funnel).take(event)

    async def _opt_out(self, person: Person) -> None:
        self.stirred = True
        now = person.opted_out_at = self.clock.now()
        async with self.database.write() as session:
            await opt_out(session, person.who, source=OptOutSource.MESSAGE, now=now)

    async def _unfriend(self, person: Person) -> None:
        person.left_at = self.clock.now()
        meetings.leave(self.platform, person.who, person.guide)
        async with self.database.write() as session:
            await self._hear_pushes(session)

    async def _hear_pushes(self, session: AsyncSession) -> None:
        """Friends as the callback takes them; notices of messages are left to `_write`."""
        self.stirred = True
        events = ContactEvents(self.clock, stage=self.funnel.initial)
        pushes = list(self._pushes)
        self._pushes.clear()
        for push in pushes:
            await events.apply(typed_event(read_xml(push.xml())), session)


def people_of(customers: int, days: int, start: datetime, dice: random.Random) -> list[Person]:
    """Customers who come over the first days, each to one guide."""
    guides = sorted(GUIDES)
    last = max(1, days - 2)
    return [
        Person(
            who=f"wmRehearsal{number:06d}",
            guide=dice.choice(guides),
            arrives=start + timedelta(hours=24 * last * dice.random() ** 2),
            tag=dice.choice(_TAGS),
            writes=dice.random() < 0.6,
        )
        for number in range(customers)
    ]
