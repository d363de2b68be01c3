"""`wecom-bot console`: who may open the console."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.opening import opened_database
from bot.commands.speaking import say
from bot.settings import load_settings

if TYPE_CHECKING:
    pass

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


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="账号名")],
    operator: Annotated[bool, typer.Option("--operator", help="管理员，什么都能做")] = False,
) -> None:
    """添加一个工作台账号：默认是导购，只看收件箱和客户。

    例：wecom-bot console add suqing
    """
    say(f"{name} 的密码（只显示这一次）：{asyncio.run(_add(name, operator=operator))}")


async def _reset(name: str) -> str:
    from bot.web.console.accounts import reset_password

    async with opened_database(load_settings()) as (database, clock):
        return await reset_password(database, clock, name)


async def _add(name: str, *, operator: bool) -> str:
    from bot.store.tables import ConsoleRole
    from bot.web.console.accounts import add_account

    role = ConsoleRole.OPERATOR if operator else ConsoleRole.GUIDE
    async with opened_database(load_settings()) as (database, clock):
        return await add_account(database, clock, name, role)
