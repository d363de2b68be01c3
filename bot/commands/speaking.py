"""What commands say, and how."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from tempfile import NamedTemporaryFile
from traceback import format_exception
from typing import Annotated, Any
from unicodedata import east_asian_width

import typer

CONFIG_HELP = "配置文件，默认 config.yml（也可用环境变量 BOT_CONFIG）"

Json = Annotated[bool, typer.Option("--json", help="输出 JSON，便于程序读取")]


def say(text: str = "") -> None:
    typer.echo(text)


def say_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def fail(message: str) -> int:
    """Say on standard error what was wrong; returns the exit code."""
    sys.stderr.write(f"错误：{message}\n")
    return 1


def fail_unexpectedly(error: Exception) -> int:
    """What nobody foresaw: one line, and the rest in a file for whoever looks into it."""
    with NamedTemporaryFile(
        "w", encoding="utf-8", prefix="wecom-bot-", suffix=".log", delete=False
    ) as log:
        log.writelines(format_exception(error))
    cause = next(iter(str(error).splitlines()), "")
    what = "：".join(filter(None, (type(error).__name__, cause)))
    return fail(f"程序出了意料之外的错（{what}）；详细经过写在 {log.name}，请附上它反馈")


def say_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table whose columns line up although Chinese characters are two cells wide."""
    cells = [list(heads), *([str(cell) for cell in row] for row in rows)]
    widths = [max(_width(row[column]) for row in cells) for column in range(len(heads))]
    for row in cells:
        padded = (
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        )
        say("  ".join(padded).rstrip())


def _width(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
