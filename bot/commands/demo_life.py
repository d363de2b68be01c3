"""The sample shop lives while its clock is turned: people come, answer and buy, guides reply."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count

from sqlalchemy import select

from bot.app import Bot
from bot.commands import demo_people
from bot.commands.demo_orders import OrderSystem
from bot.commands.demo_people import Turn
from bot.errors import BotError
from bot.sandbox import Platform
from bot.sandbox.clock_guides import at_work
from bot.sandbox.clock_walk import PassingTime
from bot.sandbox.errors import SandboxError
from bot.sandbox.meetings import codes, newcomer, scan
from bot.sandbox.timeline import Origin
from bot.store.tables import Suggestion, SuggestionStatus
from scheduler.calendars import SHANGHAI

_UNTIL, _HEARD, _PEOPLE, _SEEN = "life_until", "life_heard", "life_people", "life_seen"
_LOOKS_BACK = timedelta(hours=6)
_PATIENCE = timedelta(minutes=5)
_OFFER = "见面礼"


class ShopLife:
    """A companion of the passing time. People whom the page's visitor plays are left alone.

    What somebody will do is decided when it is caused and done when its time has come; a
    restart forgets what was only decided.
    """

    def __init__(
        self, bot: Bot, platform: Platform, passing: PassingTime, orders: OrderSystem
    ) -> None:
        self._bot = bot
        self._platform = platform
        self._passing = passing
        self._orders = orders
        self._agenda: list[tuple[datetime, int, str, Turn]] = []
        self._order = count()
        self._people: set[str] = set(json.loads(platform.store.fact(_PEOPLE) or "[]"))

    async def look(self) -> None:
        """One step of the clock: whoever was to come comes, whoever was to act acts."""
        store, now = self._platform.store, self._platform.clock()
        until = datetime.fromisoformat(store.fact(_UNTIL) or now.isoformat())
        self._come(max(until, now - _LOOKS_BACK), now)
        store.remember(_UNTIL, now.isoformat())
        self._hear()
        self._see_posts()
        while self._agenda and self._agenda[0][0] <= now:
            _, _, who, turn = heapq.heappop(self._agenda)
            await self._do(who, turn)
        if self._passing.guides_act and at_work(self._platform):
            await self._answer(now)

    def adopt(self, who: str) -> None:
        """Let somebody live by themselves from now on."""
        self._people.add(who)
        self._platform.store.remember(_PEOPLE, json.dumps(sorted(self._people)))

    def _come(self, since: datetime, now: datetime) -> None:
        doors = codes(self._platform)
        if not doors:
            return
        days = {since.astimezone(SHANGHAI).date(), now.astimezone(SHANGHAI).date()}
        known = {one.nickname for one in self._platform.customers()}
        for one in (each for day in sorted(days) for each in demo_people.newcomers(day)):
            if not since < one.at <= now:
                continue
            name = one.nickname if one.nickname not in known else f"{one.nickname}{len(known)}"
            known.add(name)
            who = newcomer(self._platform, name)
            scan(self._platform, who, config_id=doors[one.door % len(doors)].config_id)
            self.adopt(who)
            self.plan(who, demo_people.of_arriving(name, now))

    def _hear(self) -> None:
        """What guides wrote to people since the last look."""
        store = self._platform.store
        heard = int(store.fact(_HEARD) or 0)
        rows = store.all(
            "SELECT seq, external_userid, body, at FROM messages WHERE seq > ? AND origin = ?"
            " AND open_kfid LIKE 'friend:%' AND msgtype = 'text' ORDER BY seq",
            heard,
            int(Origin.SERVICER),
        )
        for row in rows:
            if (who := row["external_userid"]) in self._people:
                at = datetime.fromtimestamp(row["at"], SHANGHAI)
                words = str(json.loads(row["body"]).get("content") or "")
                self.plan(who, demo_people.of_message(self._name(who), words, at))
        if rows:
            store.remember(_HEARD, str(rows[-1]["seq"]))

    def _see_posts(self) -> None:
        """Posts with a present that have come to people's phones since the last look."""
        store = self._platform.store
        seen = int(store.fact(_SEEN) or 0)
        rows = store.all(
            "SELECT v.rowid AS place, v.external_userid, v.at, m.body FROM moment_views v"
            " JOIN moments m USING (moment_id) WHERE v.rowid > ? ORDER BY v.rowid",
            seen,
        )
        for row in rows:
            if (who := row["external_userid"]) in self._people and _OFFER in row["body"]:
                at = datetime.fromtimestamp(row["at"], SHANGHAI)
                self.plan(who, demo_people.of_offer(self._name(who), at))
        if rows:
            store.remember(_SEEN, str(rows[-1]["place"]))

    def _name(self, who: str) -> str:
        return self._platform.customer(who).nickname

    def plan(self, who: str, turns: Iterable[Turn]) -> None:
        """Somebody will do these things when their time has come."""
        for turn in turns:
            heapq.heappush(self._agenda, (turn.at, next(self._order), who, turn))

    async def _do(self, who: str, turn: Turn) -> None:
        with suppress(BotError, SandboxError):
            if turn.text:
                self._platform.customer_writes(who, turn.text)
            else:
                await self._orders.report(turn.event, who, self._platform.clock())

    async def _answer(self, now: datetime) -> None:
        """Guides take the first suggestion for people who live by themselves."""
        if not self._people:
            return
        pending = select(Suggestion.id, Suggestion.external_userid).where(
            Suggestion.status == SuggestionStatus.PENDING,
            Suggestion.created_at <= now - _PATIENCE,
        )
        async with self._bot.ground.database.read() as session:
            found = (await session.execute(pending)).all()
        for suggestion_id, who in found:
            if who in self._people:
                with suppress(BotError):
                    await self._bot.decisions.approve(suggestion_id, by="admin")
