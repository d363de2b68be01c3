"""`wecom-bot db`: the database's tables."""

from __future__ import annotations

import asyncio

import typer

from bot.commands.speaking import Json, say, say_json
from bot.settings import load_settings

app = typer.Typer(help="数据库", no_args_is_help=True)


@app.callback()
def _family() -> None:
    """数据库。"""


@app.command("upgrade")
def upgrade_command(as_json: Json = False) -> None:
    """把数据库升级到当前版本的表结构（serve 启动时也会自动执行）。

    例：BOT_DATABASE__URL=postgresql+psycopg://bot:密码@localhost/bot wecom-bot db upgrade
    """
    before, after = asyncio.run(_upgrade(load_settings().database.url))
    if as_json:
        say_json({"before": before, "after": after})
    elif before == after:
        say(f"数据库已是最新版本 {after}")
    else:
        say(f"数据库已从 {before or '空库'} 升级到 {after}")


async def _upgrade(url: str) -> tuple[str | None, str]:
    from bot.store.database import Database
    from bot.store.migrate import upgrade

    database = Database(url)
    try:
        return await upgrade(database)
    finally:
        await database.close()
