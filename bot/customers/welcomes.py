"""The parts that greet new friends and keep channels, wired to each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bot.clock import Clock
from bot.customers.acquaintance import Acquaintance
from bot.customers.aftercare import Aftercare
from bot.customers.channel_codes import ChannelCodes
from bot.customers.channel_keeper import ChannelKeeper
from bot.customers.channels import Channels
from bot.customers.funnel import Funnel
from bot.customers.greeting_media import GreetingMedia
from bot.customers.greetings import CONCURRENCY, Greeter
from bot.customers.link_quota import LinkQuota
from bot.customers.notices import Herald
from bot.customers.shop_greetings import ShopGreetings
from bot.delivery.backoff import Backoff
from bot.delivery.media import MediaLibrary
from bot.delivery.precedence import Precedence
from bot.delivery.worker import Worker
from bot.settings import Settings
from bot.store.channel_tables import Greeting, GuideNotice
from bot.store.database import Database
from bot.wecom.client import WeComClient

Job = Callable[[], Awaitable[None]]
Tell = Callable[[GuideNotice], Awaitable[None]]


class Welcomes:
    """Everything about new friends in one process: channels, words, greetings, notices.

    `gate` stands before the telling of notices, some of which outreach has promised; `variables`
    are what greetings may say of the shop.
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
        media: MediaLibrary,
        variables: Mapping[str, str],
        first: Precedence,
        gate: Callable[[Tell], Tell],
        patience: Callable[[GuideNotice], Backoff],
        on_settled: Callable[[], None],
    ) -> None:
        own, zone = settings.greetings, settings.shop.zone
        codes = ChannelCodes(client, clock)
        self.channels = Channels(database, codes, clock, zone=zone, variables=variables)
        self.link_quota = LinkQuota(client, clock)
        self.media = GreetingMedia(media, clock)
        self.words = ShopGreetings(database, clock, own, variables)
        self.keeper = ChannelKeeper(database, self.channels, self.media, clock, self.words)
        self.channels.on_change = self.words.on_change = self.keeper.changed
        self._on_settled = on_settled
        herald = Herald(database, client, clock, agent_id=settings.wecom.agent_id)
        tell = gate(herald.handle)
        self.notices = Worker(
            database, GuideNotice, tell, name=name, clock=clock, backoff=patience
        )
        greet = Greeter(
            database,
            client,
            clock,
            shop=self.words,
            stage=funnel.initial,
            acquaintance=Acquaintance(database, client, clock, own),
            media=self.media,
            aftercare=Aftercare(clock, funnel, own),
            variables=variables,
            first=first,
        ).handle
        self.greetings = Worker(
            database, Greeting, greet, name=name, clock=clock, concurrency=CONCURRENCY,
            urgent=True, on_settled=self._settled,
        )  # fmt: skip

    def _settled(self) -> None:
        self.notices.nudge()
        self.keeper.nudge()
        self._on_settled()

    @property
    def loops(self) -> dict[str, Job]:
        """What runs for as long as the process serves."""
        return {
            "greetings": self.greetings.run,
            "notices": self.notices.run,
            "channels": self.keeper.run,
        }
