"""The composition root: the only place that knows every room and wires them together."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import aiohttp
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock, as_told
from bot.customers.channel_posters import ChannelPosters
from bot.customers.contacts import Contacts
from bot.customers.funnel import Funnel
from bot.customers.new_friends import note_new_friends
from bot.customers.profiles import ProfileReader
from bot.customers.timeline import SOURCES
from bot.customers.welcomes import Welcomes
from bot.delivery.dead_letters import DeadLetters
from bot.delivery.inbox import Inbox
from bot.delivery.media import MediaLibrary
from bot.delivery.outbox import Sender
from bot.delivery.precedence import Precedence
from bot.delivery.routing import EventRouter
from bot.delivery.tidying import Tidier
from bot.delivery.tokens import StoredTokens
from bot.delivery.worker import Worker
from bot.dialogue.bursts import BurstHandler
from bot.dialogue.conversations import Conversations
from bot.dialogue.decisions import Decisions
from bot.dialogue.forgetting import MessageForgetter
from bot.dialogue.library import Library
from bot.dialogue.messages import MessageBook
from bot.dialogue.policy import Policy
from bot.dialogue.pulling import Puller, Reconciler, request_pulls
from bot.dialogue.teaching import Teaching
from bot.groups.groups import Groups
from bot.nlu import Trainer
from bot.outreach.forgetting import TouchForgetter
from bot.outreach.gate import patience
from bot.outreach.journey_shelf import JourneyShelf
from bot.outreach.outreach import Outreach, Ties
from bot.outreach.plans import SHIPPED_JOURNEYS, load_plans
from bot.outreach.touch_history import KIND, touches
from bot.settings import Settings
from bot.shop import catalogue_folder, choosing_rules, shop_variables
from bot.store.channel_tables import GuideNotice
from bot.store.claims import release_dead_leases, worker_name
from bot.store.database import Database
from bot.store.tables import Burst, InboxEvent, Outbound
from bot.web import keys
from bot.web.application import web_application
from bot.web.live import Hub
from bot.web.metrics import Metrics
from bot.wecom.callback import Callback
from bot.wecom.client import WeComClient
from bot.wecom.events import InboundEvent
from intents import BuiltinEngine, NluEngine, Taxonomy
from scripts_library.sensitive import SensitiveWords

_TIDYING_SECONDS = 3600.0

Gated = TypeVar("Gated", Outbound, GuideNotice)
Handle = Callable[[Gated], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ground:
    """What every part is built on; opened first, closed last."""

    settings: Settings
    clock: Clock
    database: Database
    http: aiohttp.ClientSession
    builtin: BuiltinEngine
    engine: NluEngine
    taxonomy: Taxonomy
    funnel: Funnel
    metrics: Metrics


class Bot:
    """All parts of one `serve` process, wired but not yet running."""

    def __init__(self, ground: Ground) -> None:
        settings, clock, database = ground.settings, ground.clock, ground.database
        self.name = worker_name()
        self.ground = ground
        self.client = WeComClient(
            settings.wecom,
            ground.http,
            shared=StoredTokens(database),
            clock=clock,
            observe=ground.metrics.observe_call,
        )
        self.hub = Hub(database)
        self.library = Library(database, clock)
        self.teaching = Teaching(database, clock, ground.taxonomy)
        self.trainer = Trainer(settings.nlu, ground.builtin, self.teaching)
        self.first = Precedence()
        self._wire_sending()
        self._wire_greeting()
        self._wire_dialogue()
        self._wire_receiving()
        self._wire_outreach()

    def _wire_sending(self) -> None:
        ground = self.ground
        self.media = MediaLibrary(
            ground.database,
            self.client,
            ground.clock,
            root=catalogue_folder(ground.settings),
            more=[
                ground.settings.outreach.journeys or SHIPPED_JOURNEYS,
                ground.settings.console.uploads,
            ],
        )
        sender = Sender(ground.database, self.client, self.media, ground.clock)
        self.outbox = Worker(
            ground.database,
            Outbound,
            self._behind_the_gate(sender.handle),
            name=self.name,
            clock=ground.clock,
            backoff=patience,
            on_settled=self.hub.publish,
        )
        self.conversations = Conversations(
            ground.database, ground.clock, on_send=self.outbox.nudge
        )
        self.decisions = Decisions(
            ground.database,
            ground.clock,
            on_change=self.hub.publish,
            on_send=self.outbox.nudge,
        )

    def _behind_the_gate(self, handle: Handle[Gated]) -> Handle[Gated]:
        """What outreach promised is looked at once more before the call."""

        async def handled(row: Gated) -> None:
            if self.outreach is None or await self.outreach.gate.passes(row):
                await handle(row)

        return handled

    def _wire_greeting(self) -> None:
        ground = self.ground
        self.welcomes = Welcomes(
            ground.database,
            self.client,
            ground.clock,
            ground.settings,
            ground.funnel,
            name=self.name,
            media=self.media,
            variables=shop_variables(ground.settings.shop),
            first=self.first,
            gate=self._behind_the_gate,
            patience=patience,
            on_settled=lambda: self.contacts.tag_jobs.nudge(),
        )
        self.channels = self.welcomes.channels
        self.shop_greetings = self.welcomes.words

    def _wire_dialogue(self) -> None:
        ground, settings = self.ground, self.ground.settings
        handler = BurstHandler(
            ground.database,
            settings,
            ground.clock,
            engine=ground.engine,
            library=self.library,
            funnel=ground.funnel,
            policy=Policy(settings.dialogue, SensitiveWords.load()),
            rules=choosing_rules(settings, ground.taxonomy, ground.funnel),
            variables=shop_variables(settings.shop),
            on_suggestion=self.hub.publish,
            on_send=self.outbox.nudge,
        )
        self.bursts = Worker(
            ground.database,
            Burst,
            handler.handle,
            name=self.name,
            clock=ground.clock,
            behind=self.first,
        )

    def _wire_receiving(self) -> None:
        ground, settings = self.ground, self.ground.settings
        self.profiles = ProfileReader(ground.database, self.client, ground.clock)
        book = MessageBook(settings.dialogue, ground.funnel, ground.clock)
        self.puller = Puller(
            ground.database,
            self.client,
            ground.clock,
            book.store,
            name=self.name,
            on_stored=self._messages_stored,
            behind=self.first,
        )
        self.reconciler = Reconciler(
            ground.database, self.client, ground.clock, on_wanted=self.puller.nudge
        )
        self.router = EventRouter(ground.database, ground.clock)
        self._wire_groups()
        self._wire_contacts()
        self.events = Worker(
            ground.database,
            InboxEvent,
            self.router.handle,
            name=self.name,
            clock=ground.clock,
            behind=self.first,
        )
        self.inbox = Inbox(
            ground.database,
            ground.clock,
            handled=self.router.events,
            on_arrival=self._events_arrive,
            on_stored=self._events_stored,
        )
        self.callback = Callback(
            settings.wecom, ground.clock, max_bytes=settings.http.max_callback_bytes
        )

    def _wire_groups(self) -> None:
        ground = self.ground
        self.groups = Groups(
            ground.database,
            self.client,
            ground.clock,
            ground.settings.groups,
            zone=ground.settings.shop.zone,
            media=self.welcomes.media,
            variables=shop_variables(ground.settings.shop),
        )
        self.groups.add_to(self.router)

    def _wire_contacts(self) -> None:
        ground = self.ground
        self.contacts = Contacts(
            ground.database,
            self.client,
            ground.clock,
            ground.settings,
            ground.funnel,
            name=self.name,
            intents=ground.taxonomy.names,
            labels={intent.name: intent.zh for intent in ground.taxonomy.intents},
            groups=self.groups.sync.read_all,
        )
        self.contacts.add_to(self.router)

    def _wire_outreach(self) -> None:
        """Outreach is off until an operator has looked at the plans."""
        ground = self.ground
        self.outreach: Outreach | None = None
        variables = shop_variables(ground.settings.shop)
        self.journeys = JourneyShelf(
            ground.database,
            ground.clock,
            ground.settings,
            variables=variables,
            stages=ground.funnel.names,
        )
        if (KIND, touches) not in SOURCES:
            SOURCES.append((KIND, touches))
        if not ground.settings.outreach_runs:
            return
        plans = load_plans(ground.settings, variables=variables, stages=ground.funnel.names)
        ties = Ties(
            client=self.client,
            media=self.media,
            library=self.library,
            tags=self.contacts.tags,
            funnel=ground.funnel,
            variables=variables,
            name=self.name,
            on_send=self.outbox.nudge,
            on_notice=self.welcomes.notices.nudge,
            on_tags=self.contacts.tag_jobs.nudge,
            shelf=self.journeys,
        )
        self.outreach = Outreach(ground.database, ground.clock, ground.settings, plans, ties)

    async def _events_arrive(self, session: AsyncSession, events: Sequence[InboundEvent]) -> None:
        """Runs in the transaction that stores the callbacks."""
        now = self.ground.clock.now()
        await request_pulls(session, events, now=now)
        told = functools.partial(as_told, self.ground.clock)
        await note_new_friends(session, events, now=now, told=told)

    def _events_stored(self) -> None:
        self.welcomes.greetings.nudge()
        self.puller.nudge()
        self.events.nudge()

    def _messages_stored(self) -> None:
        self.profiles.nudge()
        self.bursts.nudge()
        self.hub.publish()

    @property
    def loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What runs for as long as the process serves."""
        return {
            "inbox": self.inbox.run,
            "events": self.events.run,
            "puller": self.puller.run,
            "profiles": self.profiles.run,
            "bursts": self.bursts.run,
            "outbox": self.outbox.run,
            "live": self.hub.run,
            **self.welcomes.loops,
            **self.contacts.loops,
            **(self.outreach.loops if self.outreach else {}),
            **self.groups.loops,
        }

    @property
    def tidying_jobs(self) -> dict[str, tuple[float, Callable[[], Awaitable[object]]]]:
        """What deletes old rows every so many seconds; what was said only where it is wanted."""
        database, clock = self.ground.database, self.ground.clock
        kept = self.ground.settings.retention
        jobs: dict[str, Callable[[], Awaitable[object]]] = {
            "delete old work": Tidier(database, clock, days=kept.done_days).tick
        }
        if kept.messages_days is not None:
            forgetter = MessageForgetter(database, clock, days=kept.messages_days)
            jobs["forget old messages"] = forgetter.tick
        if kept.touches_days is not None:
            touches = TouchForgetter(database, clock, days=kept.touches_days)
            jobs["forget old touches"] = touches.tick
        return {name: (_TIDYING_SECONDS, job) for name, job in jobs.items()}

    async def take_over(self) -> None:
        """Go on with what killed processes of this host had begun, before their leases run out."""
        async with self.ground.database.write() as session:
            freed = await release_dead_leases(session, by=self.name)
        if freed:
            loggers.app.info("work of a stopped process is taken up again", rows=freed)
            self.puller.nudge()
            self.bursts.nudge()
            self.outbox.nudge()

    def application(self) -> web.Application:
        """The web application on top of these parts."""
        app = web_application()
        app[keys.SETTINGS] = self.ground.settings
        app[keys.CLOCK] = self.ground.clock
        app[keys.DATABASE] = self.ground.database
        app[keys.FUNNEL] = self.ground.funnel
        app[keys.TAXONOMY] = self.ground.taxonomy
        app[keys.VARIABLES] = shop_variables(self.ground.settings.shop)
        app[keys.METRICS] = self.ground.metrics
        app[keys.INBOX] = self.inbox
        app[keys.CALLBACK] = self.callback
        app[keys.DECISIONS] = self.decisions
        app[keys.TEACHING] = self.teaching
        app[keys.TRAIN] = self.trainer.train
        app[keys.CHANNELS] = self.channels
        app[keys.LINK_QUOTA] = self.welcomes.link_quota
        app[keys.SHOP_GREETINGS] = self.shop_greetings
        app[keys.GROUPS] = self.groups
        app[keys.POSTERS] = ChannelPosters(self.ground.http, self.ground.settings.greetings)
        app[keys.DEAD_LETTERS] = DeadLetters(self.ground.database, self.ground.clock)
        app[keys.CONTACTS] = self.contacts
        app[keys.MEDIA] = self.media
        app[keys.CONVERSATIONS] = self.conversations
        app[keys.HUB] = self.hub
        app[keys.OUTREACH] = self.outreach
        app[keys.JOURNEYS] = self.journeys
        app.on_shutdown.append(self._close_streams)
        return app

    async def _close_streams(self, _app: web.Application) -> None:
        self.hub.close()
