"""`wecom-bot train | parse | evaluate`: the NLU layer by hand."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.clock import SystemClock
from bot.commands.speaking import Json, fail, say, say_json, say_table
from bot.settings import NluSettings, Settings, load_settings

if TYPE_CHECKING:
    from intents.training_data import TrainingData


def add_to(app: typer.Typer) -> None:
    app.command("train")(train)
    app.command("parse")(parse)
    app.command("evaluate")(evaluate)


def train(
    force: Annotated[bool, typer.Option("--force", help="数据没有变也重新训练")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="不训练，只检查语料：指出文件、行和改法")
    ] = False,
    suspects: Annotated[
        bool,
        typer.Option("--suspects", help="同 --check，再列出像是标错意图的例句（要几分钟）"),
    ] = False,
    as_json: Json = False,
) -> None:
    """训练内置的语义理解模型；数据没有变时直接使用上次的结果。

    例：wecom-bot train

    例：wecom-bot train --check
    """
    from intents import load_or_train
    from intents.builtin.model_store import data_hash, model_path

    settings = load_settings().nlu
    started = time.monotonic()
    sources = asyncio.run(_sources(settings))
    if check or suspects:
        _check_data(sources, suspects=suspects, as_json=as_json)
        return
    load_or_train(settings.model_dir, sources=sources, force=force)
    if settings.semantic:
        from bot.nlu import second_opinion

        second_opinion(settings, ready=False)
    seconds = round(time.monotonic() - started, 1)
    path = model_path(settings.model_dir, data_hash(sources))
    if as_json:
        say_json({"model": str(path), "bytes": path.stat().st_size, "seconds": seconds})
    else:
        size = path.stat().st_size / 2**20
        say(f"模型已就绪：{path}（{size:.1f} MB，{seconds} 秒）")


def _check_data(sources: Sequence[Path], *, suspects: bool, as_json: bool) -> None:
    """All faults at once; then, if asked for, examples that the others speak against."""
    from intents import load_training_data
    from intents.training_data import check_training_data

    faults = [str(one) for one in check_training_data(sources)]
    doubtful = [] if faults or not suspects else _suspects(load_training_data(sources))
    if as_json:
        say_json({"problems": faults, "suspects": doubtful})
    else:
        for fault in faults:
            say(fault)
        for one in doubtful:
            say(f"像是标错了：“{one['text']}” 标的是 {one['intent']}，更像 {one['rather']}")
        if not faults:
            say(f"检查通过：{len(load_training_data(sources).examples)} 条例句")
    if faults:
        raise typer.Exit(fail(f"{len(faults)} 处需要修改"))


def _suspects(data: TrainingData) -> list[dict[str, str]]:
    from intents.builtin.cross_validation import suspects

    return [
        {"text": one.text, "intent": one.truth, "rather": one.understanding.intent}
        for one in suspects(data)
    ]


async def _sources(settings: NluSettings) -> Sequence[Path]:
    from bot.commands.teaching import opened
    from bot.nlu import write_taught

    async with opened() as teaching:
        return await write_taught(settings, teaching)


def parse(
    text: Annotated[str, typer.Argument(help="客户说的话")],
    as_json: Json = False,
) -> None:
    """看一句话被理解成什么：意图、把握、实体。

    例：wecom-bot parse "这件还有L码吗"
    """
    settings = load_settings()
    understanding = asyncio.run(_understand(settings, text))
    if as_json:
        say_json(understanding.as_dict())
        return
    labels = intent_labels()
    say(f"意图：{labels.get(understanding.intent, '没听懂')}（{understanding.intent}）")
    say(f"把握：{understanding.confidence:.0%}    引擎：{understanding.engine}")
    say_table(
        ["候选", "名称", "把握"],
        [
            (one.intent, labels.get(one.intent, ""), f"{one.confidence:.1%}")
            for one in understanding.ranking[:5]
        ],
    )
    for entity in understanding.entities:
        say(f"实体：{entity.name} = {entity.value}（原文“{entity.text}”）")


class Engine(StrEnum):
    """Which engine to examine."""

    BUILTIN = "builtin"
    RASA = "rasa"
    BOTH = "both"


def evaluate(
    file: Annotated[
        Path | None, typer.Argument(help='每行一个 {"text": …, "intent": …} 的 JSONL 文件')
    ] = None,
    engine: Annotated[
        Engine | None, typer.Option("--engine", help="检验哪个引擎；不写则用配置里的")
    ] = None,
    cross_validate: Annotated[
        bool,
        typer.Option("--cross-validate", help="不用文件：在训练语料上交叉检验，近义句不分两边"),
    ] = False,
    as_json: Json = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="另存一份网页报告（混淆矩阵、校准曲线）")
    ] = None,
) -> None:
    """用标注好的消息检验语义理解：准确率、前三命中、拒识、速度。

    例：wecom-bot evaluate messages.jsonl --json

    例：wecom-bot evaluate messages.jsonl --engine both

    例：wecom-bot evaluate --cross-validate --report report.html
    """
    settings = load_settings()
    if cross_validate == (file is not None):
        raise typer.BadParameter("请给一个 JSONL 文件，或者只写 --cross-validate")
    if report is not None and not report.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(report))
    if file is None:
        results = [_cross_validated(settings)]
    else:
        results = asyncio.run(_evaluate(settings, file, engine or Engine(settings.nlu.engine)))
    if report is not None:
        _write_reports(results, report)
    _say_results([result.as_dict() for result in results], as_json=as_json)
    if report is not None and not as_json:
        say(f"\n网页报告：{report}")


def _write_reports(results: Sequence[Any], path: Path) -> None:
    from intents.evaluation_report import write_report

    for result in results:
        write_report(result, _report_path(path, result.engine, many=len(results) > 1))


def _say_results(figures: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        say_json(figures[0] if len(figures) == 1 else {"engines": figures})
        return
    _say_figures(figures)
    for one in figures:
        _say_confusions(one)


def _cross_validated(settings: Settings) -> Any:
    from bot.nlu import training_sources
    from intents import load_training_data
    from intents.builtin.cross_validation import cross_validate

    report = cross_validate(load_training_data(training_sources(settings.nlu)))
    return replace(report, auto_reply_from=settings.dialogue.auto_confidence)


def _report_path(path: Path, engine: str, *, many: bool) -> Path:
    return path.with_stem(f"{path.stem}-{engine}") if many else path


def _say_figures(figures: Sequence[dict[str, Any]]) -> None:
    """One column an engine."""
    rows: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        ("消息数", lambda one: str(one["n"])),
        ("准确率", lambda one: f"{one['accuracy']:.1%}"),
        ("前三命中", lambda one: f"{one['top3']:.1%}"),
        ("宏平均 F1", lambda one: f"{one['macro_f1']:.1%}"),
        ("校准误差", lambda one: f"{one['ece']:.3f}"),
        ("陌生消息 AUROC", lambda one: _maybe(one["out_of_scope_auroc"], ".3f")),
        ("陌生消息被回答", lambda one: _maybe(one["answered"]["strangers"], ".1%")),
        ("范围内被回答", lambda one: _maybe(one["answered"]["in_scope"], ".1%")),
        ("自动回复阈值", lambda one: f"{one['auto_reply']['threshold']:.2f}"),
        ("　覆盖", lambda one: f"{one['auto_reply']['coverage']:.1%}"),
        ("　准确", lambda one: f"{one['auto_reply']['precision']:.1%}"),
        (
            "单条耗时 p50 / p99（毫秒）",
            lambda one: "{p50} / {p99}".format(**one["latency_ms"]),
        ),
    ]
    say_table(
        ["指标", *(one["engine"] for one in figures)],
        [(name, *(shown(one) for one in figures)) for name, shown in rows],
    )


def _maybe(value: float | None, form: str) -> str:
    return "—" if value is None else format(value, form)


def _say_confusions(figures: dict[str, Any]) -> None:
    say(f"\n{figures['engine']} 最常见的混淆：")
    labels = intent_labels()
    for confusion in figures["confusions"][:8]:
        truth, guess = (labels.get(confusion[key], "范围外") for key in ("truth", "guess"))
        say(f"  {truth} → {guess}：{' / '.join(confusion['texts'][:3])}")


def intent_labels() -> dict[str, str]:
    """Chinese labels of the intents."""
    from intents import load_taxonomy

    return {intent.name: intent.zh for intent in load_taxonomy()}


async def _understand(settings: Settings, text: str) -> Any:
    import aiohttp

    from bot.nlu import make_engine

    async with aiohttp.ClientSession() as http:
        engine = await make_engine(settings.nlu, http)
        return await engine.understand(text, now=local_now(settings))


def local_now(settings: Settings) -> datetime:
    return SystemClock().now().astimezone(settings.shop.zone)


async def _evaluate(settings: Settings, file: Path, engine: Engine) -> list[Any]:
    import aiohttp

    from bot.nlu import builtin_engine, rasa_alone
    from intents.evaluation import evaluate as evaluate_engine
    from intents.labelled import read_labelled

    rows = read_labelled(file)
    threshold = settings.dialogue.auto_confidence
    async with aiohttp.ClientSession() as http:
        engines: list[Any] = []
        if engine is not Engine.RASA:
            engines.append(await builtin_engine(settings.nlu))
        if engine is not Engine.BUILTIN:
            engines.append(await rasa_alone(settings.nlu, http))
        return [await evaluate_engine(one, rows, auto_reply_from=threshold) for one in engines]
