"""A whole bot behind a real server, with a small model: what the API's tests begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from corp import KEY, NOWHERE, SECRET, running
from yarl import URL

from bot.app import Bot
from bot.clock import ManualClock
from bot.running import open_bot
from bot.settings import Settings
from bot.store.database import Database
from bot.store.tables import Burst, Conversation, Customer, Outbound, Suggestion
from intents.training_data import DATA_FOLDER

API_TOKEN = "api-token-4Xk9"
SMALL_SHOP = {
    "greet": "你好 在吗 您好 有人吗 哈喽 嗨 早上好 在不在",
    "ask_price": "多少钱 怎么卖 什么价 价格多少 几块钱 咋卖的 什么价位 报个价",
    "ask_stock": "有货吗 还有L码吗 还有没有货 什么时候补货 黑色还有吗 没货了吗 有现货吗 缺货吗",
    "complain_price": "太贵了 好贵啊 怎么这么贵 有点贵了 贵死了 又涨价了 别家便宜 贵得离谱",
    "out_of_scope": "今天天气怎么样 帮我写首诗 股票涨了没 讲个笑话 你几岁了 附近好吃的 放首歌",
}
CHOICE = {
    "script_id": "stock.yes",
    "version": 1,
    "title": "有货",
    "text": "有货的",
    "parts": [{"text": "有货的"}],
    "score": 0.9,
    "reasons": ["意图一致"],
    "auto": False,
}


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings of an engine that learns in a second."""
    folder = tmp_path_factory.mktemp("nlu")
    lines = ['version: "3.1"', "nlu:"]
    for intent, words in SMALL_SHOP.items():
        examples = "\n".join(f"    - {word}" for word in words.split())
        lines.append(f"- intent: {intent}\n  examples: |\n{examples}")
    (folder / "shop.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    data = [folder / "shop.yml", DATA_FOLDER / "entities.yml"]
    return {"model_dir": folder / "model", "data": data}


@dataclass
class Api:
    """The server's address and a signed-in client; `bot` is what stands behind it."""

    bot: Bot
    server: TestServer
    http: aiohttp.ClientSession

    @property
    def database(self) -> Database:
        return self.bot.ground.database

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """Status and JSON of one call with the right token."""
        headers = {"Authorization": f"Bearer {API_TOKEN}", **more.pop("headers", {})}
        url = URL(f"{self.server.make_url('/')}{path}", encoded=True)
        async with self.http.request(method, url, headers=headers, **more) as response:
            assert response.content_type == "application/json", await response.text()
            return response.status, await response.json()

    async def get(self, path: str, **params: Any) -> tuple[int, Any]:
        return await self.call("GET", f"api/v1/{path}?{urlencode(params)}")

    async def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        return await self.call("POST", f"api/v1/{path}", json={} if body is None else body)

    async def suggest(self, *choices: dict[str, Any], who: str = "wmA") -> int:
        """One pending suggestion of a customer; gives its id."""
        now = self.bot.ground.clock.now()
        async with self.database.write() as session:
            customer = await session.get(Customer, who)
            if customer is None:
                session.add(
                    Customer(
                        external_userid=who,
                        name="小林",
                        stage="icebreak",
                        stage_since=now,
                        first_seen_at=now,
                    )
                )
                await session.flush()
            talk = Conversation(kind="kf", peer=f"wk{now.timestamp()}{who}", external_userid=who)
            session.add(talk)
            await session.flush()
            return await _suggestion(session, talk.id, who, now, choices or (CHOICE,))

    async def outbound(self, outbound_id: int) -> Outbound:
        async with self.database.read() as session:
            return await session.get_one(Outbound, outbound_id)


async def _suggestion(session: Any, talk: int, who: str, now: Any, choices: Any) -> int:
    burst = Burst(
        lane=f"c{talk}", due_at=now, conversation_id=talk, opened_at=now, last_sent_at=now
    )
    session.add(burst)
    await session.flush()
    suggestion = Suggestion(
        burst_id=burst.id,
        conversation_id=talk,
        external_userid=who,
        text="还有L码吗",
        said_at=now,
        stage="icebreak",
        understanding={
            "intent": "ask_stock",
            "confidence": 0.91,
            "ranking": [{"intent": "ask_stock", "confidence": 0.91}],
            "entities": [],
        },
        choices=[choice for choice in choices if choice],
        created_at=now,
    )
    session.add(suggestion)
    await session.flush()
    return int(suggestion.id)


@pytest.fixture
async def api(
    ledger: Database,
    clock: ManualClock,
    http: aiohttp.ClientSession,
    small_model: dict[str, Any],
) -> AsyncIterator[Api]:
    """On SQLite."""
    async with serving(ledger, clock, http, small_model) as api:
        yield api


@pytest.fixture
async def api_on_both(
    database: Database,
    clock: ManualClock,
    http: aiohttp.ClientSession,
    small_model: dict[str, Any],
) -> AsyncIterator[Api]:
    """On each engine, where the engine could matter."""
    async with serving(database, clock, http, small_model) as api:
        yield api


@asynccontextmanager
async def serving(
    database: Database, clock: ManualClock, http: aiohttp.ClientSession, model: dict[str, Any]
) -> AsyncIterator[Api]:
    settings = Settings.model_validate(
        {
            "database": {"url": database.url.render_as_string(hide_password=False)},
            "wecom": {
                "api_base": NOWHERE,
                "corp_id": "ww5a6e626f78776563",
                "secret": SECRET,
                "token": "CallbackToken",
                "encoding_aes_key": KEY,
            },
            "api": {"token": API_TOKEN},
            "nlu": model,
            "scripts": {"import_on_start": False},
            "http": {"max_callback_bytes": 16 * 1024},
        }
    )
    async with (
        open_bot(settings, clock=clock) as bot,
        running(bot.inbox.run()),
        TestServer(bot.application()) as server,
    ):
        yield Api(bot, server, http)
