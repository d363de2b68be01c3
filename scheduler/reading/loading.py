"""Journeys from YAML files: read, checked as a whole, and refused with every fault at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cohorts import share_tags
from ..errors import JourneyError, Problem
from ..journey import DEFAULT_SEGMENT, Journey
from .checks import Vocabulary, check_journey
from .faults import Finding, suggestion
from .faults import Path as Place
from .schema import read_entry
from .yaml_marks import MarkedDocument, parse_marked, read_marked

FORMAT_VERSION = 1
SHIPPED = Path(__file__).parent.parent / "journeys"
_FILE_KEYS = ("version", "journeys")


@dataclass(frozen=True, slots=True)
class JourneyBook:
    """Checked journeys in file order, and the folder in which their images lie."""

    journeys: tuple[Journey, ...]
    root: Path | None = None

    def __iter__(self) -> Iterator[Journey]:
        return iter(self.journeys)

    def __len__(self) -> int:
        return len(self.journeys)

    def get(self, journey_id: str) -> Journey | None:
        return next((journey for journey in self.journeys if journey.id == journey_id), None)


def load_journeys(
    path: Path | str = SHIPPED,
    *,
    stages: Collection[str] | None = None,
    scripts: Collection[str] | None = None,
    variables: Collection[str] | None = None,
) -> JourneyBook:
    """Load a journey file or a folder of them; raises `JourneyError` with every problem.

    `stages`, `scripts` and `variables` are the known names (None: any).
    """
    place = Path(path)
    reading = _Reading(_vocabulary(place, stages, scripts, variables))
    if place.is_dir():
        for file in sorted(place.glob("*.yml")):
            reading.read(file.name, read_marked(file))
        if not reading.files:
            reading.refuse(place.name, None, None, "目录里没有旅程文件", "放入 .yml 文件")
    else:
        reading.read(place.name, read_marked(place))
    return reading.book()


def parse_journeys(
    text: str,
    *,
    file: str = "journeys.yml",
    root: Path | None = None,
    more_roots: Iterable[Path] = (),
    stages: Collection[str] | None = None,
    scripts: Collection[str] | None = None,
    variables: Collection[str] | None = None,
) -> JourneyBook:
    """Read journeys from the text of one file, as a page edits it; refused like a file.

    Images lie under `root`, or under one of `more_roots` as what was uploaded does.
    """
    roots = (root, *more_roots) if root is not None else ()
    reading = _Reading(Vocabulary(stages, scripts, variables, roots))
    reading.read(file, parse_marked(text))
    return reading.book()


def _vocabulary(
    place: Path,
    stages: Collection[str] | None,
    scripts: Collection[str] | None,
    variables: Collection[str] | None,
) -> Vocabulary:
    root = place if place.is_dir() else place.parent
    return Vocabulary(stages, scripts, variables, (root,))


class _Reading:
    """Collects journeys and problems over several files."""

    def __init__(self, known: Vocabulary) -> None:
        self._known = known
        self._journeys: list[Journey] = []
        self._homes: dict[str, str] = {}
        self.problems: list[Problem] = []
        self.files = 0

    def book(self) -> JourneyBook:
        if self.problems:
            raise JourneyError(sorted(self.problems, key=_place))
        return JourneyBook(tuple(self._journeys), next(iter(self._known.roots), None))

    def read(self, file: str, document: MarkedDocument) -> None:
        self.files += 1
        for fault in document.faults:
            self.refuse(file, fault.line, None, fault.fault, fault.mend)
        data = document.data
        if not isinstance(data, dict):
            if not document.faults:
                mend = "写 version: 1 和 journeys: 列表"
                self.refuse(file, 1, None, "文件里没有旅程", mend)
            return
        self._check_head(file, document, data)
        entries = data.get("journeys")
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            self._read_journey(file, document, index, entry)

    def refuse(
        self,
        file: str,
        line: int | None,
        owner: str | None,
        fault: str,
        mend: str,
        path: Place = (),
    ) -> None:
        self.problems.append(Problem(file, line, owner, fault, mend, path))

    def _check_head(self, file: str, document: MarkedDocument, data: dict[str, Any]) -> None:
        for key in data.keys() - set(_FILE_KEYS):
            line = document.line_of((key,))
            self.refuse(file, line, None, f"不认识的键「{key}」", suggestion(key, _FILE_KEYS))
        if data.get("version") != FORMAT_VERSION:
            line = document.line_of(("version",))
            self.refuse(file, line, None, "缺少版本号，或版本号不认识", "第一行写 version: 1")
        if not isinstance(data.get("journeys"), list) or not data["journeys"]:
            line = document.line_of(("journeys",))
            self.refuse(file, line, None, "journeys 应当是旅程的列表", "每个旅程前面写「- 」")

    def _read_journey(
        self, file: str, document: MarkedDocument, index: int, entry: object
    ) -> None:
        outcome = read_entry(entry)
        owner = entry.get("id") if isinstance(entry, dict) else None
        owner = owner if isinstance(owner, str) else None
        if isinstance(outcome, Journey):
            findings: Iterable[Finding] = check_journey(outcome, self._known)
            self._take(file, document, index, outcome)
        else:
            findings = outcome
        unreadable = {fault.line for fault in document.faults}
        for finding in findings:
            line = document.line_of(_as_written(document, ("journeys", index, *finding.path)))
            if line in unreadable:
                continue
            self.refuse(file, line, owner, finding.fault, finding.mend, finding.path)

    def _take(self, file: str, document: MarkedDocument, index: int, journey: Journey) -> None:
        if (home := self._homes.get(journey.id)) is not None:
            line = document.line_of(("journeys", index, "id"))
            fault = f"编号「{journey.id}」在 {home} 里已经用过"
            self.refuse(file, line, journey.id, fault, "换一个编号")
            return
        for other in self._journeys:
            if share_tags(journey, other):
                line = document.line_of(("journeys", index, "cohort"))
                shared = shared_tags_fault(other)
                self.refuse(file, line, journey.id, shared.fault, shared.mend, shared.path)
        self._homes[journey.id] = file
        self._journeys.append(journey)


def _as_written(document: MarkedDocument, path: Place) -> Place:
    """Content of everybody may stand under `default` or in its step itself."""
    if "content" not in path:
        return path
    inside = path.index("content") + 1
    under = (*path[:inside], DEFAULT_SEGMENT)
    elsewhere = inside < len(path) and path[: inside + 1] in document.lines
    return path if elsewhere or under not in document.lines else (*under, *path[inside:])


def shared_tags_fault(other: Journey) -> Finding:
    """What is wrong with a journey whose posts go to the tags of an `other`."""
    fault = f"和「{other.id}」用了同样的批次标签，两边的人会看到对方的朋友圈"
    return Finding(("cohort", "tag_prefix"), fault, "在 cohort 里换一个 tag_prefix")


def _place(problem: Problem) -> tuple[str, int]:
    return problem.file, problem.line or 0
