"""`wecom-bot plan`: journeys listed, checked and rehearsed before anything is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.speaking import Json, say, say_json, say_table
from bot.errors import BadRequest, NotFound, SettingsError
from bot.settings import Settings, load_settings

if TYPE_CHECKING:
    from bot.outreach.journey_shelf import Shelved
    from bot.outreach.plans import Plans
    from scheduler import Journey
    from scheduler.preview import Row

app = typer.Typer(help="旅程（SOP）：查看、检查、预演", no_args_is_help=True)

_SUMMARY = 36
_ALONE = "只有这一个旅程时；和其他旅程一起看：加 --with all\n"
_TOGETHER = (
    "最挤的情况：同一位客户同时走着其他旅程（按日期的在自己的日子开始），▶ 是正在预演的旅程\n"
)


@app.callback()
def _family() -> None:
    """旅程（SOP）。"""


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """列出全部旅程。

    例：wecom-bot plan list
    """
    from bot.commands.journeys_in_use import in_use

    shelved = in_use(load_settings())
    if as_json:
        say_json([_listed(one) for one in shelved])
        return
    say_table(["编号", "名称", "优先级", "步骤", "客群", "状态"], [_line(one) for one in shelved])
    say("\n预演：wecom-bot plan preview 编号 --segment 客群 --days 7")


@app.command("check")
def check_command(
    path: Annotated[
        Path | None, typer.Argument(help="旅程文件或目录；不写则用设置 outreach.journeys 的")
    ] = None,
    as_json: Json = False,
) -> None:
    """检查旅程文件和店铺日历：有错时指出文件、行和改法。

    例：wecom-bot plan check 我的旅程.yml
    """
    try:
        settings = _settings(path)
        journeys = _plans(settings, scripts=_scripts(settings)).journeys
    except SettingsError as error:
        if not as_json:
            raise
        said = [line.removeprefix("- ") for line in error.message.splitlines()]
        say_json({"ok": False, "problems": [one for one in said if not one.endswith("：")]})
        raise typer.Exit(1) from None
    if as_json:
        say_json({"ok": True, "journeys": len(journeys)})
    else:
        say(f"没有问题：{len(journeys)} 个旅程")


@app.command("preview")
def preview_command(
    journey: Annotated[str, typer.Argument(help="旅程编号，见 wecom-bot plan list")],
    segment: Annotated[str | None, typer.Option("--segment", help="客群，默认第一个")] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="看几天")] = 7,
    start: Annotated[str | None, typer.Option("--start", help="从哪一刻开始，默认现在")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="看这个文件或目录里的旅程，不看正在用的")
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="all|编号,编号",
            help="和其他旅程一起看，看出谁占了谁的位置：all 是全部启用的；默认只看这一个",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """预演：一位样例客户每天会收到什么、占多少额度、哪些会被跳过。什么也不会发出。

    例：wecom-bot plan preview newcomer --segment mothers --days 7 --with all
    """
    from bot.clock import SystemClock
    from bot.commands.journeys_in_use import asked_for, in_use
    from scheduler import rehearse

    settings, running = _settings(file), in_use(load_settings())
    plans = _plans(settings)
    own = list(plans.journeys.values()) if file else [one.journey for one in running]
    chosen, segment = _chosen(filter(None, own), journey, segment)
    at = _moment(start, settings) if start else SystemClock().now()
    rows = rehearse(
        [chosen],
        segment=segment,
        days=days,
        start=at,
        budget=plans.budget,
        calendar=plans.calendar,
        others=asked_for(running, beside) if beside is not None else (),
        kf_opened_at=at,
    ).rows
    if as_json:
        say_json([row.as_dict() for row in rows])
        return
    say(f"{chosen.name} · {segment} · {days} 天")
    say(_TOGETHER if beside is not None else _ALONE)
    _say_rows(rows, together=beside is not None)
    if beside is not None:
        moved = sum(row.conflict is not None for row in rows if not row.other)
        say(f"\n「{chosen.name}」有 {moved} 步被其他旅程挤动")


def _chosen(journeys: Iterable[Journey], journey: str, segment: str | None) -> tuple[Journey, str]:
    """The journey, and the segment asked for or its first one."""
    known = {one.id: one for one in journeys}
    chosen = known.get(journey)
    if chosen is None:
        raise NotFound(f"没有旅程 {journey}；现有：{'、'.join(known)}")
    names = _segments(chosen)
    if segment is not None and segment not in names:
        raise BadRequest(f"旅程 {journey} 没有客群 {segment}；现有：{'、'.join(names)}")
    return chosen, segment or names[0]


def _say_rows(rows: Iterable[Row], *, together: bool) -> None:
    heads = ["天", "时间", *(["旅程"] if together else []), "方式", "目的", "内容", "说明"]
    say_table(
        heads,
        [
            (
                row.day,
                f"{row.at:%m-%d %H:%M}",
                *([("　" if row.other else "▶") + row.journey] if together else []),
                row.touch.kind.zh,
                row.purpose + (f"（{row.touch.variant}）" if row.touch.variant else ""),
                _short(row.content.summary() if row.content else ""),
                _remark(row),
            )
            for row in rows
        ],
    )


def _remark(row: Row) -> str:
    """What happened to the row, or what it leaves of the limits."""
    told = [f"跳过：{row.skipped_by}"] if row.skipped_by else []
    if row.conflict is not None:
        told += [] if told else ["被挤动"]
        told.append(row.conflict.explanation)
    elif not told and not row.other and row.touch.rule is not None:
        told.append(row.touch.explanation)
    return "；".join(told) or ("" if row.other else row.quota)


def _short(text: str) -> str:
    return text if len(text) <= _SUMMARY else text[: _SUMMARY - 1] + "…"


def _moment(text: str, settings: Settings) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest("--start 要写成 2026-03-02T08:00 这样") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=settings.shop.zone)


def _settings(place: Path | None) -> Settings:
    """The shop's settings, with the journeys of another place if one is given."""
    settings = load_settings()
    if place is None:
        return settings
    own = settings.outreach.model_copy(update={"journeys": place})
    return settings.model_copy(update={"outreach": own})


def _scripts(settings: Settings) -> set[str]:
    """The ids of the shop's library, or of the catalogue that would fill an empty one."""
    from bot.commands.journeys_in_use import has_database
    from bot.shop import catalogue_folder, shop_variables
    from scripts_library import load_catalogue

    there = has_database(settings)
    known = asyncio.run(_in_library(settings.database.url)) if there else set()
    variables = shop_variables(settings.shop)
    catalogue = catalogue_folder(settings)
    return known or {one.id for one in load_catalogue(catalogue, variables=variables)}


async def _in_library(url: str) -> set[str]:
    """What is offered now; only a look, for which nothing is brought up to date."""
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    from bot.store.database import Database
    from bot.store.tables import ScriptVersion

    database = Database(url)
    try:
        async with database.read() as session:
            active = select(ScriptVersion.script_id).where(ScriptVersion.active)
            return set(await session.scalars(active))
    except (SQLAlchemyError, OSError):
        return set()
    finally:
        await database.close()


def _plans(settings: Settings, *, scripts: set[str] | None = None) -> Plans:
    from bot.customers.funnel import load_funnel
    from bot.outreach.plans import load_plans
    from bot.shop import shop_variables

    return load_plans(
        settings,
        variables=shop_variables(settings.shop),
        stages=load_funnel().names,
        scripts=scripts,
    )


def _segments(journey: Journey) -> list[str]:
    return [one.name for one in journey.segments]


def _line(one: Shelved) -> tuple[object, ...]:
    journey = one.journey
    if journey is None:
        return one.id, "", "", "", "", f"第 {one.number} 版读不了，没有运行"
    state = "启用" if one.enabled else "停用"
    version = f"第 {one.number} 版" if one.number else "随附文件"
    segments = "、".join(_segments(journey))
    return (
        one.id,
        journey.name,
        journey.priority,
        len(journey.steps),
        segments,
        f"{state}，{version}",
    )


def _listed(one: Shelved) -> dict[str, object]:
    journey = one.journey
    return {
        "id": one.id,
        "name": journey.name if journey else one.id,
        "priority": journey.priority if journey else None,
        "enabled": one.enabled,
        "version": one.number,
        "segments": _segments(journey) if journey else [],
        "steps": [
            {"id": step.id, "kind": step.kind.value, "purpose": step.purpose}
            for step in (journey.steps if journey else ())
        ],
    }
