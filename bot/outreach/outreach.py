"""The parts that carry out the plans, wired to each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.clock import Clock
from bot.customers.corp_tags import TagBook
from bot.customers.funnel import Funnel
from bot.delivery.media import MediaLibrary
from bot.delivery.worker import Worker
from bot.dialogue.library import Library
from bot.outreach.attachments import MomentMedia
from bot.outreach.birthdays import BirthdayBook
from bot.outreach.cohorts import CohortBook
from bot.outreach.dates import DateBook
from bot.outreach.dispatching import Dispatcher
from bot.outreach.gate import UNTIL_TOO_LATE, Gate
from bot.outreach.journey_shelf import JourneyShelf
from bot.outreach.listening import Listener
from bot.outreach.old_words import Rewording
from bot.outreach.planning import Planner
from bot.outreach.plans import Plans
from bot.outreach.posts_recalled import PostRecall
from bot.outreach.receipts import Receipts
from bot.outreach.task_calls import TaskMaker
from bot.outreach.task_polling import TaskPoller
from bot.outreach.wording import Wordsmith
from bot.settings import Settings
from bot.store.database import Database
from bot.store.outreach_tables import OutreachTask
from bot.wecom.client import WeComClient

Job = Callable[[], Awaitable[object]]
_QUICKEST = 0.3
_FOLLOW = 5
"""Real seconds after which another replica's edit of a journey takes effect here, too."""


@dataclass(frozen=True, slots=True)
class Ties:
    """What outreach needs of the other rooms."""

    client: WeComClient
    media: MediaLibrary
    library: Library
    tags: TagBook
    funnel: Funnel
    variables: Mapping[str, str]
    name: str
    on_send: Callable[[], None] = lambda: None
    on_notice: Callable[[], None] = lambda: None
    on_tags: Callable[[], None] = lambda: None
    shelf: JourneyShelf | None = None


class Outreach:
    """Hears, plans, sends and looks after what was sent; one step of each is a `tick`."""

    def __init__(
        self, database: Database, clock: Clock, settings: Settings, plans: Plans, ties: Ties
    ) -> None:
        self.plans = plans
        if ties.shelf is not None:
            ties.shelf.on_change = self.follow_shelf
        self._ties = ties
        self._speed = settings.clock.speed
        words = Wordsmith(settings.outreach, ties.variables)
        self.cohorts = CohortBook(database, clock, plans, ties.tags)
        self.listener = Listener(
            database, clock, plans, ties.funnel, self.cohorts, on_heard=ties.on_tags
        )
        self.dates = DateBook(database, clock, plans, self.cohorts)
        self.birthdays = BirthdayBook(database, clock, plans)
        self.planner = Planner(database, clock, plans)
        self.dispatcher = Dispatcher(
            database, clock, plans, words, ties.library, on_promised=self._promised
        )
        self.rewording = Rewording(database, ties.client, clock, plans, words, ties.library)
        self.recall = PostRecall(database, ties.client, clock, plans)
        self.gate = Gate(database, clock, plans)
        self.receipts = Receipts(database, clock)
        self.maker = TaskMaker(
            database,
            ties.client,
            clock,
            media=ties.media,
            moment_media=MomentMedia(
                database,
                ties.client,
                clock,
                root=plans.root,
                more=[settings.console.uploads],
            ),
            tags=ties.tags,
            plans=plans,
        )
        self.tasks = Worker(
            database,
            OutreachTask,
            self.maker.handle,
            name=ties.name,
            clock=clock,
            backoff=lambda _: UNTIL_TOO_LATE,
            concurrency=settings.outreach.calls_at_once,
        )
        self.poller = TaskPoller(
            database,
            ties.client,
            clock,
            plans,
            remind_after=timedelta(hours=settings.outreach.remind_after_hours),
            calls_at_once=settings.outreach.calls_at_once,
        )

    def _promised(self) -> None:
        self._ties.on_send()
        self._ties.on_notice()
        self.tasks.nudge()

    async def begin(self) -> None:
        """Before anything is received: what happened before outreach existed begins nothing."""
        await self.follow_shelf()
        await self.end_removed()
        await self.listener.begin()

    async def follow_shelf(self) -> None:
        """Go by the journeys as operators have them now, here or in another replica."""
        if self._ties.shelf is not None:
            await self._ties.shelf.bring(self.plans)

    async def end_removed(self) -> None:
        """End what was planned for steps and journeys that are gone."""
        if self._ties.shelf is not None:
            await self._ties.shelf.tidy()

    @property
    def loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What runs for as long as the process serves."""
        return {"outreach tasks": self.tasks.run}

    @property
    def jobs(self) -> dict[str, tuple[float, Job]]:
        """What looks for due work every so many real seconds."""
        return {
            "outreach: journeys": (_FOLLOW, self.follow_shelf),
            "outreach: hear": (self._every(2), self.listener.tick),
            "outreach: plan": (self._every(20), self.planner.tick),
            "outreach: send": (self._every(5), self.dispatcher.tick),
            "outreach: receipts": (self._every(5), self.receipts.tick),
            "outreach: tasks": (self._every(10), self.poller.tick),
            "outreach: posts": (self._every(30), self.recall.tick),
            "outreach: calendar": (self._every(60), self.dates.tick),
            "outreach: birthdays": (self._every(300), self.birthdays.tick),
            "outreach: cohorts": (self._every(120), self.cohorts.tick),
            "outreach: removed journeys": (self._every(3_600), self.end_removed),
        }

    def _every(self, seconds: float) -> float:
        """So many seconds of the service's own clock, as far as the machine can follow."""
        return max(_QUICKEST, seconds / self._speed) if self._speed > 1 else seconds
