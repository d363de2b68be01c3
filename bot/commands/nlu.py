"""`wecom-bot train | parse | evaluate`: the NLU layer by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.clock import SystemClock
from bot.commands.speaking import Json, say, say_json, say_table
from bot.settings import NluSettings, Settings, load_settings


def add_to(app: typer.Typer) -> None:
    app.command("train")(train)
    app.command("parse")(parse)
    app.command("evaluate")(evaluate)


def train(
    force: Annotated[bool, typer.Option("--force", help="数据没有变也重新训练")] = False,
    as_json: Json = False,
) -> None:
    """训练内置的语义理解模型；数据没有变时直接使用上次的结果。

    例：wecom-bot train
    """
    from intents import load_or_train
    from intents.builtin.model_store import data_hash, model_path

    settings = load_settings().nlu
    started = time.monotonic()
    sources = asyncio.run(_sources(settings))
    load_or_train(settings.model_dir, sources=sources, force=force)
    seconds = round(time.monotonic() - started, 1)
    path = model_path(settings.model_dir, data_hash(sources))
    if as_json:
        say_json({"model": str(path), "bytes": path.stat().st_size, "seconds": seconds})
    else:
        size = path.stat().st_size / 2**20
        say(f"模型已就绪：{path}（{size:.1f} MB，{seconds} 秒）")


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


def evaluate(
    file: Annotated[Path, typer.Argument(help='每行一个 {"text": …, "intent": …} 的 JSONL 文件')],
    as_json: Json = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="另存一份网页报告（混淆矩阵、校准曲线）")
    ] = None,
) -> None:
    """用标注好的消息检验语义理解：准确率、前三命中、拒识、速度。

    例：wecom-bot evaluate messages.jsonl --json
    """
    result = asyncio.run(_evaluate(load_settings(), file))
    if report is not None:
        from intents.evaluation_report import write_report

        write_report(result, report)
    if as_json:
        say_json(result.as_dict())
        return
    _say_report(result.as_dict())
    if report is not None:
        say(f"\n网页报告：{report}")


def _say_report(figures: dict[str, Any]) -> None:
    auroc = figures["out_of_scope_auroc"]
    say_table(
        ["指标", "数值"],
        [
            ("消息数", figures["n"]),
            ("准确率", f"{figures['accuracy']:.1%}"),
            ("前三命中", f"{figures['top3']:.1%}"),
            ("宏平均 F1", f"{figures['macro_f1']:.1%}"),
            ("校准误差", f"{figures['ece']:.3f}"),
            ("陌生消息 AUROC", "—" if auroc is None else f"{auroc:.3f}"),
            ("单条耗时 p50 / p99", "{p50} / {p99} 毫秒".format(**figures["latency_ms"])),
        ],
    )
    say("\n最常见的混淆：")
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


async def _evaluate(settings: Settings, file: Path) -> Any:
    import aiohttp

    from bot.nlu import make_engine
    from intents.evaluation import evaluate as evaluate_engine
    from intents.labelled import read_labelled

    rows = read_labelled(file)
    async with aiohttp.ClientSession() as http:
        engine = await make_engine(settings.nlu, http)
        return await evaluate_engine(
            engine, rows, auto_reply_from=settings.dialogue.auto_confidence
        )
