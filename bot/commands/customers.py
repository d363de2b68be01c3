"""`wecom-bot sync`, `customer` and `tags`: contacts from the command line."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands.opening import opened, opened_database
from bot.commands.speaking import Json, say, say_json, say_table
from bot.errors import BadRequest
from bot.file_faults import file_fault
from bot.settings import load_settings

if TYPE_CHECKING:
    from bot.customers.contacts import Contacts
    from bot.customers.sync_journey import SyncReport

customer = typer.Typer(help="一位客户：导出资料、删除资料、转给另一位导购", no_args_is_help=True)
tags = typer.Typer(help="客户标签：补建标签、预览自动标签", no_args_is_help=True)

_LOOK_SECONDS = 0.5
_BY = "command"


def add_to(app: typer.Typer) -> None:
    app.command("sync")(sync)
    app.add_typer(customer, name="customer")
    app.add_typer(tags, name="tags")


def sync(as_json: Json = False) -> None:
    """从企业微信读取全部客户、跟进关系和标签；中断后再次运行会接着上次的位置。

    例：wecom-bot sync --json
    """
    report = asyncio.run(_sync(show_bar=not as_json and sys.stderr.isatty()))
    if as_json:
        say_json(report.as_dict())
        return
    say_table(
        ["", "见到", "新增", "变化", "消失"],
        [
            (name, one.seen, one.added, one.changed, one.removed)
            for name, one in (
                ("客户", report.customers),
                ("跟进关系", report.follows),
                ("标签", report.tags),
                ("客户群", report.groups),
            )
        ],
    )
    again = "，接着上次没读完的位置" if report.resumed else ""
    say(f"\n{report.members} 位导购，{report.calls} 次调用，{report.seconds:.1f} 秒{again}")
    for userid, reason in report.failed:
        say(f"没有读到 {userid} 的客户：{reason}")
    if report.problem:
        say(report.problem)


async def _sync(*, show_bar: bool) -> SyncReport:
    async with _contacts() as contacts:
        if not show_bar:
            return await contacts.sync.run()
        running = asyncio.create_task(contacts.sync.run())
        with typer.progressbar(length=1000, label="同步客户", file=sys.stderr) as bar:
            shown = 0
            while not running.done():
                await asyncio.wait({running}, timeout=_LOOK_SECONDS)
                progress = await contacts.sync.progress()
                reached = int((progress.percent if progress else 0) * 10)
                bar.update(max(reached - shown, 0))
                shown = max(shown, reached)
        return running.result()


@customer.command("export")
def export_command(
    external_userid: Annotated[str, typer.Argument(help="客户的 external_userid")],
    path: Annotated[
        Path | None, typer.Option("--out", "-o", help="写到这个文件；不写则输出到屏幕")
    ] = None,
) -> None:
    """导出一位客户的全部资料（JSON），用于答复客户的查阅请求。

    例：wecom-bot customer export wmXXXXXXXX --out 客户资料.json
    """
    text = json.dumps(asyncio.run(_export(external_userid)), ensure_ascii=False, indent=2)
    if path is None:
        say(text)
        return
    try:
        path.touch(mode=0o600)
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise BadRequest(f"写不了 {path}：{file_fault(error)}") from None
    say(f"已导出到 {path}")


@customer.command("erase")
def erase_command(
    external_userid: Annotated[str, typer.Argument(help="客户的 external_userid")],
    reason: Annotated[str, typer.Option("--reason", help="为什么删除，会留在记录里")] = "客户要求",
    yes: Annotated[bool, typer.Option("--yes", help="不再询问")] = False,
    as_json: Json = False,
) -> None:
    """删除一位客户的全部个人资料，不能恢复；只留下一条不含身份的删除记录。

    例：wecom-bot customer erase wmXXXXXXXX --yes
    """
    if not yes and not typer.confirm(f"删除客户 {external_userid} 的全部资料？不能恢复"):
        raise typer.Exit(1)
    counts = asyncio.run(_erase(external_userid, reason))
    if as_json:
        say_json({"external_userid": external_userid, "erased": counts})
        return
    say(f"已删除 {sum(counts.values())} 条记录")


@customer.command("transfer")
def transfer_command(
    external_userid: Annotated[str, typer.Argument(help="客户的 external_userid")],
    to: Annotated[str, typer.Option("--to", help="接手的导购 userid")],
    giver: Annotated[
        str | None, typer.Option("--from", help="转出的导购；只有一位导购跟进时可以不写")
    ] = None,
    message: Annotated[str, typer.Option("--message", help="转接完成后客户看到的话")] = "",
    as_json: Json = False,
) -> None:
    """把一位客户转给另一位导购；24 小时后生效，客户可以拒绝。导购已离职的，自动走离职继承。

    例：wecom-bot customer transfer wmXXXXXXXX --to lihua --message 以后由小李为您服务
    """
    row = asyncio.run(_transfer(external_userid, to, giver, message))
    if as_json:
        say_json(row)
        return
    if row["state"] == "waiting":
        say(f"已开始转接：{row['handover']} → {row['takeover']}，24 小时后生效，客户可以拒绝")
    else:
        say(f"{row['handover']} → {row['takeover']}：{row['reason'] or row['state']}")


@tags.command("apply")
def apply_command(
    path: Annotated[
        Path | None, typer.Option("--file", help="标签规划文件；默认 customers.tags 或示例")
    ] = None,
    as_json: Json = False,
) -> None:
    """按规划文件在企业微信里补建缺少的标签组和标签；已有的不动。

    例：wecom-bot tags apply --file 标签.yml
    """
    created = asyncio.run(_apply(path))
    if as_json:
        say_json({"created": created})
    elif created:
        say(f"新建了 {len(created)} 个标签：{'、'.join(created)}")
    else:
        say("标签都已经有了")


@tags.command("preview")
def preview_command(as_json: Json = False) -> None:
    """看看每条自动标签规则现在符合多少客户、会改动多少；不会真的打标签。

    例：wecom-bot tags preview
    """
    rows = asyncio.run(_preview())
    if as_json:
        say_json(rows)
        return
    say_table(
        ["规则", "标签", "符合", "会打上", "会去掉"],
        [
            (one["name"], one["tag"], one["matching"], one["would_add"], one["would_remove"])
            for one in rows
        ],
    )


async def _export(external_userid: str) -> dict[str, Any]:
    from bot.customers.personal_data import PersonalData

    async with opened_database(load_settings()) as (database, clock):
        return await PersonalData(database, clock).export(external_userid)


async def _erase(external_userid: str, reason: str) -> dict[str, int]:
    from bot.customers.personal_data import PersonalData

    async with opened_database(load_settings()) as (database, clock):
        return await PersonalData(database, clock).erase(external_userid, by=_BY, reason=reason)


async def _transfer(
    external_userid: str, to: str, giver: str | None, message: str
) -> dict[str, Any]:
    async with _contacts() as contacts:
        row = await contacts.transfers.begin(
            external_userid, takeover=to, handover=giver, message=message, by=_BY
        )
    return {
        "id": row.id,
        "external_userid": row.external_userid,
        "handover": row.handover,
        "takeover": row.takeover,
        "state": row.state,
        "reason": row.reason,
    }


async def _apply(path: Path | None) -> list[str]:
    from bot.customers.tag_plan import SHIPPED_TAGS, load_tag_plan

    plan = load_tag_plan(path or load_settings().customers.tags or SHIPPED_TAGS)
    async with _contacts() as contacts:
        return await contacts.tags.apply(plan)


async def _preview() -> list[dict[str, Any]]:
    async with _contacts(online=False) as contacts:
        found, _ = await contacts.auto_tagger.preview()
    return [
        {
            "id": one.rule.id,
            "name": one.rule.name,
            "tag": one.rule.tag,
            "enabled": one.rule.enabled,
            "matching": one.matching,
            "would_add": one.would_add,
            "would_remove": one.would_remove,
            "samples": one.samples,
        }
        for one in found
    ]


@asynccontextmanager
async def _contacts(*, online: bool = True) -> AsyncIterator[Contacts]:
    """The room of contacts without a server around it."""
    from bot.customers.contacts import Contacts
    from bot.customers.funnel import load_funnel
    from bot.groups.groups import group_sync
    from bot.store.claims import release_dead_leases, worker_name
    from intents import load_taxonomy

    settings, taxonomy, name = load_settings(), load_taxonomy(), worker_name()
    async with opened(settings, online=online) as here:
        async with here.database.write() as session:
            await release_dead_leases(session, by=name)
        sync = group_sync(
            here.database, here.client, here.clock, settings.groups, zone=settings.shop.zone
        )
        yield Contacts(
            here.database,
            here.client,
            here.clock,
            settings,
            load_funnel(),
            name=name,
            intents=taxonomy.names,
            labels={intent.name: intent.zh for intent in taxonomy.intents},
            groups=sync.read_all,
        )
