"""`wecom-bot groups templates`: greetings of groups, one a segment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands.opening import opened
from bot.commands.speaking import Json, say, say_json, say_table
from bot.errors import BadRequest, Unprocessable
from bot.file_faults import file_fault
from bot.settings import load_settings

if TYPE_CHECKING:
    from bot.groups.groups import Groups
    from bot.store.group_tables import GroupTemplate

app = typer.Typer(help="入群欢迎语：每个分类一条，由群主在手机上选用", no_args_is_help=True)


@app.callback()
def _family() -> None:
    """入群欢迎语。"""


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """列出入群欢迎语和它们在企业微信的状态。

    例：wecom-bot groups templates list --json
    """
    rows = asyncio.run(_list())
    if as_json:
        say_json([_plain(row) for row in rows])
    elif not rows:
        say("还没有入群欢迎语。看示例：wecom-bot groups templates samples")
    else:
        say_table(
            ["编号", "分类", "名称", "状态", "开头"],
            [
                (row.id, row.segment, row.name, row.error or row.status, row.text[:24])
                for row in rows
            ],
        )


@app.command("samples")
def samples_command(as_json: Json = False) -> None:
    """看各分类的用途、群规和示例文案。

    例：wecom-bot groups templates samples
    """
    from bot.groups.segments import Segments

    segments = Segments.load(load_settings().groups.segments_file)
    if as_json:
        say_json({name: segments.get(name).model_dump() for name in segments.names})
        return
    for name in segments.names:
        segment = segments.get(name)
        say(f"【{name}】{segment.label}：{segment.purpose}\n{segment.greeting}\n")


@app.command("add")
def add_command(
    segment: Annotated[str, typer.Argument(help="分类，见 samples")],
    text_file: Annotated[
        Path | None, typer.Option("--text-file", help="文案文件；不写就用该分类的示例文案")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="名称，群主在手机上靠文案认它")] = "",
    quiet: Annotated[bool, typer.Option("--quiet", help="不让企业微信通知群主")] = False,
    as_json: Json = False,
) -> None:
    """新建一个分类的入群欢迎语。

    例：wecom-bot groups templates add mothers --text-file 宝妈.txt
    """
    wanted: dict[str, Any] = {"segment": segment, "name": name, "notify": not quiet}
    if text_file is not None:
        wanted["text"] = _read(text_file)
    row = asyncio.run(_add(wanted))
    if as_json:
        say_json(_plain(row))
        return
    say(f"已建好入群欢迎语 {row.id}；群主会收到提醒，在手机上为自己的群选用它")


@app.command("edit")
def edit_command(
    number: Annotated[int, typer.Argument(help="编号，见 templates list")],
    text_file: Annotated[Path, typer.Option("--text-file", help="新的文案文件")],
) -> None:
    """换一条入群欢迎语的文案，已选用的群随之更新。

    例：wecom-bot groups templates edit 1 --text-file 宝妈.txt
    """
    asyncio.run(_edit(number, _read(text_file)))
    say("已更新")


@app.command("retry")
def retry_command(number: Annotated[int, typer.Argument(help="编号，见 templates list")]) -> None:
    """没有做成或结果不明的，再向企业微信提交一次。

    例：wecom-bot groups templates retry 1
    """
    say(f"状态：{asyncio.run(_retry(number)).status}")


@app.command("delete")
def delete_command(number: Annotated[int, typer.Argument(help="编号，见 templates list")]) -> None:
    """删除一条入群欢迎语，选用它的群从此不再自动欢迎。

    例：wecom-bot groups templates delete 1
    """
    asyncio.run(_delete(number))
    say("已删除")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"读不了 {path}：{file_fault(error)}") from None


async def _list() -> list[GroupTemplate]:
    async with _groups(online=False) as groups:
        return await groups.templates.all()


async def _add(wanted: dict[str, Any]) -> GroupTemplate:
    from bot.groups.templates import TemplateDraft

    draft = _checked(TemplateDraft, wanted)
    async with _groups() as groups:
        return await groups.templates.create(draft)


async def _edit(number: int, text: str) -> None:
    from bot.groups.templates import TemplatePatch

    patch = _checked(TemplatePatch, {"text": text})
    async with _groups() as groups:
        await groups.templates.change(number, patch)


async def _retry(number: int) -> GroupTemplate:
    async with _groups() as groups:
        return await groups.templates.retry(number)


async def _delete(number: int) -> None:
    async with _groups() as groups:
        await groups.templates.delete(number)


def _checked(model: Any, wanted: dict[str, Any]) -> Any:
    from pydantic import ValidationError

    try:
        return model.model_validate(wanted)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = str(first["msg"]).removeprefix("Value error, ")
        raise Unprocessable(f"{first['loc'][0]} 有误：{message}") from None


@asynccontextmanager
async def _groups(*, online: bool = True) -> AsyncIterator[Groups]:
    """The room of groups without a server around it."""
    from bot.customers.greeting_media import GreetingMedia
    from bot.delivery.media import MediaLibrary
    from bot.groups.groups import Groups
    from bot.shop import catalogue_folder, shop_variables

    settings = load_settings()
    async with opened(settings, online=online) as here:
        folder = catalogue_folder(settings)
        media = MediaLibrary(here.database, here.client, here.clock, root=folder)
        yield Groups(
            here.database,
            here.client,
            here.clock,
            settings.groups,
            zone=settings.shop.zone,
            media=GreetingMedia(media, here.clock),
            variables=shop_variables(settings.shop),
        )


def _plain(row: GroupTemplate) -> dict[str, Any]:
    return {
        "id": row.id,
        "segment": row.segment,
        "name": row.name,
        "text": row.text,
        "status": row.status,
        "template_id": row.template_id,
        "error": row.error,
    }
