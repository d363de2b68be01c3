from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class ScriptLibraryError(Exception):
    """Something in the script library is wrong and a person can mend it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of one script, at a path inside it such as ``("parts", 0, "text")``."""

    path: tuple[str | int, ...]
    fault: str
    mend: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a catalogue file: where it is, what is wrong and how to mend it."""

    file: str
    line: int | None
    script_id: str | None
    fault: str
    mend: str

    def __str__(self) -> str:
        line = f" 第 {self.line} 行" if self.line is not None else ""
        script = f"（{self.script_id}）" if self.script_id else ""
        return f"{self.file}{line}{script}：{self.fault}。改法：{self.mend}。"


@dataclass(frozen=True, slots=True)
class CellProblem:
    """One fault of a spreadsheet. Rows are counted as Excel shows them, from 1."""

    sheet: str
    row: int | None
    column: str | None
    script_id: str | None
    fault: str
    mend: str

    def __str__(self) -> str:
        row = f"第 {self.row} 行" if self.row is not None else ""
        column = f"「{self.column}」列" if self.column else ""
        place = " ".join(filter(None, (f"工作表「{self.sheet}」", row + column)))
        script = f"（{self.script_id}）" if self.script_id else ""
        return f"{place}{script}：{self.fault}。改法：{self.mend}。"


class CatalogueError(ScriptLibraryError):
    """The catalogue was refused; ``problems`` lists everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(_listing("话术目录", self.problems))


class SpreadsheetError(ScriptLibraryError):
    """The spreadsheet was refused; ``problems`` lists everything that is wrong with it."""

    def __init__(self, problems: Iterable[CellProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__(_listing("话术表格", self.problems))


class InvalidScript(ScriptLibraryError):
    """A stored script does not have the shape of a script."""

    def __init__(self, script_id: str | None, findings: Iterable[Finding]) -> None:
        self.script_id = script_id
        self.findings = tuple(findings)
        faults = "；".join(f"{finding.fault}，{finding.mend}" for finding in self.findings)
        super().__init__(f"话术 {script_id or '（没有编号）'} 无法读取：{faults}")


class TemplateError(ScriptLibraryError):
    """The braces of a text do not make sense."""

    def __init__(self, fault: str, mend: str, position: int) -> None:
        self.fault = fault
        self.mend = mend
        self.position = position
        super().__init__(f"第 {position + 1} 个字处{fault}。改法：{mend}。")


class RenderingError(ScriptLibraryError):
    """A script cannot become a message; it must not be sent."""


class MissingVariable(RenderingError):
    """A variable has neither a value nor a fallback, so the script must not be sent."""

    def __init__(self, variable: str, script_id: str | None = None) -> None:
        self.variable = variable
        self.script_id = script_id
        owner = f"话术 {script_id} " if script_id else "这段文字"
        super().__init__(
            f"{owner}缺少变量「{variable}」的值，不能发送。"
            f"改法：在店铺信息里填写 {variable}，或把它写成 {{{variable}|备用文字}}。"
        )


class UnsendableText(RenderingError):
    """With its variables filled in, a part breaks a limit of the platform."""

    def __init__(self, fault: str, mend: str, script_id: str | None = None) -> None:
        self.fault = fault
        self.mend = mend
        self.script_id = script_id
        owner = f"话术 {script_id} " if script_id else "这段文字"
        super().__init__(f"{owner}填入变量后{fault}，不能发送。改法：{mend}。")


class SensitiveWordsError(ScriptLibraryError):
    """The sensitive-word list cannot be read."""


_LISTED = 20


def _listing(subject: str, problems: tuple[Problem, ...] | tuple[CellProblem, ...]) -> str:
    lines = [f"- {problem}" for problem in problems[:_LISTED]]
    if len(problems) > _LISTED:
        lines.append(f"- ……另有 {len(problems) - _LISTED} 处，改好这些后再检查")
    return "\n".join([f"{subject}有 {len(problems)} 处需要修改：", *lines])
