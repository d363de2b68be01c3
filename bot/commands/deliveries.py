"""`wecom-bot deliveries`: work that failed or was given up on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.opening import opened_database
from bot.commands.speaking import Json, say, say_json, say_table
from bot.errors import BadRequest
from bot.settings import load_settings

if TYPE_CHECKING:
    from bot.delivery.dead_letters import DeadLetter, DeadLetters

app = typer.Typer(help="没有办成的工作：查看原因并重试", no_args_is_help=True)


@app.callback()
def _family() -> None:
    """没有办成的工作。"""


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """列出没有办成的工作：failed 是企业微信拒绝的，dead 是多次重试后放弃的。

    例：wecom-bot deliveries list --json
    """
    letters = asyncio.run(_unfinished())
    if as_json:
        say_json([asdict(letter) for letter in letters])
    elif not letters:
        say("没有失败的工作")
    else:
        say_table(
            ["编号", "状态", "内容", "原因"],
            [(f"{one.kind}:{one.id}", one.state, one.about[:20], one.error) for one in letters],
        )
        say("\n重试：wecom-bot deliveries retry 编号")


@app.command("retry")
def retry_command(
    names: Annotated[list[str], typer.Argument(help="编号，如 outbound:12，可以多个")],
) -> None:
    """重试没有办成的工作；同一条消息不会因为重试而重复送达。

    例：wecom-bot deliveries retry outbound:12 burst:7
    """
    asyncio.run(_retry([_parsed(name) for name in names]))
    say(f"已重新排队：{len(names)} 条（由正在运行的 serve 处理）")


def _parsed(name: str) -> tuple[str, int]:
    kind, _, number = name.rpartition(":")
    if not number.isdigit():
        raise BadRequest(f"编号 {name} 不对：应像 outbound:12，见 wecom-bot deliveries list")
    return kind or "outbound", int(number)


async def _unfinished() -> list[DeadLetter]:
    async with _dead_letters() as letters:
        return await letters.list()


async def _retry(rows: list[tuple[str, int]]) -> None:
    async with _dead_letters() as letters:
        for kind, row_id in rows:
            await letters.retry(kind, row_id)


@asynccontextmanager
async def _dead_letters() -> AsyncIterator[DeadLetters]:
    from bot.delivery.dead_letters import DeadLetters

    async with opened_database(load_settings()) as (database, clock):
        yield DeadLetters(database, clock)
