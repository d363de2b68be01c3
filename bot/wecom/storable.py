"""What WeCom sends, without what a database cannot keep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def storable(value: Any) -> Any:
    """The same JSON value without NUL, half emoji, NaN, infinity and endless numbers.

    A nickname or message cut in the middle of an emoji holds half a surrogate pair; one such
    row must not keep its whole page from being stored.
    """
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {_text(str(key)): storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and value.bit_length() > 64:
        return None
    return value


def _text(value: str) -> str:
    value = value.replace("\x00", "")
    if value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
