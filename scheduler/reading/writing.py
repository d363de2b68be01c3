"""Plain data written as YAML in the manner of the shipped journeys."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import yaml

_PLAIN = re.compile(r"[A-Za-z_\u4e00-\u9fff][\w\u4e00-\u9fff.·-]*(?: [\w\u4e00-\u9fff.·-]+)*")
_UNPRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_WIDEST = 88
_STEP = 2


def written_entry(key: str, value: Any, indent: int) -> str:
    """`key: value` without a line end; lines that follow the first stand deeper than `indent`."""
    return f"{_scalar(key)}:{written_value(value, indent)}"


def written_value(value: Any, indent: int) -> str:
    """What follows `key:`, with the blank or the line break before it."""
    if isinstance(value, str) and _may_stand_open(value):
        return _open_text(value, indent + _STEP)
    if not isinstance(value, dict | list) or not value:
        return f" {_flow(value)}"
    narrow = _flow(value)
    if _is_flat(value) and len(narrow) + indent <= _WIDEST:
        return f" {narrow}"
    pad = " " * (indent + _STEP)
    if isinstance(value, dict):
        lines = (f"{pad}{written_entry(str(k), v, indent + _STEP)}" for k, v in value.items())
        return "\n" + "\n".join(lines)
    return "\n" + "\n".join(" " * indent + written_item(item, indent) for item in value)


def written_item(value: Any, indent: int) -> str:
    """`- value` of a list whose dashes stand at `indent`, which the first line leaves out."""
    if isinstance(value, dict) and value and not (_is_flat(value) and _fits(value, indent)):
        pad = "\n" + " " * (indent + _STEP)
        return "- " + pad.join(written_entry(str(k), v, indent + _STEP) for k, v in value.items())
    return f"- {_flow(value)}"


def _fits(value: Any, indent: int) -> bool:
    return len(value) == 1 and len(_flow(value)) + indent <= _WIDEST


def _is_flat(value: Any) -> bool:
    """Whether it reads well on one line."""
    inside = value.values() if isinstance(value, dict) else value
    return all(
        not isinstance(one, dict | list)
        or (isinstance(one, list) and all(not isinstance(each, dict | list) for each in one))
        for one in inside
    ) and not any(isinstance(one, str) and "\n" in one for one in inside)


def _may_stand_open(text: str) -> bool:
    """Whether the text may be written as lines of its own."""
    return (
        "\n" in text
        and text == text.strip()
        and not any(line != line.rstrip() for line in text.split("\n"))
        and not _UNPRINTED.search(text.replace("\n", ""))
    )


def _open_text(text: str, indent: int) -> str:
    pad = " " * indent
    return " |-\n" + "\n".join(f"{pad}{line}" if line else "" for line in text.split("\n"))


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(str(k))}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value if _is_plain(value) else _quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else repr(value)


def _is_plain(text: str) -> bool:
    return bool(_PLAIN.fullmatch(text)) and yaml.safe_load(text) == text


def _quoted(text: str) -> str:
    escaped = "".join(_ESCAPES.get(sign, sign) for sign in text)
    return '"' + _UNPRINTED.sub(lambda found: _code(found.group()), escaped) + '"'


def _code(sign: str) -> str:
    number = ord(sign)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
