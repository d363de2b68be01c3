from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

import xlsxwriter

from ..model import (
    OCCASION_LABELS,
    FilePart,
    ImagePart,
    LinkPart,
    MiniProgramPart,
    Part,
    Script,
    TextPart,
)
from .columns import (
    APPEARANCE,
    MAX_ROWS,
    OPTION_SHEET,
    PART_LABELS,
    SCRIPT_SHEET,
    SEPARATOR,
    Column,
    escape_formula,
)


def write_spreadsheet(
    scripts: Iterable[Script],
    *,
    intent_labels: Mapping[str, str] | None = None,
    stage_labels: Mapping[str, str] | None = None,
) -> bytes:
    """The scripts as an .xlsx workbook that `read_spreadsheet` reads back to equal ones.

    With labels (name → Chinese) the cells show the labels and offer them as drop-down lists.
    """
    labels = _Labels(intent_labels or {}, stage_labels or {})
    rows = [row for script in scripts for row in _rows(script, labels)]
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(buffer, options) as workbook:
        _write(workbook, rows, labels)
    return buffer.getvalue()


class _Labels:
    def __init__(self, intents: Mapping[str, str], stages: Mapping[str, str]) -> None:
        self.intents = _distinct(intents)
        self.stages = _distinct(stages)

    def options(self) -> dict[Column, list[str]]:
        return {
            Column.INTENTS: list(self.intents.values()),
            Column.STAGES: list(self.stages.values()),
            Column.OCCASION: list(OCCASION_LABELS.values()),
            Column.KIND: list(PART_LABELS.values()),
            Column.AUTO: ["是", "否"],
        }


def _distinct(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels that stand for one name only; the others stay names."""
    shown = list(labels.values())
    return {
        name: label if shown.count(label) == 1 and label not in labels else name
        for name, label in labels.items()
    }


def _rows(script: Script, labels: _Labels) -> list[dict[Column, str | float]]:
    rows = [_part_cells(part) for part in script.parts]
    rows[0] |= _script_cells(script, labels)
    return [{column: cell for column, cell in row.items() if cell != ""} for row in rows]


def _script_cells(script: Script, labels: _Labels) -> dict[Column, str | float]:
    described = "\n".join(f"{name}={meaning}" for name, meaning in script.variables.items())
    tags = script.tags
    return {
        Column.ID: script.id,
        Column.TITLE: script.title,
        Column.INTENTS: _joined(labels.intents.get(name, name) for name in script.intents),
        Column.STAGES: _joined(labels.stages.get(name, name) for name in script.stages),
        Column.OCCASION: OCCASION_LABELS[script.occasion],
        Column.PRODUCT: _joined(tags.product),
        Column.CUSTOMER: _joined(tags.customer),
        Column.CHANNEL: _joined(tags.channel),
        Column.TONE: _joined(tags.tone),
        Column.VARIABLES: described,
        Column.FROM: script.valid.first.isoformat() if script.valid.first else "",
        Column.UNTIL: script.valid.last.isoformat() if script.valid.last else "",
        Column.AUTO: "是" if script.auto else "否",
        Column.WEIGHT: script.weight if script.weight != 1.0 else "",
        Column.NOTE: script.note or "",
    }


def _part_cells(part: Part) -> dict[Column, str | float]:
    cells: dict[Column, str | float] = {Column.KIND: PART_LABELS[part.kind]}
    match part:
        case TextPart(content) | ImagePart(content) | FilePart(content):
            cells[Column.CONTENT] = content
        case LinkPart(title, url, desc, image):
            cells[Column.PART_TITLE] = title
            cells[Column.PART_DESC] = desc or ""
            cells[Column.ADDRESS] = url
            cells[Column.IMAGE] = image or ""
        case MiniProgramPart(appid, title, page, image):
            cells[Column.APPID] = appid
            cells[Column.PART_TITLE] = title
            cells[Column.ADDRESS] = page
            cells[Column.IMAGE] = image or ""
    return cells


def _joined(words: Iterable[str]) -> str:
    return SEPARATOR.join(words)


def _write(workbook: Any, rows: list[dict[Column, str | float]], labels: _Labels) -> None:
    header = workbook.add_format({"bold": True, "bg_color": "#E8F1FF", "border": 1})
    body = workbook.add_format({"text_wrap": True, "valign": "top"})
    sheet = workbook.add_worksheet(SCRIPT_SHEET)
    for position, column in enumerate(Column):
        sheet.set_column(position, position, APPEARANCE[column].width, body)
        sheet.write_string(0, position, column.value, header)
        sheet.write_comment(0, position, APPEARANCE[column].hint)
    for number, row in enumerate(rows, 1):
        _write_row(sheet, number, row, body)
    sheet.freeze_panes(1, 2)
    sheet.autofilter(0, 0, max(1, len(rows)), len(Column) - 1)
    _write_options(workbook, sheet, labels.options())


def _write_row(sheet: Any, number: int, row: dict[Column, str | float], body: Any) -> None:
    for position, column in enumerate(Column):
        cell = row.get(column)
        if isinstance(cell, str):
            sheet.write_string(number, position, escape_formula(cell), body)
        elif cell is not None:
            sheet.write_number(number, position, cell, body)


def _write_options(workbook: Any, sheet: Any, options: dict[Column, list[str]]) -> None:
    listing = workbook.add_worksheet(OPTION_SHEET)
    columns = list(Column)
    for position, (column, words) in enumerate(options.items()):
        listing.set_column(position, position, 18)
        listing.write_string(0, position, column.value)
        for number, word in enumerate(words, 1):
            listing.write_string(number, position, escape_formula(word))
        if words:
            letter = chr(ord("A") + position)
            several = column in (Column.INTENTS, Column.STAGES)
            place = columns.index(column)
            sheet.data_validation(
                1,
                place,
                MAX_ROWS,
                place,
                {
                    "validate": "list",
                    "source": f"='{OPTION_SHEET}'!${letter}$2:${letter}${len(words) + 1}",
                    "error_type": "information" if several else "stop",
                    "error_title": "不在选项里",
                    "error_message": "多个值用、隔开。" if several else "请从下拉表里选。",
                },
            )
