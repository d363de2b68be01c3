"""Chinese wording for what the schema refuses."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic_core import ErrorDetails

from .errors import Finding
from .model import Occasion

KEYS: dict[str, tuple[str, ...]] = {
    "script": (
        "id",
        "title",
        "intents",
        "stages",
        "occasion",
        "tags",
        "parts",
        "variables",
        "valid",
        "auto",
        "weight",
        "note",
    ),
    "tags": ("product", "customer", "channel", "tone"),
    "parts": ("text", "image", "link", "miniprogram", "file"),
    "link": ("title", "desc", "url", "image"),
    "miniprogram": ("appid", "title", "page", "image"),
    "valid": ("from", "until"),
}


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """How to mend an unknown word: the closest known one, or the list to pick from."""
    words = list(known)
    match = closest(word, words)
    if match is not None:
        return f"是不是想写「{match}」"
    listed = "、".join(words[:12]) + ("……" if len(words) > 12 else "")
    return f"删掉它，或改用：{listed}" if words else "删掉它"


def finding_of(error: ErrorDetails) -> Finding:
    """What one schema refusal says to the person who wrote the script."""
    path = tuple(error["loc"])
    name = _name(path)
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return Finding(path, f"缺少必填项「{name}」", f"补上 {name}")
        case "extra_forbidden":
            return Finding(path, f"不认识的键「{name}」", suggestion(name, _siblings(path)))
        case "string_type":
            return Finding(path, f"「{name}」应当是一段文字", _text_mend(error["input"]))
        case "string_too_short" | "too_short":
            return Finding(path, f"「{name}」是空的", "填上内容，或整条删掉")
        case "string_too_long":
            limit = context["max_length"]
            return Finding(path, f"「{name}」太长，超过 {limit} 个字", f"缩短到 {limit} 个字以内")
        case "too_long":
            limit = context["max_length"]
            return Finding(path, f"「{name}」多于 {limit} 项", f"删到 {limit} 项以内")
        case "string_pattern_mismatch" if not error["input"]:
            return Finding(path, "编号是空的", "填上编号，例如 price.objection.value")
        case "string_pattern_mismatch":
            mend = "只用小写字母、数字和 _ . -，最多 100 个，例如 price.objection.value"
            return Finding(path, f"编号「{error['input']}」的写法不对", mend)
        case "bool_type":
            return Finding(path, f"「{name}」应当是 true 或 false", "改成 true 或 false，不加引号")
        case "float_type" | "greater_than_equal" | "less_than_equal" | "finite_number":
            return Finding(
                path, f"「{name}」应当是 0.1 到 5 之间的数", "平常的话术不写，重点的写 2"
            )
        case "enum":
            return Finding(
                path,
                f"不认识的场合「{error['input']}」",
                suggestion(str(error["input"]), Occasion),
            )
        case "list_type":
            return Finding(path, f"「{name}」应当是列表", "每项一行，前面写「- 」")
        case "model_type" | "dict_type" | "model_attributes_type":
            return Finding(path, f"「{name}」应当是带键的一组内容", _mapping_mend(path))
        case _:
            return Finding(path, error["msg"], str(context.get("mend", "对照格式说明修改")))


def _name(path: tuple[str | int, ...]) -> str:
    names = [step for step in path if isinstance(step, str)]
    return names[-1] if names else "话术"


def _owner(path: tuple[str | int, ...]) -> str:
    owners = [step for step in path[:-1] if isinstance(step, str)]
    return owners[-1] if owners else "script"


def _siblings(path: tuple[str | int, ...]) -> tuple[str, ...]:
    return KEYS.get(_owner(path), ())


def _text_mend(value: object) -> str:
    return "给它加上双引号" if isinstance(value, int | float | bool) else "写成一段文字"


def _mapping_mend(path: tuple[str | int, ...]) -> str:
    names = [step for step in path if isinstance(step, str)]
    keys = KEYS.get(names[-1] if names else "script")
    return f"写成「键: 值」，可用的键：{'、'.join(keys)}" if keys else "写成「键: 值」的样子"
