"""`wecom-bot channels`: channel codes from the command line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from bot.commands.opening import opened
from bot.commands.speaking import Json, say, say_json, say_table
from bot.errors import BadRequest
from bot.file_faults import file_fault
from bot.settings import Settings, load_settings

if TYPE_CHECKING:
    import aiohttp

    from bot.customers.channel_posters import Format
    from bot.customers.channels import Channels
    from bot.store.channel_tables import Channel

app = typer.Typer(help="渠道活码：新建、查看、生成海报", no_args_is_help=True)

_FORMATS = ("png", "svg", "pdf")


@app.callback()
def _family() -> None:
    """渠道活码。"""


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """列出渠道：在岗的导购、标签、状态。

    例：wecom-bot channels list --json
    """
    rows = asyncio.run(_list())
    if as_json:
        say_json([_plain(row) for row in rows])
    elif not rows:
        say("还没有渠道。新建：wecom-bot channels create 春季海报 --guide 成员账号")
    else:
        say_table(
            ["编号", "名称", "状态", "在岗", "标签", "来源标识"],
            [
                (
                    row.id,
                    row.name,
                    row.error or row.status,
                    "、".join(row.on_duty[:5]) + ("…" if len(row.on_duty) > 5 else ""),
                    "、".join(row.tags),
                    row.state,
                )
                for row in rows
            ],
        )


@app.command("create")
def create_command(
    name: Annotated[str, typer.Argument(help="渠道名称，例如 春季海报")],
    guides: Annotated[list[str], typer.Option("--guide", help="导购的成员账号，可以多个")],
    greeting: Annotated[str, typer.Option("--greeting", help="欢迎语；不写则用店铺默认的")] = "",
    tags: Annotated[list[str] | None, typer.Option("--tag", help="给来客打的标签")] = None,
    daily_cap: Annotated[
        int | None, typer.Option("--daily-cap", help="每位导购每天最多加几人")
    ] = None,
    journey: Annotated[str | None, typer.Option("--journey", help="来客进入哪个 SOP")] = None,
    link: Annotated[bool, typer.Option("--link", help="建获客链接，而不是活码")] = False,
    as_json: Json = False,
) -> None:
    """新建一个渠道和它的活码。

    例：wecom-bot channels create 春季海报 --guide qing --guide tang --tag 海报
    """
    wanted = {
        "name": name,
        "guides": guides,
        "greeting": {"text": greeting},
        "tags": tags or [],
        "daily_cap": daily_cap,
        "journey": journey,
        "kind": "link" if link else "contact_way",
    }
    channel = asyncio.run(_create(wanted))
    if as_json:
        say_json(_plain(channel))
        return
    say(f"已建好渠道 {channel.id}：{channel.qr_code}")
    say(f"生成海报：wecom-bot channels qr {channel.id} --out 海报.png")


@app.command("qr")
def qr_command(
    channel_id: Annotated[int, typer.Argument(help="渠道编号，见 channels list")],
    out: Annotated[Path, typer.Option("--out", "-o", help="写到哪个文件（.png .svg .pdf）")],
    caption: Annotated[
        str | None, typer.Option("--caption", help="码下面的字；不写则用渠道名称")
    ] = None,
    logo: Annotated[
        Path | None, typer.Option("--logo", help="印在中间的店标；默认 greetings.poster_logo")
    ] = None,
    copies: Annotated[int, typer.Option("--copies", help="PDF 里印几张", min=1, max=120)] = 6,
) -> None:
    """生成可以打印的二维码：PNG、SVG，或一页六张的 PDF。

    例：wecom-bot channels qr 1 --out 海报.pdf --copies 12
    """
    form = out.suffix.lower().lstrip(".")
    if form not in _FORMATS:
        raise BadRequest(f"--out 要以 .png、.svg 或 .pdf 结尾，而不是 {out.name}")
    drawn = asyncio.run(_draw(channel_id, cast("Format", form), caption, logo, copies))
    try:
        out.write_bytes(drawn)
    except OSError as error:
        raise BadRequest(f"写不了 {out}：{file_fault(error)}") from None
    say(f"已写入 {out}")


async def _list() -> list[Channel]:
    async with _channels(load_settings(), online=False) as (channels, _):
        found: list[Channel] = []
        while page := await channels.page(after=found[-1].id if found else 0, limit=200):
            found += page
        return found


async def _create(wanted: dict[str, Any]) -> Channel:
    from pydantic import ValidationError

    from bot.customers.channel_draft import ChannelDraft

    try:
        draft = ChannelDraft.model_validate(wanted)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        words = str(first["msg"]).removeprefix("Value error, ")
        raise BadRequest(f"{'.'.join(map(str, first['loc'])) or '渠道'} 有误：{words}") from None
    async with _channels(load_settings()) as (channels, _):
        return await channels.create(draft)


async def _draw(
    channel_id: int, form: Format, caption: str | None, logo: Path | None, copies: int
) -> bytes:
    from bot.customers.channel_posters import ChannelPosters

    settings = load_settings()
    own = settings.greetings
    if logo is not None:
        own = own.model_copy(update={"poster_logo": logo})
    async with _channels(settings, online=False) as (channels, http):
        channel = await channels.get(channel_id)
        posters = ChannelPosters(http, own)
        return await posters.draw(channel, form, caption=caption, copies=copies)


def _plain(channel: Channel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "name": channel.name,
        "state": channel.state,
        "status": channel.status,
        "error": channel.error,
        "config_id": channel.config_id,
        "qr_code": channel.qr_code,
        "guides": channel.guides,
        "on_duty": channel.on_duty,
        "tags": channel.tags,
    }


@asynccontextmanager
async def _channels(
    settings: Settings, *, online: bool = True
) -> AsyncIterator[tuple[Channels, aiohttp.ClientSession]]:
    """The room of channels without a server around it."""
    from bot.customers.channel_codes import ChannelCodes
    from bot.customers.channels import Channels
    from bot.shop import shop_variables

    async with opened(settings, online=online) as here:
        channels = Channels(
            here.database,
            ChannelCodes(here.client, here.clock),
            here.clock,
            zone=settings.shop.zone,
            variables=shop_variables(settings.shop),
        )
        yield channels, here.http
