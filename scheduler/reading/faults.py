"""Chinese wording for what the schema refuses."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]

_QUOTED = re.compile(r"'([^']*)'")

_OFFSET = ("day", "time", "hours", "minutes")
KEYS: dict[str, tuple[str, ...]] = {
    "journey": (
        "id",
        "name",
        "priority",
        "triggers",
        "segments",
        "steps",
        "exits",
        "repeat",
        "cohort",
        "note",
    ),
    "triggers": (
        "added",
        "stage_entered",
        "tag_added",
        "event",
        "silence",
        "date",
        "birthday",
    ),
    "silence": ("hours", "after"),
    "date": ("on", "weekly", "monthly", "yearly"),
    "birthday": ("days_before",),
    "segments": ("zh", "tags"),
    "steps": (
        "id",
        "purpose",
        "kind",
        "at",
        "after",
        "window",
        "days",
        "only_if",
        "content",
        "variants",
        "ways",
        "catch_up",
    ),
    "at": _OFFSET,
    "after": ("step", "event", "within_hours", *_OFFSET),
    "only_if": ("stages", "tags", "without_tags", "signals", "without_signals"),
    "content": (
        "text",
        "images",
        "link",
        "miniprogram",
        "script",
        "script_tags",
        "todo",
        "note",
    ),
    "link": ("title", "url", "desc", "image"),
    "miniprogram": ("appid", "title", "page", "image"),
    "variants": ("name", "weight", "content"),
    "catch_up": ("send_late", "merge"),
    "exits": ("replied", "bought", "opted_out", "stage_moved", "tag_removed"),
    "cohort": ("by", "tag_group", "tag_prefix", "retire_after_days"),
    "repeat": ("rest_days",),
}
_NUMBERS = {
    "weekly": "写 1 到 7，1 是周一",
    "monthly": "写 1 到 31，31 是每月最后一天",
    "priority": "写 0 到 100 的数字",
    "hours": "只写数字，不写单位，例如 3；一天写 24",
}
_IN_DAYS = ("day", "days", "minutes")
_MOVABLE = ("content", "journey", "steps", "cohort", "only_if", "repeat")
_HOMES = {"journey": "旅程这一层，和 name 对齐", "steps": "步骤这一层，和 purpose 对齐"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of one journey, at a path inside it such as ``("steps", 0, "at")``."""

    path: Path
    fault: str
    mend: str


def suggestion(word: str, known: Iterable[str]) -> str:
    """How to mend an unknown word: the closest known one, or the list to pick from."""
    words = list(known)
    if any(mark in word for mark in "，、；"):
        return "用英文逗号把几项隔开，或每项一行，前面写「- 」"
    matches = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if matches:
        return f"是不是想写「{matches[0]}」"
    listed = "、".join(words[:14]) + ("……" if len(words) > 14 else "")
    return f"删掉它，或改用：{listed}" if words else "删掉它"


def finding_of(error: ErrorDetails) -> Finding:
    """What one schema refusal says to the person who wrote the journey."""
    path = tuple(error["loc"])
    name = _name(path)
    context: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return Finding(path, f"缺少必填项「{name}」", f"补上 {name}")
        case "extra_forbidden":
            return Finding(path, f"不认识的键「{name}」", _misplaced(name, path))
        case "enum":
            expected = _QUOTED.findall(context["expected"])
            fault = f"「{name}」写的是「{error['input']}」，不认识"
            return Finding(path, fault, suggestion(str(error["input"]), expected))
        case "string_pattern_mismatch":
            mend = "只用小写字母、数字和 _ . -，最多 64 个，例如 newcomer.day1"
            return Finding(path, f"编号「{error['input']}」的写法不对", mend)
        case "string_type":
            return Finding(path, f"「{name}」应当是一段文字", "写成一段文字，数字加双引号")
        case "string_too_short" | "too_short":
            least = context["min_length"]
            mend = "填上内容" if least == 1 else f"至少写 {least} 项"
            return Finding(path, f"「{name}」太少或是空的", mend)
        case "string_too_long" | "too_long":
            most = context["max_length"]
            return Finding(path, f"「{name}」太长，超过 {most}", f"缩短到 {most} 以内")
        case "list_type" | "tuple_type":
            return Finding(path, f"「{name}」应当是列表", "每项一行，前面写「- 」")
        case "model_type" | "dict_type" | "model_attributes_type":
            return Finding(path, f"「{name}」应当是带键的一组内容", _mapping_mend(name))
        case "int_type" | "float_type" | "int_from_float":
            mend = _NUMBERS.get(name, "写成不带引号、不带单位的数字")
            return Finding(path, f"「{name}」应当是数字", mend)
        case "greater_than_equal" | "less_than_equal" | "greater_than":
            return Finding(path, f"「{name}」超出范围", _range_mend(context))
        case _:
            return Finding(path, error["msg"], str(context.get("mend", "对照格式说明修改")))


def _name(path: Path) -> str:
    names = [step for step in path if isinstance(step, str)]
    return names[-1] if names else "旅程"


def _siblings(path: Path) -> tuple[str, ...]:
    owners = [step for step in path[:-1] if isinstance(step, str)]
    for owner in reversed(owners):
        if owner in KEYS:
            return KEYS[owner]
    return KEYS["journey"]


def _misplaced(name: str, path: Path) -> str:
    """Where a key belongs that is right elsewhere, else the closest key of this place."""
    siblings = _siblings(path)
    if name in _IN_DAYS and siblings == KEYS["silence"]:
        return "只能写 hours：3 天写 hours: 72"
    homes = [home for home in _MOVABLE if name in KEYS[home] and KEYS[home] != siblings]
    if not homes or difflib.get_close_matches(name, siblings, n=1, cutoff=0.75):
        return suggestion(name, siblings)
    home = _HOMES.get(homes[0], f" {homes[0]} 里")
    return f"把「{name}」写到{home}"


def _mapping_mend(name: str) -> str:
    keys = KEYS.get(name)
    return f"写成「键: 值」，可用的键：{'、'.join(keys)}" if keys else "写成「键: 值」的样子"


def _range_mend(context: dict[str, Any]) -> str:
    words = {"ge": "不小于", "gt": "大于", "le": "不大于"}
    return (
        "改成"
        + "、".join(f"{words[key]} {context[key]:g}" for key in words if key in context)
        + " 的数"
    )
