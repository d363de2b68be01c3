"""`wecom-bot scripts` and `wecom-bot reply`: the script library by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.clock import SystemClock
from bot.commands.nlu import intent_labels
from bot.commands.opening import opened_database
from bot.commands.speaking import Json, fail, say, say_json, say_table
from bot.errors import BadRequest, NotFound
from bot.file_faults import file_fault
from bot.settings import Settings, load_settings

if TYPE_CHECKING:
    from bot.dialogue.library import Library
    from scripts_library import Script

app = typer.Typer(help="话术库：检查、导入、导出", no_args_is_help=True)

Folder = Annotated[Path | None, typer.Argument(help="YAML 文件或文件夹；不写则用配置里的话术目录")]


@app.callback()
def _family() -> None:
    """话术库。"""


@app.command("check")
def check(path: Folder = None, as_json: Json = False) -> None:
    """检查话术文件：写法、意图、阶段、变量、字数、重复、敏感词。有错误时退出码为 1。

    例：wecom-bot scripts check scripts_library/catalogue
    """
    from bot.shop import catalogue_folder
    from scripts_library import check_catalogue

    settings = load_settings()
    target = path or catalogue_folder(settings)
    problems = check_catalogue(target, **_vocabulary(settings))
    advice = [] if problems else _advice(settings, target)
    if not problems and path is None:
        advice += _gaps(settings, target)
    if as_json:
        say_json({"problems": [str(one) for one in problems], "advice": advice})
    else:
        for line in (*problems, *(f"建议：{one}" for one in advice)):
            say(str(line))
        if not problems:
            say(f"检查通过：{target}")
    if problems:
        raise typer.Exit(fail(f"{len(problems)} 处需要修改"))


@app.command("import")
def import_command(
    path: Annotated[Path, typer.Argument(help="YAML 文件、文件夹或 .xlsx 表格")],
    retire_missing: Annotated[
        bool, typer.Option("--retire-missing", help="停用文件里没有的话术")
    ] = False,
    as_json: Json = False,
) -> None:
    """把话术导入数据库：有变化的生成新版本，全部成功或全部不动。

    例：wecom-bot scripts import 我的话术.xlsx
    """
    scripts = _read(path, load_settings())
    report = asyncio.run(_import(scripts, retire_missing=retire_missing))
    if as_json:
        say_json(report.as_dict())
        return
    say(
        f"新增 {len(report.added)} 条，更新 {len(report.changed)} 条，"
        f"停用 {len(report.retired)} 条，未变 {len(report.unchanged)} 条"
    )


@app.command("export")
def export_command(
    path: Annotated[Path, typer.Argument(help="要写的文件：.xlsx 或 .yml")],
) -> None:
    """把数据库里正在使用的话术导出为 Excel 表格或 YAML 文件。

    例：wecom-bot scripts export 话术.xlsx
    """
    if path.suffix not in {".xlsx", ".yml", ".yaml"}:
        raise BadRequest(f"不认识的文件类型 {path.suffix or path.name}：请用 .xlsx 或 .yml")
    scripts = asyncio.run(_active())
    if not scripts:
        raise NotFound("话术库还是空的，没有可导出的；请先 wecom-bot scripts import 目录或表格")
    if path.suffix == ".xlsx":
        from scripts_library.spreadsheet import write_spreadsheet

        path.write_bytes(
            write_spreadsheet(scripts, intent_labels=intent_labels(), stage_labels=_stage_labels())
        )
    else:
        from scripts_library import dump_catalogue

        path.write_text(dump_catalogue(scripts), encoding="utf-8")
    say(f"已导出 {len(scripts)} 条话术到 {path}")


@app.command("list")
def list_command(
    intent: Annotated[str | None, typer.Option("--intent", help="只看这个意图")] = None,
    as_json: Json = False,
) -> None:
    """列出正在使用的话术。

    例：wecom-bot scripts list --intent complain_price
    """
    scripts = [one for one in asyncio.run(_active()) if intent is None or intent in one.intents]
    if as_json:
        say_json([script.as_dict() for script in scripts])
        return
    say_table(
        ["编号", "标题", "意图", "自动"],
        [
            (one.id, one.title, "、".join(one.intents) or "兜底", "是" if one.auto else "")
            for one in scripts
        ],
    )


def reply(
    text: Annotated[str, typer.Argument(help="客户说的话")],
    stage: Annotated[str, typer.Option("--stage", help="客户所在的漏斗阶段")] = "icebreak",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10, help="给出几条")] = 3,
    as_json: Json = False,
) -> None:
    """试一试：这句话会推荐哪些话术，为什么。

    例：wecom-bot reply "太贵了" --stage objection
    """
    understanding, choices = asyncio.run(_reply(load_settings(), text, stage, limit))
    if as_json:
        say_json(
            {
                "understanding": understanding.as_dict(),
                "stage": stage,
                "choices": [
                    {
                        "script_id": one.script_id,
                        "text": one.text,
                        "score": round(one.score, 4),
                        "reasons": list(one.reasons),
                    }
                    for one in choices
                ],
            }
        )
        return
    label = intent_labels().get(understanding.intent, "没听懂，先问清楚")
    say(f"意图：{label}（{understanding.confidence:.0%}）")
    for number, one in enumerate(choices, start=1):
        say(f"\n{number}. [{one.script_id}] 得分 {one.score:.2f}")
        say(f"   {one.text}")
        say(f"   理由：{'；'.join(one.reasons)}")
    if not choices:
        say("没有合适的话术")


async def _reply(settings: Settings, text: str, stage: str, limit: int) -> tuple[Any, Any]:
    import aiohttp

    from bot.commands.nlu import local_now
    from bot.customers.funnel import load_funnel
    from bot.nlu import make_engine
    from bot.shop import catalogue_folder, choosing_rules, shop_variables
    from intents import load_taxonomy
    from scripts_library import Situation, choose, load_catalogue

    funnel, taxonomy = load_funnel(), load_taxonomy()
    if stage not in funnel.names:
        raise BadRequest(f"没有阶段 {stage}：可用的有 {'、'.join(funnel.names)}")
    catalogue = load_catalogue(catalogue_folder(settings), **_vocabulary(settings))
    async with aiohttp.ClientSession() as http:
        engine = await make_engine(settings.nlu, http)
        understanding = await engine.understand(text, now=local_now(settings))
    situation = Situation(
        now=SystemClock().now(),
        intent=understanding.intent,
        confidence=understanding.confidence,
        ranking=[(one.intent, one.confidence) for one in understanding.ranking],
        wants=[(one.intent, one.confidence) for one in understanding.wants],
        entities=[(one.name, one.value) for one in understanding.entities],
        stage=stage,
        variables=shop_variables(settings.shop),
    )
    rules = choosing_rules(settings, taxonomy, funnel)
    return understanding, choose(catalogue, situation, limit=limit, rules=rules)


def _vocabulary(settings: Settings) -> dict[str, Any]:
    from bot.customers.funnel import load_funnel
    from bot.shop import shop_variables
    from intents import load_taxonomy

    return {
        "intents": load_taxonomy().names,
        "stages": load_funnel().names,
        "variables": shop_variables(settings.shop),
    }


def _stage_labels() -> dict[str, str]:
    from bot.customers.funnel import load_funnel

    return {stage.name: stage.zh for stage in load_funnel().stages}


def _gaps(settings: Settings, path: Path) -> list[str]:
    """Intents to which the whole library has no answer, or only one."""
    from bot.customers.funnel import load_funnel
    from intents import load_taxonomy
    from scripts_library import coverage, load_catalogue

    taxonomy = load_taxonomy()
    scripts = load_catalogue(path, **_vocabulary(settings))
    report = coverage(scripts, taxonomy.names, load_funnel().names)
    labels = intent_labels()
    missing = set(report.uncovered_intents)
    return [
        f"意图「{labels[intent]}」（{intent}）"
        + ("一条话术也没有" if intent in missing else "只有一条话术，客户再问就只能重复")
        for intent in report.thin_intents(2)
    ]


def _advice(settings: Settings, path: Path) -> list[str]:
    from scripts_library import load_catalogue
    from scripts_library.lint import lint_scripts
    from scripts_library.sensitive import SensitiveWords

    today = SystemClock().now().astimezone(settings.shop.zone).date()
    return [
        str(one)
        for one in lint_scripts(
            load_catalogue(path, **_vocabulary(settings)), today=today, words=SensitiveWords.load()
        )
    ]


def _read(path: Path, settings: Settings) -> Iterable[Script]:
    if path.suffix != ".xlsx":
        from scripts_library import load_catalogue

        return load_catalogue(path, **_vocabulary(settings))
    from scripts_library.spreadsheet import read_spreadsheet

    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadRequest(f"读不了 {path}：{file_fault(error)}") from None
    return read_spreadsheet(
        content,
        **_vocabulary(settings),
        intent_labels=intent_labels(),
        stage_labels=_stage_labels(),
    )


async def _import(scripts: Iterable[Script], *, retire_missing: bool) -> Any:
    async with _library() as library:
        return await library.import_scripts(scripts, retire_missing=retire_missing)


async def _active() -> list[Script]:
    async with _library() as library:
        return list(await library.index())


@asynccontextmanager
async def _library() -> AsyncIterator[Library]:
    from bot.dialogue.library import Library

    async with opened_database(load_settings()) as (database, clock):
        yield Library(database, clock)
