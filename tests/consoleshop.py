"""A shop with customers waiting, behind a real server: what the console's tests begin with."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from bot.clock import Clock, ManualClock
from bot.customers.funnel import load_funnel
from bot.dialogue.conversations import Conversations
from bot.dialogue.decisions import Decisions
from bot.settings import Settings
from bot.store.database import Database
from bot.store.migrate import upgrade
from bot.store.tables import (
    Burst,
    Conversation,
    Customer,
    Message,
    Outbound,
    Suggestion,
    SuggestionStatus,
    WorkState,
)
from bot.web import keys
from bot.web.application import web_application
from bot.web.console.accounts import ensure_first_user
from bot.web.live import Hub
from bot.web.metrics import Metrics
from intents import load_taxonomy

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
_REASONS = ["意图：嫌贵 93%", "适合 异议处理 阶段"]


def choice(script_id: str, text: str, **more: Any) -> dict[str, Any]:
    """A stored choice as the chooser leaves it."""
    made: dict[str, Any] = {
        "script_id": script_id,
        "version": 1,
        "title": script_id,
        "text": text,
        "parts": [{"text": text}],
        "score": 0.9,
        "reasons": _REASONS,
        "auto": False,
    }
    return made | more


def understanding(intent: str, confidence: float, **more: Any) -> dict[str, Any]:
    """A stored understanding whose only guess is its verdict, unless told otherwise."""
    made: dict[str, Any] = {
        "intent": intent,
        "confidence": confidence,
        "ranking": [{"intent": intent, "confidence": confidence}],
        "entities": [],
        "wants": [],
        "engine": "builtin",
    }
    return made | more


@dataclass
class Shop:
    """The database of a shop and its web application; rows go in through the store."""

    database: Database
    clock: Clock
    hub: Hub
    app: web.Application
    password: str
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def says(
        self,
        name: str,
        text: str,
        *,
        stage: str = "discover",
        ago: timedelta = timedelta(minutes=2),
        understood: dict[str, Any] | None = None,
        choices: list[dict[str, Any]] | None = None,
        **customer: Any,
    ) -> int:
        """A customer writes; returns the id of the suggestion that waits for a guide."""
        said_at = self.clock.now() - ago
        conversation_id = await self._conversation(name, stage, said_at, customer)
        async with self.database.write() as session:
            burst = Burst(
                lane=f"c{conversation_id}",
                state=WorkState.DONE,
                due_at=said_at,
                finished_at=said_at,
                conversation_id=conversation_id,
                opened_at=said_at,
                last_sent_at=said_at,
            )
            session.add(burst)
            await session.flush()
            session.add_all(
                self._message(conversation_id, line, said_at, burst.id)
                for line in text.split("\n")
            )
            conversation = await session.get_one(Conversation, conversation_id)
            conversation.last_inbound_at = said_at
            suggestion = Suggestion(
                burst_id=burst.id,
                conversation_id=conversation_id,
                external_userid=conversation.external_userid,
                status=SuggestionStatus.PENDING,
                text=text,
                said_at=said_at,
                stage=stage,
                understanding=understood or understanding("complain_price", 0.93),
                choices=[choice("s1", "这款主要贵在面料上。"), choice("s2", "给您申请一张券？")]
                if choices is None
                else choices,
                policy="等待导购确认",
                created_at=said_at,
            )
            session.add(suggestion)
            await session.flush()
            suggestion_id = suggestion.id
        self.hub.publish()
        return suggestion_id

    async def sent(
        self,
        suggestion_id: int,
        text: str,
        *,
        ago: timedelta,
        state: WorkState = WorkState.DONE,
        error: str | None = None,
        errcode: int | None = None,
    ) -> int:
        """A message of ours in the suggestion's conversation; returns its id."""
        at = self.clock.now() - ago
        async with self.database.write() as session:
            suggestion = await session.get_one(Suggestion, suggestion_id)
            row = Outbound(
                lane=f"c{suggestion.conversation_id}",
                state=state,
                due_at=at,
                attempts=1,
                finished_at=at,
                sent_at=at if state is WorkState.DONE else None,
                created_at=at,
                msgid=f"out{next(self._numbers)}",
                conversation_id=suggestion.conversation_id,
                payload={},
                text=text,
                error=error,
                errcode=errcode,
            )
            session.add(row)
            await session.flush()
            return row.id

    async def suggestion(self, suggestion_id: int) -> Suggestion:
        async with self.database.read() as session:
            return await session.get_one(Suggestion, suggestion_id)

    async def _conversation(
        self, name: str, stage: str, now: datetime, more: dict[str, Any]
    ) -> int:
        who = f"wm-{name}" if name else "wmNoNameYetX7k2"
        async with self.database.write() as session:
            customer = await session.get(Customer, who)
            if customer is not None:
                found = await session.scalar(_of(who))
                assert found is not None
                return found
            session.add(
                Customer(
                    external_userid=who,
                    name=name,
                    stage=stage,
                    stage_since=now,
                    first_seen_at=now,
                    **more,
                )
            )
            await session.flush()
            conversation = Conversation(kind="kf", peer="wkShop", external_userid=who)
            session.add(conversation)
            await session.flush()
            return conversation.id

    def _message(self, conversation_id: int, text: str, at: datetime, burst_id: int) -> Message:
        return Message(
            source="wkShop",
            msgid=f"in{next(self._numbers)}",
            conversation_id=conversation_id,
            burst_id=burst_id,
            origin=3,
            msgtype="text",
            text=text,
            payload={},
            sent_at=at,
            received_at=at,
        )


def _of(who: str) -> Any:
    return select(Conversation.id).where(Conversation.external_userid == who)


@asynccontextmanager
async def open_shop(
    url: str, *, clock: Clock | None = None, **settings: Any
) -> AsyncIterator[Shop]:
    """A migrated database with a first user, and the application on it, not yet served."""
    clock = clock or ManualClock(NOON)
    database = Database(url)
    await upgrade(database)
    hub = Hub(database)
    app = web_application()
    app[keys.SETTINGS] = Settings.model_validate(settings)
    app[keys.CLOCK] = clock
    app[keys.DATABASE] = database
    app[keys.FUNNEL] = load_funnel()
    app[keys.TAXONOMY] = load_taxonomy()
    app[keys.METRICS] = Metrics()
    app[keys.DECISIONS] = Decisions(database, clock, on_change=hub.publish)
    app[keys.CONVERSATIONS] = Conversations(database, clock)
    app[keys.HUB] = hub

    async def close_streams(_: web.Application) -> None:
        hub.close()

    app.on_shutdown.append(close_streams)
    password = await ensure_first_user(database, clock)
    assert password is not None
    try:
        yield Shop(database, clock, hub, app, password)
    finally:
        await database.close()


@asynccontextmanager
async def serve(shop: Shop) -> AsyncIterator[TestServer]:
    """The shop's application on a port of this machine."""
    async with TestServer(shop.app) as server:
        yield server


class Guide:
    """A browser of a guide, without its scripts: cookies, forms and htmx's headers."""

    def __init__(self, client: ClientSession) -> None:
        self.client = client
        self.csrf = ""

    async def sign_in(self, password: str, name: str = "admin", **form: str) -> ClientResponse:
        """Fill in the login form as it is shown now."""
        page = await self.get("/console/login")
        fields = {"csrf": _hidden(await page.text(), "csrf"), "name": name, "password": password}
        return await self.client.post("/console/login", data=fields | form, allow_redirects=False)

    async def arrive(self, password: str) -> None:
        """Sign in and open the inbox, which tells the session's token."""
        answer = await self.sign_in(password)
        assert answer.status == 303, await answer.text()
        found = re.search(r'name="csrf" content="([^"]+)"', await self.text("/console/inbox"))
        assert found is not None
        self.csrf = found[1]

    async def get(self, path: str, *, htmx: bool = False) -> ClientResponse:
        headers = {"HX-Request": "true"} if htmx else {}
        return await self.client.get(path, headers=headers, allow_redirects=False)

    async def text(self, path: str, *, htmx: bool = False) -> str:
        answer = await self.get(path, htmx=htmx)
        assert answer.status == 200, (path, answer.status)
        return await answer.text()

    async def post(
        self, path: str, *, htmx: bool = False, headers: dict[str, str] | None = None, **form: str
    ) -> ClientResponse:
        """Post a form: plain ones carry the token in a field, htmx's in a header."""
        sent = dict(headers or {})
        if htmx:
            sent |= {"HX-Request": "true", "X-CSRF-Token": self.csrf}
        else:
            form = {"csrf": self.csrf} | form
        return await self.client.post(path, data=form, headers=sent, allow_redirects=False)


def note_of(answer: ClientResponse) -> str:
    """The passing note that an htmx answer brings."""
    text: str = json.loads(answer.headers["HX-Trigger"])["console:note"]["text"]
    return text


def _hidden(page: str, name: str) -> str:
    found = re.search(f'name="{name}" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


@asynccontextmanager
async def guide(server: TestServer) -> AsyncIterator[Guide]:
    """A new browser."""
    async with ClientSession(server.make_url("/"), cookie_jar=CookieJar(unsafe=True)) as session:
        yield Guide(session)


@pytest.fixture
async def shop(new_sqlite_url: str) -> AsyncIterator[Shop]:
    async with open_shop(new_sqlite_url) as shop:
        yield shop


@pytest.fixture
async def server(shop: Shop) -> AsyncIterator[TestServer]:
    async with serve(shop) as server:
        yield server


@pytest.fixture
async def browser(shop: Shop, server: TestServer) -> AsyncIterator[Guide]:
    async with guide(server) as browser:
        await browser.arrive(shop.password)
        yield browser
