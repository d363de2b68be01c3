"""`wecom-bot groups`: customer groups, their figures and their greetings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands.group_greetings import app as templates_app
from bot.commands.opening import opened_database
from bot.commands.speaking import Json, say, say_json, say_table
from bot.settings import Settings, load_settings

if TYPE_CHECKING:
    from bot.groups.figures import DayOfGroups, Duplicate
    from bot.groups.listing import ListedGroup
    from bot.store.group_tables import GroupMember, GroupMove

app = typer.Typer(help="客户群：查看、分类、重复进群、增长和入群欢迎语", no_args_is_help=True)
app.add_typer(templates_app, name="templates")

GREETINGS = {
    "picked": "已选用",
    "not_picked": "群主未选用",
    "outdated": "选用的已过时",
    "no_template": "分类没有欢迎语",
    "no_segment": "没有分类",
    "ended": "-",
}


@app.callback()
def _family() -> None:
    """客户群。"""


@app.command("list")
def list_command(
    segment: Annotated[str | None, typer.Option("--segment", help="只看这个分类")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="只看有这个标签的")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="只看这位群主的")] = None,
    silent: Annotated[bool, typer.Option("--silent", help="只看很久没有人进来、说话的")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="最多几个")] = 200,
    as_json: Json = False,
) -> None:
    """列出客户群：人数、分类、欢迎语是否选用。

    例：wecom-bot groups list --segment mothers --json
    """
    rows = asyncio.run(_list(segment=segment, tag=tag, owner=owner, silent=silent, limit=limit))
    if as_json:
        say_json([_plain(row) for row in rows])
    elif not rows:
        say("没有符合的客户群。第一次使用请先同步：wecom-bot sync")
    else:
        say_table(
            ["群编号", "群名", "群主", "客户", "分类", "入群欢迎语"],
            [
                (
                    row.group.chat_id,
                    row.group.name[:16] or "（未命名）",
                    row.group.owner,
                    row.group.customers,
                    row.group.segment or "-",
                    GREETINGS.get(row.drift, row.drift),
                )
                for row in rows
            ],
        )


@app.command("show")
def show_command(
    chat_id: Annotated[str, typer.Argument(help="群编号，见 groups list")],
    as_json: Json = False,
) -> None:
    """看一个群：用途、群规、成员，最近谁进谁出、谁邀请的。

    例：wecom-bot groups show wrOgQhDgAAMYQiS5ol9G7gK9JVAAAA
    """
    shown = asyncio.run(_show(chat_id))
    if as_json:
        say_json(
            _plain(shown.listed)
            | {
                "members": [_member(row) for row in shown.members],
                "history": [_move(row) for row in shown.moves],
            }
        )
        return
    group = shown.listed.group
    say(f"{group.name or group.chat_id}（{group.members} 人，其中客户 {group.customers} 位）")
    say(f"群主 {group.owner}，分类 {group.segment or '-'}，标签 {'、'.join(shown.listed.tags)}")
    say(f"用途：{group.purpose or '-'}\n群规：{group.rules or '-'}")
    say(f"入群欢迎语：{GREETINGS.get(shown.listed.drift, shown.listed.drift)}\n")
    say_table(
        ["时间", "", "谁", "邀请人"],
        [
            (
                move.at.astimezone(shown.settings.shop.zone).strftime("%m-%d %H:%M"),
                "进群" if move.kind == "joined" else "离开",
                move.userid,
                move.invitor or "-",
            )
            for move in shown.moves
        ],
    )


@app.command("set")
def set_command(
    chat_id: Annotated[str, typer.Argument(help="群编号，见 groups list")],
    segment: Annotated[str | None, typer.Option("--segment", help="分类，如 mothers")] = None,
    purpose: Annotated[str | None, typer.Option("--purpose", help="用途")] = None,
    rules: Annotated[str | None, typer.Option("--rules", help="群规")] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="标签，可以多个")] = None,
) -> None:
    """写下一个群的分类、用途、群规和标签：只改给出的项。

    例：wecom-bot groups set wrOgQhDg… --segment vip --tag 南京路店
    """
    given = {"segment": segment, "purpose": purpose, "rules": rules, "tags": tags}
    asyncio.run(_set(chat_id, {name: value for name, value in given.items() if value is not None}))
    say("已保存")


@app.command("picked")
def picked_command(
    chat_id: Annotated[str, typer.Argument(help="群编号，见 groups list")],
    by: Annotated[str, typer.Option("--by", help="谁说的")] = "店长",
) -> None:
    """记下：群主已在手机上为这个群选用入群欢迎语，不再提醒。

    例：wecom-bot groups picked wrOgQhDg… --by 青青
    """
    asyncio.run(_picked(chat_id, by))
    say("已记下")


@app.command("duplicates")
def duplicates_command(
    at_least: Annotated[int, typer.Option("--at-least", min=2, help="至少在几个群里")] = 3,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="最多几位")] = 100,
    as_json: Json = False,
) -> None:
    """谁同时在我们几个群里。

    例：wecom-bot groups duplicates --at-least 3 --json
    """
    rows = asyncio.run(_duplicates(at_least, limit))
    if as_json:
        say_json(
            [
                {
                    "external_userid": row.external_userid,
                    "name": row.name,
                    "groups": [{"chat_id": one, "name": name} for one, name in row.groups],
                }
                for row in rows
            ]
        )
    elif not rows:
        say(f"没有人同时在 {at_least} 个以上的群里")
    else:
        say_table(
            ["客户", "几个群", "群"],
            [
                (
                    row.name or row.external_userid,
                    len(row.groups),
                    "、".join(name for _, name in row.groups)[:60],
                )
                for row in rows
            ],
        )


@app.command("growth")
def growth_command(
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="最近几天")] = 14,
    chat_id: Annotated[str | None, typer.Option("--group", help="只看这个群")] = None,
    as_json: Json = False,
) -> None:
    """按天看客户进群和离开。

    例：wecom-bot groups growth --days 30
    """
    rows = asyncio.run(_growth(days, chat_id))
    if as_json:
        say_json(
            [{"day": row.day.isoformat(), "joined": row.joined, "left": row.left} for row in rows]
        )
        return
    say_table(
        ["日期", "进群", "离开", "净增"],
        [(row.day.isoformat(), row.joined, row.left, f"{row.net:+}") for row in rows],
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    listed: ListedGroup
    members: list[GroupMember]
    moves: list[GroupMove]
    settings: Settings


async def _list(
    *, segment: str | None, tag: str | None, owner: str | None, silent: bool, limit: int
) -> list[ListedGroup]:
    from bot.groups.listing import GroupFilter, list_groups

    settings = load_settings()
    async with opened_database(settings) as (database, clock), database.read() as session:
        since = clock.now() - timedelta(days=settings.groups.silent_days) if silent else None
        wanted = GroupFilter(segment=segment, tag=tag, owner=owner, silent_since=since)
        return await list_groups(session, wanted, limit=limit)


async def _show(chat_id: str) -> _Shown:
    from bot.groups.listing import list_members, list_moves, show_group

    settings = load_settings()
    async with opened_database(settings) as (database, _), database.read() as session:
        return _Shown(
            await show_group(session, chat_id),
            await list_members(session, chat_id, limit=500),
            await list_moves(session, chat_id, limit=50),
            settings,
        )


async def _set(chat_id: str, given: dict[str, Any]) -> None:
    from pydantic import ValidationError

    from bot.errors import Unprocessable
    from bot.groups.profiles import GroupProfiles, ProfilePatch
    from bot.groups.segments import Segments

    settings = load_settings()
    try:
        patch = ProfilePatch.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Unprocessable(f"{first['loc'][0]} 有误：{first['msg']}") from None
    async with opened_database(settings) as (database, _):
        segments = Segments.load(settings.groups.segments_file)
        await GroupProfiles(database, segments).change(chat_id, patch)


async def _picked(chat_id: str, by: str) -> None:
    from bot.groups.drift import GreetingTasks
    from bot.groups.groups import digest_times
    from bot.groups.segments import Segments

    settings = load_settings()
    own = settings.groups
    async with opened_database(settings) as (database, clock):
        tasks = GreetingTasks(
            database,
            clock,
            Segments.load(own.segments_file),
            digest_times(own, settings.shop.zone),
            reminder=timedelta(days=own.reminder_days),
        )
        await tasks.picked(chat_id, by=by)


async def _duplicates(at_least: int, limit: int) -> list[Duplicate]:
    from bot.groups.figures import duplicates

    async with opened_database(load_settings()) as (database, _), database.read() as session:
        return await duplicates(session, at_least=at_least, limit=limit)


async def _growth(days: int, chat_id: str | None) -> list[DayOfGroups]:
    from bot.groups.figures import growth

    settings = load_settings()
    async with opened_database(settings) as (database, clock), database.read() as session:
        return await growth(
            session, now=clock.now(), zone=settings.shop.zone, days=days, chat_id=chat_id
        )


def _plain(row: ListedGroup) -> dict[str, Any]:
    group = row.group
    return {
        "chat_id": group.chat_id,
        "name": group.name,
        "owner": group.owner,
        "state": group.state,
        "members": group.members,
        "customers": group.customers,
        "segment": group.segment,
        "purpose": group.purpose,
        "rules": group.rules,
        "tags": list(row.tags),
        "greeting": row.drift,
        "last_join_at": group.last_join_at,
    }


def _member(row: GroupMember) -> dict[str, Any]:
    return {
        "userid": row.userid,
        "kind": row.kind,
        "name": row.name,
        "joined_at": row.joined_at,
        "scene": row.scene,
        "invitor": row.invitor,
    }


def _move(row: GroupMove) -> dict[str, Any]:
    return {
        "userid": row.userid,
        "kind": row.kind,
        "at": row.at,
        "scene": row.scene,
        "invitor": row.invitor,
    }
