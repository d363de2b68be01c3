"""What commands work on beside a running service: the database, and WeCom where it is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.errors import SettingsError
from bot.settings import Settings

if TYPE_CHECKING:
    import aiohttp

    from bot.clock import Clock
    from bot.store.database import Database
    from bot.wecom.client import WeComClient


@dataclass(frozen=True, slots=True)
class Opened:
    """A database that is up to date, and a client of WeCom that shares its tokens."""

    settings: Settings
    clock: Clock
    database: Database
    http: aiohttp.ClientSession
    client: WeComClient


@asynccontextmanager
async def opened_database(settings: Settings) -> AsyncIterator[tuple[Database, Clock]]:
    """The configured database, brought up to date."""
    from bot.clock import SystemClock
    from bot.store.database import Database
    from bot.store.migrate import upgrade

    database = Database(settings.database.url)
    try:
        await upgrade(database)
        yield database, SystemClock()
    finally:
        await database.close()


@asynccontextmanager
async def opened(settings: Settings, *, online: bool = True) -> AsyncIterator[Opened]:
    """Everything; `online` says that WeCom will be asked, so that its settings must be there."""
    import aiohttp

    from bot import loggers
    from bot.commands.serve import known_secrets
    from bot.delivery.tokens import StoredTokens
    from bot.wecom.client import WeComClient

    if online and not (settings.wecom.corp_id and settings.wecom.secret.get_secret_value()):
        raise SettingsError(
            "还没有设置 wecom.corp_id 或 wecom.secret：请写进 config.yml 或环境变量"
        )
    quiet = settings.logging.model_copy(update={"level": "WARNING"})
    loggers.configure(quiet, secrets=known_secrets(settings))
    async with opened_database(settings) as (database, clock), aiohttp.ClientSession() as http:
        client = WeComClient(settings.wecom, http, shared=StoredTokens(database), clock=clock)
        yield Opened(settings, clock, database, http, client)
