"""`wecom-bot console`: who may open the console."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from bot.commands.speaking import say
from bot.settings import load_settings

app = typer.Typer(help="工作台账号", no_args_is_help=True)


@app.callback()
def _family() -> None:
    """工作台账号。"""


@app.command("password")
def password(
    name: Annotated[str, typer.Argument(help="账号名")] = "admin",
) -> None:
    """给工作台账号换一个新的随机密码，并让已登录的页面失效。

    例：wecom-bot console password admin
    """
    say(f"{name} 的新密码（只显示这一次）：{asyncio.run(_reset(name))}")


async def _reset(name: str) -> str:
    from bot.clock import SystemClock
    from bot.store.database import Database
    from bot.store.migrate import upgrade
    from bot.web.console.accounts import reset_password

    database = Database(load_settings().database.url)
    try:
        await upgrade(database)
        return await reset_password(database, SystemClock(), name)
    finally:
        await database.close()
