"""A puller on one database, with the sandbox or a script for a platform."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from bot.clock import ManualClock
from bot.customers.funnel import load_funnel
from bot.dialogue.messages import MessageBook
from bot.dialogue.pulling import Puller, request_pulls, want
from bot.sandbox import CUSTOMERS, DEFAULT_ACCOUNT
from bot.settings import DialogueSettings
from bot.store.database import Database
from bot.store.tables import KfAccount, Message
from bot.wecom.client import WeComClient
from bot.wecom.events import typed_event

Connect = Callable[[Database], WeComClient]
WHO = CUSTOMERS[0].external_userid


@dataclass
class Desk:
    """A puller with what it stands on."""

    database: Database
    client: WeComClient
    clock: ManualClock

    def puller(self, name: str = "h/1/a", client: WeComClient | None = None) -> Puller:
        book = MessageBook(DialogueSettings(), load_funnel(), self.clock)
        return Puller(self.database, client or self.client, self.clock, book.store, name=name)

    async def want(self, open_kfid: str = DEFAULT_ACCOUNT) -> None:
        async with self.database.write() as session:
            await want(session, [open_kfid], now=self.clock.now())

    async def notice(self, **fields: str) -> None:
        event = typed_event({"Event": "kf_msg_or_event", "OpenKfId": DEFAULT_ACCOUNT, **fields})
        async with self.database.write() as session:
            await request_pulls(session, [event], now=self.clock.now())

    async def pull(self, puller: Puller | None = None) -> None:
        """One round: claim what is wanted and wait until it is pulled."""
        puller = puller or self.puller()
        await puller._start_all()
        await asyncio.gather(*puller._running.values())

    async def account(self, open_kfid: str = DEFAULT_ACCOUNT) -> KfAccount:
        async with self.database.read() as session:
            return await session.get_one(KfAccount, open_kfid)

    async def texts(self) -> Sequence[str]:
        async with self.database.read() as session:
            return (await session.scalars(select(Message.text).order_by(Message.id))).all()


@pytest.fixture
def desk(database: Database, connect: Connect, clock: ManualClock) -> Desk:
    return Desk(database, connect(database), clock)


@pytest.fixture
def small_desk(ledger: Database, scripted: Callable[..., WeComClient], clock: ManualClock) -> Desk:
    """On SQLite, with answers from a script."""
    return Desk(ledger, scripted(), clock)


def row(number: int, **more: Any) -> dict[str, Any]:
    return {
        "msgid": f"m{number}",
        "open_kfid": DEFAULT_ACCOUNT,
        "external_userid": WHO,
        "send_time": 1795140000,
        "origin": 3,
        "msgtype": "text",
        "text": {"content": f"line {number}"},
        **more,
    }


def page(*rows: Any, cursor: str = "c1", more: int = 0) -> dict[str, Any]:
    return {"errcode": 0, "next_cursor": cursor, "has_more": more, "msg_list": list(rows)}
