"""Chinese numerals as shoppers write them: 两件, 十二, 一百二, 三万5."""

from __future__ import annotations

import re

_DIGIT = {char: value for value, char in enumerate("零一二三四五六七八九")}
_DIGIT |= {"〇": 0, "两": 2, "俩": 2, "仨": 3, "壹": 1, "贰": 2, "叁": 3}
_UNIT = {"十": 10, "百": 100, "千": 1000, "万": 10000}
NUMERAL = re.compile(r"\d+(?:\.\d+)?万?|[零〇一二两俩仨三四五六七八九十百千万]+")


def number_of(text: str) -> float | None:
    """The value of an Arabic or Chinese numeral; None when it is neither."""
    arabic = re.fullmatch(r"(\d+(?:\.\d+)?)(万?)", text)
    if arabic:
        return float(arabic[1]) * (10000 if arabic[2] else 1)
    if not text or any(char not in _DIGIT and char not in _UNIT for char in text):
        return None
    if not any(char in _UNIT for char in text):
        return float("".join(str(_DIGIT[char]) for char in text))
    return float(_with_units(text))


def plain(number: float) -> str:
    """A number without a needless fraction."""
    return str(int(number)) if number == int(number) else f"{number:g}"


def _with_units(text: str) -> int:
    total = section = digit = 0
    unit = 10
    for char in text:
        if char in _DIGIT:
            digit = _DIGIT[char]
            unit = 10 if digit == 0 else unit
            continue
        unit = _UNIT[char]
        if unit == 10000:
            total += (section + digit) * unit
            section = 0
        else:
            section += (digit or 1) * unit
        digit = 0
    colloquial = unit > 10 and digit and text[-2:-1] not in ("零", "〇")
    return total + section + digit * (unit // 10 if colloquial else 1)
