"""A shop to rehearse with: the sandbox's platform, a clock turned by hand, and people who act."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from bot.clock import ManualClock
from bot.commands.inline_sqlite import inline_connections
from bot.commands.simulated_parts import PROMISED, Part, due_now
from bot.commands.simulated_people import Crowd, people_of
from bot.customers.corp_tags import TagBook
from bot.customers.funnel import load_funnel
from bot.customers.notices import Herald
from bot.customers.tagging import Tagger
from bot.delivery.media import MediaLibrary
from bot.delivery.outbox import Sender
from bot.delivery.tokens import StoredTokens
from bot.dialogue.library import Library
from bot.errors import RetryLater
from bot.outreach.outreach import Outreach, Ties
from bot.outreach.plans import load_plans
from bot.sandbox import Platform, SandboxSettings, create_app
from bot.sandbox import mass_sends as platform_mass_sends
from bot.sandbox import moments as platform_moments
from bot.sandbox.moments import LIKE
from bot.settings import Settings
from bot.shop import catalogue_folder, seed_library, shop_variables
from bot.store.channel_tables import GuideNotice
from bot.store.claims import claim, postpone, settle
from bot.store.contact_tables import TagJob
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.store.outreach_tables import OutreachTask
from bot.store.tables import Burst, Outbound, WorkState
from bot.wecom.client import WeComClient
from intents import load_taxonomy

_NAME = "rehearsal/1/aa"
_IN_MEMORY = Path("/dev/shm")  # noqa: S108  (a folder with a random name is made in it)
_TAGS = ("宝妈", "女装", "会员", "")
_LEASE = timedelta(minutes=1)
_RETRY = timedelta(seconds=30)
_UPKEEP = timedelta(hours=3)


@dataclass(slots=True)
class SimulatedShop:
    """All parts of outreach on a platform of their own; nothing moves unless told."""

    database: Database
    clock: ManualClock
    platform: Platform
    client: WeComClient
    outreach: Outreach
    settings: Settings
    media: MediaLibrary
    dice: random.Random
    crowd: Crowd
    refusals: int = 0
    _upkeep_at: datetime | None = None

    async def move(self, by: timedelta) -> None:
        """Let time pass, people act, and every part of outreach look once."""
        self.clock.turn(seconds=by.total_seconds())
        await self.crowd.act()
        self._guides_act()
        await self._run()
        self._note_refusals()

    async def _run(self) -> None:
        """What the service's parts do on their own; one that has nothing due is left alone."""
        outreach, parts = self.outreach, (self.database, self.client)
        if self.crowd.stirred:
            self.crowd.stirred = False
            await outreach.listener.tick()
        await self._upkeep()
        due = await due_now(self.database, self.clock.now())
        if Part.TAGS in due:
            self.crowd.stirred = True
            tagger = Tagger(*parts, self.clock, TagBook(*parts, self.clock))
            await self._work(TagJob, tagger.handle)
        if Part.BURSTS in due:
            await self._finish_bursts()
        if Part.PLANNER in due and await outreach.planner.tick():
            due |= {Part.DISPATCHER}
        if Part.DISPATCHER in due and await outreach.dispatcher.tick():
            due |= PROMISED
        if Part.SENDS in due:
            await self._work(Outbound, self._sender)
        if Part.NOTICES in due:
            await self._work(GuideNotice, self._herald)
        if Part.TASKS in due:
            await self._work(OutreachTask, outreach.maker.handle)
        if Part.POLLER in due:
            await outreach.poller.tick()
        if Part.RECEIPTS in due:
            await outreach.receipts.tick()

    async def _upkeep(self) -> None:
        if self._upkeep_at is None or self.clock.now() >= self._upkeep_at:
            self._upkeep_at = self.clock.now() + _UPKEEP
            await self.outreach.cohorts.tick()
            await self.outreach.recall.tick()
            await self.outreach.dates.tick()
            await self.outreach.birthdays.tick()

    async def _sender(self, row: Outbound) -> None:
        if await self.outreach.gate.passes(row):
            sender = Sender(self.database, self.client, self.media, self.clock)
            await sender.handle(row)

    async def _herald(self, row: GuideNotice) -> None:
        if await self.outreach.gate.passes(row):
            agent = self.platform.settings.agent_id
            herald = Herald(self.database, self.client, self.clock, agent_id=agent)
            await herald.handle(row)

    async def _work(self, table: Any, handle: Callable[[Any], Awaitable[None]]) -> None:
        """All that is due, one of a lane after the other as workers take them."""
        now = self.clock.now()
        while rows := await self._claimed(table):
            for row in rows:
                try:
                    await handle(row)
                except RetryLater as error:
                    async with self.database.write() as session:
                        await postpone(session, row, until=now + _RETRY, error=error.message)

    async def _claimed(self, table: Any) -> Sequence[Any]:
        now = self.clock.now()
        async with self.database.write() as session:
            return await claim(session, table, by=_NAME, now=now, lease=_LEASE, limit=500)

    async def _finish_bursts(self) -> None:
        """Nobody answers here: the rehearsal is about what goes out unasked."""
        now = self.clock.now()
        async with self.database.write() as session:
            rows = await claim(session, Burst, by=_NAME, now=now, lease=_LEASE, limit=500)
            for row in rows:
                await settle(session, row, now=now, state=WorkState.DONE)

    def _guides_act(self) -> None:
        """Guides look at their tasks in working hours, and not at once."""
        local = self.clock.now().astimezone(self.settings.shop.zone)
        if not 9 <= local.hour < 21:
            return
        for msgid, _ in platform_mass_sends.waiting(self.platform):
            if self.dice.random() < 0.5:
                platform_mass_sends.confirm(self.platform, msgid)
        for moment_id, userid in platform_moments.waiting(self.platform):
            if self.dice.random() < 0.5:
                seen = platform_moments.publish(self.platform, moment_id, userid)
                for who in seen:
                    if self.dice.random() < 0.1:
                        platform_moments.react(self.platform, moment_id, userid, who, LIKE)

    def _note_refusals(self) -> None:
        """A call that the platform refuses for a quota is a violation."""
        quotas = {45009, 95001, 95002, 41210, 41078}
        self.refusals += sum(1 for call in self.platform.calls if call.errcode in quotas)
        self.platform.calls.clear()


@asynccontextmanager
async def simulated_shop(
    given: Settings, *, customers: int, days: int, seed: int, start: datetime
) -> AsyncIterator[SimulatedShop]:
    """A whole shop on a folder that is thrown away afterwards."""
    clock, dice = ManualClock(start), random.Random(seed)  # noqa: S311  (a game, not a secret)
    outreach = given.outreach.model_copy(update={"enabled": True})
    corp = SandboxSettings(
        clock=clock.now,
        callback_url="",
        calls_per_minute=1_000_000,
        mass_send_rule=outreach.mass_send_rule,
    )
    platform = Platform(corp)
    async with AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(TemporaryDirectory(prefix="wecom-rehearsal-", dir=_memory()))
        )
        address = await stack.enter_async_context(_listening(corp, platform))
        wecom = given.wecom.model_copy(
            update={
                "api_base": address,
                "corp_id": corp.corp_id,
                "agent_id": corp.agent_id,
                "secret": SecretStr(corp.secret),
                "calls_per_minute": 10_000,
            }
        )
        settings = given.model_copy(update={"wecom": wecom, "outreach": outreach})
        file = folder / "rehearsal.db"
        database = Database(f"sqlite+aiosqlite:///{file}", connect=inline_connections(file))
        stack.push_async_callback(database.close)
        await upgrade(database)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        client = WeComClient(wecom, http, shared=StoredTokens(database), clock=clock)
        shop = await _shop(settings, database, clock, platform, client, dice)
        shop.crowd.people += people_of(customers, days, start, dice)
        shop.crowd.listen()
        yield shop


async def _shop(
    settings: Settings,
    database: Database,
    clock: ManualClock,
    platform: Platform,
    client: WeComClient,
    dice: random.Random,
) -> SimulatedShop:
    funnel, variables = load_funnel(), shop_variables(settings.shop)
    library = Library(database, clock)
    await seed_library(library, settings, load_taxonomy(), funnel)
    plans = load_plans(settings, variables=variables, stages=funnel.names)
    media = MediaLibrary(
        database, client, clock, root=catalogue_folder(settings), more=[plans.root]
    )
    ties = Ties(
        client=client,
        media=media,
        library=library,
        tags=TagBook(database, client, clock),
        funnel=funnel,
        variables=variables,
        name=_NAME,
    )
    outreach = Outreach(database, clock, settings, plans, ties)
    crowd = Crowd([], database, clock, platform, settings, funnel, plans, dice)
    return SimulatedShop(database, clock, platform, client, outreach, settings, media, dice, crowd)


def _memory() -> Path | None:
    """A folder in memory where there is one: what is thrown away need not reach the disk."""
    return _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None


@asynccontextmanager
async def _listening(settings: SandboxSettings, platform: Platform) -> AsyncIterator[str]:
    runner = web.AppRunner(create_app(settings, platform), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/cgi-bin/"
    finally:
        await runner.cleanup()
