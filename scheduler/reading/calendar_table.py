"""The override table of the calendar, read from YAML."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from ..calendars import Overrides
from ..errors import CalendarError, Problem
from .yaml_marks import MarkedDocument, parse_marked, read_marked

_KEYS = {"version": "版本", "rest": "休息日", "work": "上班日", "silent": "静默日"}
_LEAP_YEAR = 2000


def load_overrides(path: Path | str) -> Overrides:
    """Read the table; raises `CalendarError` with every problem, each with its line."""
    return _read(read_marked(Path(path)), Path(path).name)


def parse_overrides(text: str, *, file: str = "calendar.yml") -> Overrides:
    """Read the table from its text, as a page edits it."""
    return _read(parse_marked(text), file)


def _read(document: MarkedDocument, file: str) -> Overrides:
    reading = _Reading(document, file)
    overrides = reading.run()
    if reading.problems:
        raise CalendarError(reading.problems)
    return overrides


class _Reading:
    def __init__(self, document: MarkedDocument, file: str) -> None:
        self._document = document
        self._file = file
        self.problems = [
            Problem(file, fault.line, None, fault.fault, fault.mend) for fault in document.faults
        ]

    def run(self) -> Overrides:
        data = self._document.data
        if data is None:
            return Overrides()
        if not isinstance(data, dict):
            self._refuse((), "整个文件应当是带键的内容", "写成 rest、work、silent 三组")
            return Overrides()
        for key in data.keys() - _KEYS.keys():
            self._refuse((key,), f"不认识的键「{key}」", f"可用的键：{'、'.join(_KEYS)}")
        rest, work = dict(self._dates(data, "rest")), dict(self._dates(data, "work"))
        for day in rest.keys() & work.keys():
            self._refuse(("work",), f"{day} 又是休息日又是上班日", "只留一处")
        return Overrides(rest, work, dict(self._dates(data, "silent")), dict(self._yearly(data)))

    def _dates(self, data: dict[str, Any], key: str) -> Iterator[tuple[date, str]]:
        for written, name in self._entries(data, key):
            if key == "silent" and _month_day(written) is not None:
                continue
            day = _date(written)
            if day is None:
                also = "，每年都有的写成 12-13" if key == "silent" else ""
                mend = f"写成 2027-02-06 这样的日期{also}"
                self._refuse((key, written), f"日期「{written}」看不懂", mend)
            else:
                yield day, name

    def _yearly(self, data: dict[str, Any]) -> Iterator[tuple[tuple[int, int], str]]:
        for written, name in self._entries(data, "silent"):
            if (pair := _month_day(written)) is not None:
                yield pair, name

    def _entries(self, data: dict[str, Any], key: str) -> Iterator[tuple[str, str]]:
        table = data.get(key)
        if table is None:
            return
        if not isinstance(table, dict):
            self._refuse(
                (key,), f"「{key}」应当是「日期: 名称」", "每个日期一行，如 2027-02-06: 春节"
            )
            return
        for written, name in table.items():
            yield written, str(name or _KEYS[key])

    def _refuse(self, path: tuple[str | int, ...], fault: str, mend: str) -> None:
        line = self._document.line_of(path)
        problem = Problem(self._file, line, None, fault, mend)
        if problem not in self.problems:
            self.problems.append(problem)


def _date(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


def _month_day(written: str) -> tuple[int, int] | None:
    day = _date(f"{_LEAP_YEAR}-{written}")
    return (day.month, day.day) if day is not None else None
