"""`wecom-bot demo`: a sample shop, a WeCom platform on localhost and the bot, in one process."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot import loggers
from bot.commands.serve import known_secrets, quiet_once, serving, stop_signal
from bot.commands.speaking import say
from bot.errors import SettingsError
from bot.settings import LoggingSettings, Settings, load_settings

if TYPE_CHECKING:
    from bot.clock import Clock
    from bot.sandbox import Platform, SandboxSettings
    from bot.sandbox.clock_walk import PassingTime

_SESSION_HOURS = 24 * 30
"""Nobody is signed out because the demo's clock was turned by a few days."""

_WELCOME = """
演示已就绪，两个页面：

  客户的手机   {sandbox}
  导购工作台   {console}    账号 {user}  密码 {password}

试一试：
  1. 在手机页面里发「这件还有L码吗」「太贵了」「什么时候发货」
  2. 到工作台看推荐话术和理由，按 Enter 发送，按 E 改了再发，按 R 驳回
  3. 回到手机页面看回复；打开「故障开关」，看断网、重复推送时会怎样
  4. 按「下一天」：有新客扫码进来，朋友圈一天一条，有人回复、有人下单；
     工作台「触达」里看日历、导购任务和效果（谁看到、谁回复、谁下单）
  5. 订单由 POST /api/v1/events 报进来，和真店一样；接口的令牌在 {token}

Ctrl-C 停止；再次 make demo 从上次继续，make demo-reset 清空重来。
"""


def add_to(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    port: Annotated[int, typer.Option("--port", help="机器人端口")] = 8800,
    sandbox_port: Annotated[int, typer.Option("--sandbox-port", help="模拟平台端口")] = 8801,
    folder: Annotated[Path, typer.Option("--var", help="演示数据放在哪里")] = Path("var/demo"),
    reset: Annotated[bool, typer.Option("--reset", help="清空演示数据后退出")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="显示运行日志")] = False,
) -> None:
    """演示：不需要企业微信账号，在本机走完“客户提问 → 推荐话术 → 导购确认 → 客户收到”。

    例：wecom-bot demo --port 8800
    """
    if reset:
        shutil.rmtree(folder, ignore_errors=True)
        say("演示数据已清空")
        return
    asyncio.run(_demo(port, sandbox_port, folder, verbose=verbose))


async def _demo(port: int, sandbox_port: int, folder: Path, *, verbose: bool) -> None:
    from bot.commands.demo_life import ShopLife
    from bot.commands.demo_orders import order_system
    from bot.commands.demo_shop import live_the_first_days
    from bot.commands.demo_time import KeepUp, SandboxClock

    stop = stop_signal()
    platform = sandbox_settings(port, folder)
    settings = demo_settings(platform, port, sandbox_port, folder)
    logging = settings.logging if verbose else LoggingSettings(level="WARNING")
    loggers.configure(logging, secrets=known_secrets(settings))
    say("正在启动（第一次要训练语义模型、过完店里的头三天，约一分钟）……")
    async with AsyncExitStack() as stack:
        stack.enter_context(quiet_once(stop))
        inside, passing = await stack.enter_async_context(running_platform(platform, sandbox_port))
        clock = SandboxClock(inside)
        password = await _console_password(
            settings.database.url, clock, folder / "console-password"
        )
        bot = await stack.enter_async_context(serving(settings, clock=clock))
        orders = await stack.enter_async_context(order_system(settings))
        life = ShopLife(bot, inside, passing, orders)
        passing.companions += [life.look, KeepUp(bot)]
        living = asyncio.create_task(live_the_first_days(bot, inside, passing, life, orders))
        await _first_of(living, stop)
        if stop.is_set():
            return
        say(
            _WELCOME.format(
                sandbox=f"http://127.0.0.1:{sandbox_port}/",
                console=f"http://127.0.0.1:{port}/console/inbox",
                user="admin",
                password=password,
                token=folder / "api-token",
            )
        )
        await stop.wait()
        say("\n正在停止……")


async def _first_of(work: asyncio.Task[None], stop: asyncio.Event) -> None:
    """Until the work is done or somebody pressed Ctrl-C, which ends it."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if work.done():
        work.result()
        return
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def _console_password(url: str, clock: Clock, kept_in: Path) -> str:
    """The demo's console password, made once and shown at every start."""
    from bot.store.database import Database
    from bot.store.migrate import upgrade
    from bot.web.console.accounts import ensure_first_user, reset_password

    if kept := _kept_password(kept_in):
        return kept
    database = Database(url)
    try:
        await upgrade(database)
        password = await ensure_first_user(database, clock)
        password = password or await reset_password(database, clock, "admin")
    finally:
        await database.close()
    _keep_password(kept_in, password)
    return password


def _kept_password(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def _keep_password(path: Path, password: str) -> None:
    path.touch(mode=0o600)
    path.write_text(password, encoding="utf-8")


def sandbox_settings(port: int, folder: Path) -> SandboxSettings:
    """The platform of the demo; its state lives beside the bot's."""
    from bot.sandbox import SandboxSettings

    return SandboxSettings(
        callback_url=f"http://127.0.0.1:{port}/wecom/callback",
        console_url=f"http://127.0.0.1:{port}/console/inbox",
        data_path=folder / "sandbox.db",
    )


def demo_settings(
    platform: SandboxSettings, port: int, sandbox_port: int, folder: Path
) -> Settings:
    """The operator's settings, pointed at the sandbox; the API has a token in any case."""
    from bot.commands.demo_orders import api_token

    given = load_settings()
    wecom = {
        "api_base": f"http://127.0.0.1:{sandbox_port}/cgi-bin/",
        "corp_id": platform.corp_id,
        "agent_id": platform.agent_id,
        "secret": platform.secret,
        "token": platform.token,
        "encoding_aes_key": platform.encoding_aes_key,
    }
    changed = given.model_dump() | {
        "http": given.http.model_dump() | {"host": "127.0.0.1", "port": port},
        "database": {"url": f"sqlite+aiosqlite:///{folder / 'bot.db'}"},
        "wecom": given.wecom.model_dump() | wecom,
        "api": given.api.model_dump()
        | {"token": api_token(given.api.token.get_secret_value(), folder / "api-token")},
        "outreach": given.outreach.model_dump() | {"enabled": True},
        "console": given.console.model_dump() | {"session_hours": _SESSION_HOURS},
    }
    return Settings.model_construct(
        **{
            name: type(getattr(given, name)).model_validate(section)
            for name, section in changed.items()
        }
    )


@asynccontextmanager
async def running_platform(
    settings: SandboxSettings, port: int
) -> AsyncIterator[tuple[Platform, PassingTime]]:
    """The sandbox, listening; begun some days ago if it is new."""
    from aiohttp import web

    from bot.commands.demo_shop import begin_in_the_past
    from bot.sandbox import PLATFORM, SENDER, create_app
    from bot.sandbox.clock_control import TIME

    if settings.data_path:
        settings.data_path.parent.mkdir(parents=True, exist_ok=True)
        begin_in_the_past(settings.data_path, settings.clock())
    app = create_app(settings)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as error:
        await runner.cleanup()
        raise SettingsError(
            f"端口 {port} 打不开（{error.strerror or error}）：可能已有一个演示在运行，"
            "请先停掉它，或加 --sandbox-port 换一个端口"
        ) from None
    app[TIME].companions.append(app[SENDER].idle)
    try:
        yield app[PLATFORM], app[TIME]
    finally:
        await runner.cleanup()
