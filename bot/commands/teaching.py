"""`wecom-bot nlu`: teaching the shop's own words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands.opening import opened_database
from bot.commands.speaking import Json, say, say_json, say_table
from bot.settings import load_settings

if TYPE_CHECKING:
    from bot.dialogue.teaching import Teaching

app = typer.Typer(help="教它本店的说法：例句、待审队列、导出", no_args_is_help=True)


@app.callback()
def _family() -> None:
    """教它本店的说法。"""


@app.command("add")
def add(
    texts: Annotated[list[str], typer.Argument(help="客户的原话，可以多句")],
    intent: Annotated[str, typer.Option("--intent", help="意图名，见 intents/intents.yml")],
) -> None:
    """添加例句，下次训练时使用；范围外的话用 out_of_scope。

    例：wecom-bot nlu add --intent ask_stock "大白兔还有么" "雪饼到货没"
    """
    asyncio.run(_add(texts, intent))
    say(f"已添加 {len(texts)} 句到 {intent}；运行 wecom-bot train 后生效")


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """列出本店的例句。

    例：wecom-bot nlu list
    """
    rows = asyncio.run(_examples())
    if as_json:
        say_json(rows)
    elif not rows:
        say('还没有例句。添加：wecom-bot nlu add --intent 意图 "客户的原话"')
    else:
        say_table(
            ["编号", "意图", "例句", "来自"],
            [(row["id"], row["intent"], row["text"], row["added_by"]) for row in rows],
        )


@app.command("remove")
def remove(example_id: Annotated[int, typer.Argument(help="例句编号")]) -> None:
    """删除一句例句。

    例：wecom-bot nlu remove 3
    """
    asyncio.run(_remove(example_id))
    say("已删除；运行 wecom-bot train 后生效")


@app.command("review")
def review(as_json: Json = False) -> None:
    """看待审的话：没把握的，和导购改过意图的。

    例：wecom-bot nlu review
    """
    rows = asyncio.run(_queue())
    if as_json:
        say_json(rows)
    elif not rows:
        say("没有待审的话")
    else:
        say_table(
            ["编号", "客户说", "猜的意图", "把握", "导购认为"],
            [
                (
                    row["id"],
                    row["text"].replace("\n", " / ")[:30],
                    row["guess"],
                    f"{row['confidence']:.0%}",
                    row["proposed"] or "",
                )
                for row in rows
            ],
        )
        say("\n采纳：wecom-bot nlu accept 编号 --intent 意图；不采纳：wecom-bot nlu dismiss 编号")


@app.command("accept")
def accept(
    review_id: Annotated[int, typer.Argument(help="待审编号")],
    intent: Annotated[str, typer.Option("--intent", help="正确的意图")],
) -> None:
    """把一句待审的话收为例句。

    例：wecom-bot nlu accept 12 --intent ask_stock
    """
    asyncio.run(_accept(review_id, intent))
    say("已采纳；运行 wecom-bot train 后生效")


@app.command("dismiss")
def dismiss(review_id: Annotated[int, typer.Argument(help="待审编号")]) -> None:
    """不采纳一句待审的话。

    例：wecom-bot nlu dismiss 12
    """
    asyncio.run(_dismiss(review_id))
    say("已移出待审")


@app.command("export")
def export(path: Annotated[Path, typer.Argument(help="要写的 YAML 文件")]) -> None:
    """把本店的例句导出成 Rasa NLU YAML。

    例：wecom-bot nlu export 本店例句.yml
    """
    say(f"已导出 {asyncio.run(_export(path))} 句到 {path}")


async def _add(texts: list[str], intent: str) -> None:
    async with opened() as teaching:
        for text in texts:
            await teaching.add(text, intent, by="cli")


async def _remove(example_id: int) -> None:
    async with opened() as teaching:
        await teaching.remove(example_id)


async def _accept(review_id: int, intent: str) -> None:
    async with opened() as teaching:
        await teaching.accept(review_id, intent, by="cli")


async def _dismiss(review_id: int) -> None:
    async with opened() as teaching:
        await teaching.dismiss(review_id, by="cli")


async def _export(path: Path) -> int:
    async with opened() as teaching:
        return await teaching.export(path)


async def _examples() -> list[dict[str, Any]]:
    async with opened() as teaching:
        return [
            {"id": row.id, "intent": row.intent, "text": row.text, "added_by": row.added_by}
            for row in await teaching.examples()
        ]


async def _queue() -> list[dict[str, Any]]:
    async with opened() as teaching:
        return [
            {
                "id": row.id,
                "text": row.text,
                "guess": row.guess,
                "confidence": row.confidence,
                "proposed": row.proposed,
                "because": row.because,
            }
            for row in await teaching.queue(limit=200)
        ]


@asynccontextmanager
async def opened() -> AsyncIterator[Teaching]:
    """The teaching room on the configured database, brought up to date."""
    from bot.dialogue.teaching import Teaching
    from intents import load_taxonomy

    async with opened_database(load_settings()) as (database, clock):
        yield Teaching(database, clock, load_taxonomy())
