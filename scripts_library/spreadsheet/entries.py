"""Between cells and the entry of a script as a catalogue file would have it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from ..errors import Finding
from ..faults import suggestion
from ..model import OCCASION_LABELS
from .columns import PART_LABELS, Column, unescape_formula

_SEPARATORS = re.compile(r"[、,，;；\n]+")
_YES, _NO = (
    ("是", "TRUE", "true", "True", "1"),
    ("否", "FALSE", "false", "False", "0"),
)
_TAG_COLUMNS = {
    "product": Column.PRODUCT,
    "customer": Column.CUSTOMER,
    "channel": Column.CHANNEL,
    "tone": Column.TONE,
}
_COLUMN_OF = {
    "id": Column.ID,
    "title": Column.TITLE,
    "intents": Column.INTENTS,
    "stages": Column.STAGES,
    "occasion": Column.OCCASION,
    "variables": Column.VARIABLES,
    "auto": Column.AUTO,
    "weight": Column.WEIGHT,
    "note": Column.NOTE,
}
_PART_COLUMN_OF = {
    "title": Column.PART_TITLE,
    "desc": Column.PART_DESC,
    "url": Column.ADDRESS,
    "page": Column.ADDRESS,
    "appid": Column.APPID,
}

Row = Mapping[Column, Any]


def entry_of(
    rows: Sequence[Row], intents: Mapping[str, str], stages: Mapping[str, str]
) -> tuple[dict[str, Any], list[Finding]]:
    """The entry that the rows describe; `intents` and `stages` map labels to names."""
    first = rows[0]
    findings: list[Finding] = []
    entry: dict[str, Any] = {
        "id": _text(first, Column.ID),
        "title": _text(first, Column.TITLE),
        "intents": [intents.get(word, word) for word in _words(first, Column.INTENTS)],
        "stages": [stages.get(word, word) for word in _words(first, Column.STAGES)],
        "tags": {name: _words(first, column) for name, column in _TAG_COLUMNS.items()},
        "parts": [_part(row, place, findings) for place, row in enumerate(rows)],
        "valid": {"from": _date(first, Column.FROM), "until": _date(first, Column.UNTIL)},
        "variables": _descriptions(first, findings),
        "auto": _answer(first, findings),
        "weight": _weight(first, findings),
        "note": _text(first, Column.NOTE) or None,
    }
    if occasion := _occasion(first, findings):
        entry["occasion"] = occasion
    return entry, findings


def column_of(path: Sequence[str | int]) -> Column | None:
    """The column in which the value at `path` of an entry is written."""
    steps = [step for step in path if isinstance(step, str)]
    match steps:
        case ["tags", name, *_]:
            return _TAG_COLUMNS.get(name)
        case ["valid", "from"] | ["valid"]:
            return Column.FROM
        case ["valid", "until"]:
            return Column.UNTIL
        case ["parts", "link" | "miniprogram", "image"]:
            return Column.IMAGE
        case ["parts", "link" | "miniprogram", name]:
            return _PART_COLUMN_OF.get(name)
        case ["parts", "kind"]:
            return Column.KIND
        case ["parts", *_]:
            return Column.CONTENT
        case [name, *_]:
            return _COLUMN_OF.get(name)
    return None


def _text(row: Row, column: Column) -> str:
    cell = row.get(column, "")
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, datetime | date):
        cell = cell.isoformat()
    return unescape_formula(str(cell).replace("\r\n", "\n").strip())


def _words(row: Row, column: Column) -> list[str]:
    words = (word.strip() for word in _SEPARATORS.split(_text(row, column)))
    return [word for word in words if word]


def _date(row: Row, column: Column) -> date | str | None:
    cell = row.get(column, "")
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    return _text(row, column).replace("/", "-").replace(".", "-") or None


def _part(row: Row, place: int, findings: list[Finding]) -> dict[str, Any]:
    label = _text(row, Column.KIND) or PART_LABELS["text"]
    kinds = {shown: kind for kind, shown in PART_LABELS.items()}
    kind = kinds.get(label, label)
    if kind not in PART_LABELS:
        path = ("parts", place, "kind")
        findings.append(Finding(path, f"不认识的内容类型「{label}」", suggestion(label, kinds)))
        kind = "text"
    if kind == "link":
        return {"link": _filled(row, "title", "desc", "url", "image")}
    if kind == "miniprogram":
        return {"miniprogram": _filled(row, "appid", "title", "page", "image")}
    return {kind: _text(row, Column.CONTENT)}


def _filled(row: Row, *names: str) -> dict[str, str]:
    columns = {**_PART_COLUMN_OF, "image": Column.IMAGE}
    texts = {name: _text(row, columns[name]) for name in names}
    return {name: text for name, text in texts.items() if text}


def _descriptions(row: Row, findings: list[Finding]) -> dict[str, str]:
    described = {}
    for line in filter(None, map(str.strip, _text(row, Column.VARIABLES).splitlines())):
        name, sign, meaning = line.replace("＝", "=").partition("=")
        if not sign or not name.strip():
            mend = "每行写一个「变量名=说明」"
            findings.append(Finding(("variables",), f"变量说明「{line}」看不懂", mend))
        described[name.strip()] = meaning.strip()
    return described


def _answer(row: Row, findings: list[Finding]) -> bool:
    text = _text(row, Column.AUTO)
    if text in _YES:
        return True
    if text and text not in _NO:
        findings.append(
            Finding(("auto",), f"「{text}」不是「是」或「否」", "从下拉表里选 是 或 否")
        )
    return False


def _weight(row: Row, findings: list[Finding]) -> float:
    text = _text(row, Column.WEIGHT)
    try:
        return float(text) if text else 1.0
    except ValueError:
        findings.append(Finding(("weight",), f"权重「{text}」不是数", "写 0.1 到 5 之间的数"))
        return 1.0


def _occasion(row: Row, findings: list[Finding]) -> str | None:
    text = _text(row, Column.OCCASION)
    shown = {label: occasion.value for occasion, label in OCCASION_LABELS.items()}
    if text and text not in shown and text not in shown.values():
        findings.append(Finding(("occasion",), f"不认识的场合「{text}」", suggestion(text, shown)))
        return None
    return shown.get(text, text) or None
