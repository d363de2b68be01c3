"""The parts that keep contacts up to date, wired to each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping

from bot.clock import Clock
from bot.customers import link_events
from bot.customers.auto_tags import AutoTagger
from bot.customers.behaviour import BehaviourBook
from bot.customers.contact_events import ContactEvents
from bot.customers.contact_reading import ContactReader
from bot.customers.corp_tags import TagBook
from bot.customers.funnel import Funnel
from bot.customers.guide_names import GuideNames
from bot.customers.portrait_desk import PortraitDesk
from bot.customers.remarks import Remarks
from bot.customers.sync import Synchroniser
from bot.customers.sync_journey import GroupReading, Tools
from bot.customers.tag_names import TagNameKeeper
from bot.customers.tag_rules import SHIPPED_RULES, load_tag_rules
from bot.customers.tagging import Tagger
from bot.customers.transfers import Transfers
from bot.delivery.routing import EventRouter
from bot.delivery.worker import Worker
from bot.settings import Settings
from bot.store.contact_tables import TagJob
from bot.store.database import Database
from bot.wecom.client import WeComClient

Job = Callable[[], Awaitable[None]]

_TAGGERS = 4


class Contacts:
    """Everything about contacts in one process: events, reading, tags, behaviour, syncing.

    `intents` are the names that tag rules may use, `labels` how intents are called in Chinese;
    `groups` reads the customer groups during a sync.
    """

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        settings: Settings,
        funnel: Funnel,
        *,
        name: str,
        intents: Collection[str],
        labels: Mapping[str, str],
        groups: GroupReading | None = None,
    ) -> None:
        own = settings.customers
        self._settings = own
        self.tags = TagBook(database, client, clock)
        self.reader = ContactReader(database, client, clock, stage=funnel.initial)
        self.events = ContactEvents(clock, stage=funnel.initial, on_reading=self.reader.nudge)
        self.behaviour = BehaviourBook(database, clock, funnel)
        self.portraits = PortraitDesk(database, clock)
        self.remarks = Remarks(database, client, clock)
        self.transfers = Transfers(database, client, clock)
        self.guide_names = GuideNames(database, client, clock)
        self.tag_names = TagNameKeeper(database, clock)
        self.auto_tagger = AutoTagger(
            database,
            clock,
            load_tag_rules(own.tag_rules or SHIPPED_RULES, intents=intents, stages=funnel.names),
            labels={**labels, **{stage.name: stage.zh for stage in funnel.stages}},
            enabled=own.auto_tags,
        )
        tagger = Tagger(database, client, clock, self.tags)
        self.tag_jobs = Worker(
            database, TagJob, tagger.handle, name=name, clock=clock, concurrency=_TAGGERS
        )
        tools = Tools(
            database=database,
            client=client,
            clock=clock,
            tags=self.tags,
            stage=funnel.initial,
            groups=groups,
        )
        self.sync = Synchroniser(tools, name=name, zone=settings.shop.zone, hour=own.sync_hour)

    def add_to(self, router: EventRouter) -> None:
        """Let this room act on the callbacks about contacts and tags."""
        self.events.add_to(router)
        self.tags.add_to(router)
        link_events.add_to(router)

    async def stop(self) -> None:
        """End what was started beside the loops."""
        await self.sync.stop()

    @property
    def loops(self) -> dict[str, Job]:
        """What runs for as long as the process serves."""
        return {
            "contacts": self.reader.run,
            "behaviour": self.behaviour.run,
            "tag jobs": self.tag_jobs.run,
        }

    @property
    def jobs(self) -> dict[str, tuple[float, Job]]:
        """What looks for due work every so many seconds."""
        return {
            "automatic tags": (15, self.auto_tagger.tick),
            "names of changed tags": (5, self.tag_names.tick),
            "customers handed on": (60, self.transfers.tick),
            "names of guides": (30, self.guide_names.tick),
            **({"sync of contacts": (60, self.sync.tick)} if self._settings.sync else {}),
        }
