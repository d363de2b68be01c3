"""Wrong usage, said in Chinese: what was wrong, and where to read how it is done."""

from __future__ import annotations

import re
import sys
from typing import Any

import typer

from bot.file_faults import file_fault

UsageError: Any = typer.BadParameter.__base__
"""Typer brings its own Click or uses the installed one; its errors are of whichever it is."""

_SAYINGS = (
    (r"No such command '(.+?)'\.?.*", "没有命令 {0}"),
    (r"No such option:? '?([^\s']+?)'?\.?(?: .*)?", "没有选项 {0}"),
    (r"Missing (?:argument|parameter)s? '(.+?)'\.?.*", "缺少参数 {0}"),
    (r"Missing option '(.+?)'\.?.*", "缺少选项 {0}"),
    (r"Missing command\.?", "后面还要写一个命令"),
    (r"Got unexpected extra arguments?(?:\(s\))? \((.+)\)", "多出来的参数：{0}"),
    (r"Option '(.+?)' requires an argument\.?", "选项 {0} 后面要写一个值"),
    (r"Option '(.+?)' does not take a value\.?", "选项 {0} 后面不用写值"),
    (r"Invalid value for '(.+?)': (.+)", "{0} 的值不对：{1}"),
    (r"Input should be a valid integer.*", "应是整数"),
    (r"Input should be a valid number.*", "应是数字"),
    (r"Input should be greater than or equal to (.+)", "不能小于 {0}"),
    (r"Input should be less than or equal to (.+)", "不能大于 {0}"),
    (r"(?:File|Path|Directory) '(.+?)' does not exist\.?", "没有 {0}，请检查路径"),
    (r"(?:File|Path) '(.+?)' is a directory\.?", "{0} 是一个文件夹，这里要写一个文件"),
    (r"Directory '(.+?)' is a file\.?", "{0} 是一个文件，这里要写一个文件夹"),
    (r"(?:File|Path|Directory) '(.+?)' is not (?:readable|writable)\.?", "{0} 没有读写权限"),
    (r"(.+) is not a valid (?:int|integer)(?: range)?\.?", "{0} 不是整数"),
    (r"(.+) is not a valid float(?: range)?\.?", "{0} 不是数字"),
    (r"(.+) is not in the range (.+?)\.?", "{0} 不在允许的范围 {1} 内"),
    (r"(.+) is not one of (.+?)\.?", "{0} 不在可选的 {1} 里"),
)


def refuse_usage(error: Any) -> int:
    """Say on standard error how the command was misused; returns the exit code."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{context.get_help() if context else error}\n")
        return 2
    command = context.command_path if context else "wecom-bot"
    likely = "、".join(getattr(error, "possibilities", None) or ())
    hint = f"，是不是 {likely}" if likely else ""
    said = _in_chinese(error.format_message())
    sys.stderr.write(f"错误：{said}{hint}。用法见 {command} --help\n")
    return 2


def _in_chinese(message: str) -> str:
    for pattern, saying in _SAYINGS:
        if found := re.fullmatch(pattern, message.strip(), re.DOTALL):
            *first, last = found.groups() or ("",)
            return saying.format(*first, _in_chinese(last))
    return message.strip()


def of_file(error: OSError) -> str:
    """A file or folder that cannot be read or written, and what to look at."""
    where = error.filename or "文件"
    return f"{where} 读不了或写不了：{file_fault(error)}"
