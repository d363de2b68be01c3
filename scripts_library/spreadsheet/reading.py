from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import python_calamine

from ..checks import Vocabulary, check_script, duplicate_texts
from ..errors import CellProblem, Finding, SpreadsheetError
from ..faults import suggestion
from ..model import Script
from ..schema import read_entry, salvage
from .columns import (
    MAX_BYTES,
    MAX_ROWS,
    MAX_UNPACKED_BYTES,
    REQUIRED_COLUMNS,
    SCRIPT_SHEET,
    Column,
)
from .entries import column_of, entry_of

Row = dict[Column, Any]


def read_spreadsheet(
    content: bytes,
    *,
    intents: Collection[str] | None = None,
    stages: Collection[str] | None = None,
    variables: Collection[str] = (),
    intent_labels: Mapping[str, str] | None = None,
    stage_labels: Mapping[str, str] | None = None,
    assets: Path | None = None,
) -> tuple[Script, ...]:
    """Read the scripts of an .xlsx workbook; raises `SpreadsheetError` with every problem.

    Cells may hold names or, where labels (name → Chinese) are given, their labels.
    """
    vocabulary = Vocabulary(
        _with_labels(intents, intent_labels), _with_labels(stages, stage_labels), variables
    )
    reading = _Reading(vocabulary, intent_labels or {}, stage_labels or {}, assets)
    reading.run(content)
    if reading.problems:
        raise SpreadsheetError(reading.problems)
    return tuple(reading.scripts)


def _with_labels(
    names: Collection[str] | None, labels: Mapping[str, str] | None
) -> Collection[str] | None:
    """Names to accept; the labels, which are names by then, only serve as suggestions."""
    return None if names is None else [*(labels or {}).values(), *names]


@dataclass(slots=True)
class _Block:
    """The rows of one script: its own and those of its further parts."""

    rows: list[tuple[int, Row]] = field(default_factory=list)

    @property
    def number(self) -> int:
        return self.rows[0][0]


class _Reading:
    def __init__(
        self,
        vocabulary: Vocabulary,
        intent_labels: Mapping[str, str],
        stage_labels: Mapping[str, str],
        assets: Path | None,
    ) -> None:
        self.problems: list[CellProblem] = []
        self.scripts: list[Script] = []
        self._vocabulary = vocabulary
        self._intents = {label: name for name, label in intent_labels.items()}
        self._stages = {label: name for name, label in stage_labels.items()}
        self._assets = assets
        self._rows: dict[str, int] = {}

    def run(self, content: bytes) -> None:
        table = self._table(content)
        columns = self._columns(table[0]) if table else None
        if columns is None:
            return
        for block in self._blocks(table, columns):
            self._read(block)
        for first, repeated in duplicate_texts(self.scripts):
            fault = f"内容与第 {self._rows[first.id]} 行的 {first.id} 完全相同"
            mend = "合并成一条，或改写其中一条"
            self._note(self._rows[repeated.id], Column.CONTENT, repeated.id, fault, mend)

    def _table(self, content: bytes) -> list[list[Any]]:
        refusal = _refusal(content)
        if refusal is not None:
            self._note(None, None, None, *refusal)
            return []
        try:
            workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
            names = workbook.sheet_names
            name = SCRIPT_SHEET if SCRIPT_SHEET in names else names[0]
            sheet = workbook.get_sheet_by_name(name)
            if sheet.total_height > MAX_ROWS + 1:
                fault = f"有 {sheet.total_height} 行，超过 {MAX_ROWS} 行"
                self._note(None, None, None, fault, "拆成几个文件导入")
                return []
            table = sheet.to_python(skip_empty_area=False)
        except (python_calamine.CalamineError, IndexError, OSError) as error:
            self._note(None, None, None, f"文件打不开（{error}）", "用 Excel 另存为 .xlsx 后重试")
            return []
        if not table:
            self._note(None, None, None, "表格是空的", "先导出一份模板，在上面修改")
        return table

    def _columns(self, header: list[Any]) -> dict[int, Column] | None:
        known = {column.value: column for column in Column}
        columns: dict[int, Column] = {}
        before = len(self.problems)
        for position, cell in enumerate(header):
            name = str(cell).strip()
            if not name:
                continue
            if name not in known:
                fault, mend = f"不认识的列「{name}」", suggestion(name, known)
                self._note(1, name, None, fault, mend)
            elif known[name] in columns.values():
                self._note(1, name, None, f"列「{name}」出现了两次", "删掉其中一列")
            else:
                columns[position] = known[name]
        for column in REQUIRED_COLUMNS:
            if column not in columns.values():
                self._note(1, column, None, f"缺少「{column}」列", "在第一行补上这个表头")
        return columns if len(self.problems) == before else None

    def _blocks(self, table: list[list[Any]], columns: dict[int, Column]) -> Iterator[_Block]:
        block: _Block | None = None
        for number, cells in enumerate(table[1:], 2):
            row = {column: cells[position] for position, column in columns.items()}
            filled = {column for column, cell in row.items() if str(cell).strip()}
            if not filled:
                continue
            if Column.ID in filled or Column.TITLE in filled or block is None:
                if block is not None:
                    yield block
                block = _Block()
            block.rows.append((number, row))
        if block is not None:
            yield block

    def _read(self, block: _Block) -> None:
        entry, findings = entry_of([row for _, row in block.rows], self._intents, self._stages)
        outcome = read_entry(entry)
        refused = [*findings, *(outcome if isinstance(outcome, list) else [])]
        script = outcome if isinstance(outcome, Script) else salvage(entry, refused)
        script_id = str(entry.get("id") or "") or None
        checked = self._check(script) if script is not None else []
        for finding in dict.fromkeys((*refused, *checked)):
            self._note_finding(block, script_id, finding)
        if script is not None and script.id == script_id:
            self._add(script, block.number, complete=not refused)

    def _check(self, script: Script) -> list[Finding]:
        return list(check_script(script, self._vocabulary, assets=self._assets))

    def _add(self, script: Script, number: int, *, complete: bool) -> None:
        if script.id in self._rows:
            fault = f"编号与第 {self._rows[script.id]} 行重复"
            self._note(number, Column.ID, script.id, fault, "给其中一条换一个编号")
            return
        self._rows[script.id] = number
        if complete:
            self.scripts.append(script)

    def _note_finding(self, block: _Block, script_id: str | None, finding: Finding) -> None:
        number = block.number
        if len(finding.path) > 1 and finding.path[0] == "parts":
            number = block.rows[int(finding.path[1])][0]
        self._note(number, column_of(finding.path), script_id, finding.fault, finding.mend)

    def _note(
        self, row: int | None, column: str | None, script_id: str | None, fault: str, mend: str
    ) -> None:
        self.problems.append(CellProblem(SCRIPT_SHEET, row, column, script_id, fault, mend))


def _refusal(content: bytes) -> tuple[str, str] | None:
    if len(content) > MAX_BYTES:
        return f"文件超过 {MAX_BYTES >> 20} MB", "拆成几个文件导入"
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > MAX_UNPACKED_BYTES:
                return "文件解压后太大", "删掉多余的工作表和图片，拆成几个文件导入"
            broken = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, RuntimeError, EOFError):
        return "不是 .xlsx 文件", "用 Excel 打开后另存为「Excel 工作簿（.xlsx）」"
    if broken is not None:
        return "文件损坏了", "重新下载或用 Excel 另存一次"
    return None
