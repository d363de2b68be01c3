"""The parts that keep customer groups up to date, wired to each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import time, timedelta
from zoneinfo import ZoneInfo

from bot.clock import Clock
from bot.customers.greeting_media import GreetingMedia
from bot.delivery.routing import EventRouter
from bot.groups.changes import GroupEvents
from bot.groups.codes import GroupCodes
from bot.groups.digests import Digester
from bot.groups.drift import GreetingTasks
from bot.groups.history import GroupHistory
from bot.groups.keeper import GroupKeeper
from bot.groups.kf_door import KfDoor
from bot.groups.liveliness import Liveliness
from bot.groups.profiles import GroupProfiles
from bot.groups.quiet import DigestTimes
from bot.groups.reading import GroupReader
from bot.groups.roster import Roster
from bot.groups.segments import Segments
from bot.groups.sweep import GroupSync
from bot.groups.templates import GroupTemplates
from bot.settings import GroupSettings
from bot.store.database import Database
from bot.wecom.client import WeComClient


class Groups:
    """Everything about customer groups in one process: events, reading, greetings, codes."""

    def __init__(
        self,
        database: Database,
        client: WeComClient,
        clock: Clock,
        settings: GroupSettings,
        *,
        zone: ZoneInfo,
        media: GreetingMedia,
        variables: Mapping[str, str],
    ) -> None:
        times = digest_times(settings, zone)
        history = GroupHistory(zone)
        roster = Roster(history, times)
        self.segments = Segments.load(settings.segments_file)
        self.reader = GroupReader(database, client, clock, roster)
        self.events = GroupEvents(clock, history, times, on_reading=self.reader.nudge)
        lively = Liveliness(database, client, clock, zone=zone)
        self.sync = GroupSync(database, client, clock, roster, liveliness=lively)
        self.profiles = GroupProfiles(database, self.segments)
        self.codes = GroupCodes(database, client, clock, self.segments)
        self.templates = GroupTemplates(
            database,
            client,
            clock,
            self.segments,
            door=KfDoor(database, client, variables),
            media=media,
            variables=variables,
        )
        self.tasks = GreetingTasks(
            database,
            clock,
            self.segments,
            times,
            reminder=timedelta(days=settings.reminder_days),
        )
        self.digester = Digester(database, clock, self.segments, variables=variables)
        self.keeper = GroupKeeper(self.digester, self.codes, self.tasks)

    def add_to(self, router: EventRouter) -> None:
        """Let this room act on the callbacks about groups."""
        self.events.add_to(router)

    @property
    def loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What runs for as long as the process serves."""
        return {"groups": self.reader.run, "group keeper": self.keeper.run}


def digest_times(settings: GroupSettings, zone: ZoneInfo) -> DigestTimes:
    """When owners are told of newcomers, as the settings say."""
    return DigestTimes(
        window=timedelta(minutes=settings.digest_minutes),
        night=time.fromisoformat(settings.night_from),
        morning=time.fromisoformat(settings.night_to),
        zone=zone,
    )


def group_sync(
    database: Database,
    client: WeComClient,
    clock: Clock,
    settings: GroupSettings,
    *,
    zone: ZoneInfo,
) -> GroupSync:
    """The reading of all groups by itself, for a process that does nothing else."""
    roster = Roster(GroupHistory(zone), digest_times(settings, zone))
    lively = Liveliness(database, client, clock, zone=zone)
    return GroupSync(database, client, clock, roster, liveliness=lively)
