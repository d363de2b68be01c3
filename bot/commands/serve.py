"""`wecom-bot serve`: callbacks, workers, API and console in one process."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

import typer

from bot import loggers
from bot.commands.speaking import say
from bot.errors import SettingsError
from bot.settings import Settings, load_settings

if TYPE_CHECKING:
    from aiohttp import web

    from bot.app import Bot
    from bot.clock import Clock


def add_to(app: typer.Typer) -> None:
    app.command("serve")(serve)


def serve() -> None:
    """启动服务：接收企业微信回调、处理消息、提供工作台和接口。

    例：BOT_WECOM__CORP_ID=ww… wecom-bot --config config.yml serve
    """
    from bot.outreach.rehearsal_clock import process_age, service_clock

    settings = load_settings()
    loggers.configure(settings.logging, secrets=known_secrets(settings))
    asyncio.run(_serve(settings, service_clock(settings, running=process_age())))


def known_secrets(settings: Settings) -> list[str]:
    """Every secret of the settings, so that no log line can hold one."""
    wecom = settings.wecom
    held = (wecom.secret, wecom.token, wecom.encoding_aes_key)
    others = (settings.api.token, settings.api.events_secret, settings.nlu.rasa_token)
    values = [secret.get_secret_value() for secret in (*held, *others)]
    return [*values, settings.database.password]


async def _serve(settings: Settings, clock: Clock) -> None:
    stop = stop_signal()
    with quiet_once(stop):
        async with serving(settings, clock=clock):
            await stop.wait()
            loggers.app.info("stopping")


def stop_signal() -> asyncio.Event:
    """An event that Ctrl-C and `kill` set."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


@contextmanager
def quiet_once(stop: asyncio.Event) -> Iterator[None]:
    """What breaks because somebody pressed Ctrl-C during the start is no error."""
    try:
        yield
    except SettingsError:
        if not stop.is_set():
            raise


@asynccontextmanager
async def serving(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Bot]:
    """A whole bot, listening, for as long as the block runs; by a `clock` of its own if given."""
    gc.disable()  # what a start makes, stays
    from bot.outreach.rehearsal_clock import service_clock
    from bot.running import open_bot, running
    from bot.web.console.accounts import ensure_first_user

    async with AsyncExitStack() as stack:
        stack.callback(gc.enable)
        bot = await stack.enter_async_context(
            open_bot(settings, clock=clock or service_clock(settings))
        )
        password = await ensure_first_user(bot.ground.database, bot.ground.clock)
        await stack.enter_async_context(running(bot))
        await stack.enter_async_context(listening(bot.application(), settings))
        gc.freeze()
        gc.enable()
        address = f"http://{settings.http.host}:{settings.http.port}"
        loggers.app.info(
            "ready", address=address, database=bot.ground.database.url.get_backend_name()
        )
        if password:
            say(
                f"\n工作台 {address}/console/inbox 的首个账号：admin\n"
                f"密码（只显示这一次）：{password}\n"
            )
        yield bot


@asynccontextmanager
async def listening(application: web.Application, settings: Settings) -> AsyncIterator[None]:
    """Listen on the address of the settings; raises `SettingsError` when it is taken."""
    from bot.web.listening import listen

    host, port = settings.http.host, settings.http.port
    try:
        stop = await listen(application, host, port)
    except OSError as error:
        raise SettingsError(
            f"地址 {host}:{port} 打不开（{error.strerror or error}）：端口可能被占用，"
            f"请换一个 http.port（环境变量 BOT_HTTP__PORT）"
        ) from None
    try:
        yield
    finally:
        await stop()
