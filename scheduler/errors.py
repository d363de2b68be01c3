from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class SchedulerError(Exception):
    """A plan cannot be made from what was written, and a person can mend it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a file: where it is, what is wrong and how to mend it.

    `path` leads to it inside its journey, such as ``("steps", 0, "at")``.
    """

    file: str
    line: int | None
    owner: str | None
    fault: str
    mend: str
    path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        line = f" 第 {self.line} 行" if self.line is not None else ""
        owner = f"（{self.owner}）" if self.owner else ""
        return f"{self.file}{line}{owner}：{self.fault}。改法：{self.mend}。"


class _Refused(SchedulerError):
    subject = "文件"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        listing = "\n".join(f"- {problem}" for problem in self.problems)
        super().__init__(f"{self.subject}有 {len(self.problems)} 处需要修改：\n{listing}")


class JourneyError(_Refused):
    """Journeys were refused; ``problems`` lists everything that is wrong with them."""

    subject = "旅程"


class CalendarError(_Refused):
    """The calendar's override table was refused; ``problems`` lists all that is wrong."""

    subject = "日历补充表"


class BudgetError(SchedulerError):
    """A limit of the budget makes no sense."""

    def __init__(self, name: str, fault: str, mend: str) -> None:
        self.name = name
        super().__init__(f"触达额度「{name}」{fault}。改法：{mend}。")


class UnknownJourney(SchedulerError, KeyError):
    """An enrolment names a journey that is not loaded."""

    def __init__(self, journey: str) -> None:
        self.journey = journey
        message = f"没有编号为「{journey}」的旅程。改法：恢复这个旅程的文件，或先结束它的入组。"
        super().__init__(message)

    def __str__(self) -> str:
        return str(self.args[0])
