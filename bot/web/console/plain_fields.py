"""Fields of a form and the plain data of a YAML file, one value at a time."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

Fields = dict[str, str]
_PART = "[,，、;；\\n]"
_WORD = re.compile(
    rf"""(?:(?<={_PART})|^)[^\S\n]*(?:"((?:[^"]|"")*)"|“([^”]*)”)(?=\s*(?:{_PART}|$))"""
    r"""|([^,，、;；\n]+)"""
)
_NEEDS_QUOTES = re.compile(rf"""{_PART}|^["“]""")


def spoken(value: Any) -> str:
    """A value as a field shows it."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def listed(value: Any) -> list[Any]:
    """A list that may be written as one value."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def words_in(value: Any) -> str:
    """A list of words in one field; one that holds a comma stands in quotes."""
    return "、".join(_quoted(str(one)) for one in listed(value))


def _quoted(word: str) -> str:
    if not _NEEDS_QUOTES.search(word):
        return word
    if '"' in word and "”" not in word:
        return f"“{word}”"
    return '"{}"'.format(word.replace('"', '""'))


def split_words(value: str) -> list[str]:
    """The words of one field, each once; what stands in quotes is one word, commas and all."""
    found = (
        (straight or "").replace('""', '"') + (curved or "") + (bare or "")
        for straight, curved, bare in _WORD.findall(value)
    )
    return list(dict.fromkeys(one.strip() for one in found if one.strip()))


def number_or_text(value: str) -> int | float | str:
    """A number; what is none is left for the check to refuse in its own words."""
    text = value.strip()
    with contextlib.suppress(ValueError):
        return int(text)
    with contextlib.suppress(ValueError):
        return float(text) if text.lower() not in ("nan", "inf", "-inf", "infinity") else text
    return text


def fill(
    target: dict[str, Any], key: str, value: Any, reading: Callable[[Any], Any] | None = None
) -> None:
    """Write a value that differs from what stands there; an empty one takes the key away."""
    if value in (None, "", [], {}):
        target.pop(key, None)
        return
    if key in target and reading is not None:
        with contextlib.suppress(TypeError, AttributeError):
            if reading(target[key]) == value:
                return
    if key not in target or target[key] != value:
        target[key] = value
