"""`wecom-bot deliveries`: sends that failed or were given up on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import typer

from bot.commands.speaking import Json, say, say_json, say_table
from bot.settings import load_settings

app = typer.Typer(help="发送记录：查看失败的消息并重试", no_args_is_help=True)


@app.callback()
def _family() -> None:
    """发送记录。"""


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """列出没有发出去的消息：failed 是企业微信拒绝的，dead 是多次重试后放弃的。

    例：wecom-bot deliveries list --json
    """
    rows = asyncio.run(_unsent())
    if as_json:
        say_json(rows)
    elif not rows:
        say("没有发送失败的消息")
    else:
        say_table(
            ["编号", "状态", "客户", "内容", "原因"],
            [
                (row["id"], row["state"], row["external_userid"], row["text"][:20], row["error"])
                for row in rows
            ],
        )
        say("\n重试：wecom-bot deliveries retry 编号")


@app.command("retry")
def retry_command(
    ids: Annotated[list[int], typer.Argument(help="消息编号，可以多个")],
) -> None:
    """重试没有发出去的消息；同一条消息不会因为重试而重复送达。

    例：wecom-bot deliveries retry 12 15
    """
    asyncio.run(_retry(ids))
    say(f"已重新排队：{len(ids)} 条（由正在运行的 serve 发送）")


async def _unsent() -> list[dict[str, Any]]:
    from sqlalchemy import select

    from bot.store.tables import Conversation, Outbound, WorkState

    async with _database() as database, database.read() as session:
        rows = await session.execute(
            select(Outbound, Conversation.external_userid)
            .join(Conversation, Conversation.id == Outbound.conversation_id)
            .where(Outbound.state.in_([WorkState.FAILED, WorkState.DEAD]))
            .order_by(Outbound.id)
        )
        return [
            {
                "id": row.id,
                "state": row.state,
                "external_userid": who,
                "text": row.text,
                "attempts": row.attempts,
                "errcode": row.errcode,
                "error": row.error or "",
                "created_at": row.created_at.isoformat(),
            }
            for row, who in rows
        ]


async def _retry(ids: list[int]) -> None:
    from bot.clock import SystemClock
    from bot.dialogue.conversations import Conversations

    async with _database() as database:
        conversations = Conversations(database, SystemClock())
        for outbound_id in ids:
            await conversations.resend(outbound_id)


@asynccontextmanager
async def _database() -> AsyncIterator[Any]:
    from bot.store.database import Database
    from bot.store.migrate import upgrade

    database = Database(load_settings().database.url)
    try:
        await upgrade(database)
        yield database
    finally:
        await database.close()
