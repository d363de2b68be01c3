"""The catalogue: script files loaded, checked as a whole, and written back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .checks import Vocabulary, check_script, duplicate_texts
from .errors import CatalogueError, Finding, Problem
from .faults import suggestion
from .model import Script
from .schema import read_entry, salvage
from .yaml_marks import MarkedDocument, read_marked

FORMAT_VERSION = 1
FILE_KEYS = ("version", "defaults", "scripts")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a script is written."""

    file: str
    line: int | None

    def __str__(self) -> str:
        return f"{self.file} 第 {self.line} 行" if self.line is not None else self.file


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Checked scripts in file order, the folder of their assets, and where each is written."""

    scripts: tuple[Script, ...]
    root: Path
    sources: Mapping[str, Source] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Script]:
        return iter(self.scripts)

    def __len__(self) -> int:
        return len(self.scripts)


def load_catalogue(
    path: Path | str,
    *,
    intents: Collection[str] | None = None,
    stages: Collection[str] | None = None,
    variables: Collection[str] = (),
) -> Catalogue:
    """Load a catalogue file or folder; raises `CatalogueError` with every problem found.

    `intents` and `stages` are the known names (None: any), `variables` the shop's own.
    """
    reading = _Reading(Path(path), Vocabulary(intents, stages, variables))
    reading.run()
    if reading.problems:
        raise CatalogueError(reading.problems)
    return reading.catalogue


def check_catalogue(
    path: Path | str,
    *,
    intents: Collection[str] | None = None,
    stages: Collection[str] | None = None,
    variables: Collection[str] = (),
) -> tuple[Problem, ...]:
    """Every problem of a catalogue file or folder, empty when it is in order."""
    reading = _Reading(Path(path), Vocabulary(intents, stages, variables))
    reading.run()
    return tuple(reading.problems)


def dump_catalogue(scripts: Iterable[Script]) -> str:
    """The scripts as the text of one catalogue file; loading it gives equal scripts."""
    document = {
        "version": FORMAT_VERSION,
        "scripts": [script.as_entry() for script in scripts],
    }
    return yaml.dump(
        document, Dumper=_CatalogueDumper, allow_unicode=True, sort_keys=False, width=99
    )


class _CatalogueDumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    words = all(isinstance(item, str) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=words)


_CatalogueDumper.add_representer(list, _represent_list)
_CatalogueDumper.add_representer(str, _represent_text)


class _Reading:
    """One pass over the files that keeps going after a fault, to report them all."""

    def __init__(self, path: Path, vocabulary: Vocabulary) -> None:
        self._path = path
        self._root = path if path.is_dir() else path.parent
        self._vocabulary = vocabulary
        self._scripts: list[Script] = []
        self._sources: dict[str, Source] = {}
        self._noted: dict[Problem, None] = {}

    @property
    def problems(self) -> list[Problem]:
        return sorted(self._noted, key=lambda problem: (problem.file, problem.line or 0))

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(tuple(self._scripts), self._root, self._sources)

    def run(self) -> None:
        for file in self._files():
            self._read_file(file)
        for first, repeated in duplicate_texts(self._scripts):
            source = self._sources[repeated.id]
            fault = f"内容与 {first.id}（{self._sources[first.id]}）完全相同"
            self._note(source.file, source.line, repeated.id, fault, "合并成一条，或改写其中一条")

    def _files(self) -> list[Path]:
        if not self._path.is_dir():
            return [self._path]
        files = [
            file
            for file in sorted(self._path.rglob("*"))
            if file.suffix in (".yml", ".yaml") and not file.name.startswith(".")
        ]
        if not files:
            self._note(str(self._path), None, None, "目录里没有话术文件", "放入 .yml 话术文件")
        return files

    def _read_file(self, file: Path) -> None:
        name = str(file.relative_to(self._root))
        document = read_marked(file)
        for fault in document.faults:
            self._note(name, fault.line, None, fault.fault, fault.mend)
        if document.data is None and document.faults:
            return
        if self._file_shape_is_wrong(name, document):
            return
        defaults = document.data.get("defaults") or {}
        for position, entry in enumerate(document.data["scripts"]):
            self._read_entry(name, document, position, _merged(defaults, entry))

    def _file_shape_is_wrong(self, name: str, document: MarkedDocument) -> bool:
        data = document.data
        faults = list(_file_faults(data))
        for path, fault, mend in faults:
            self._note(name, document.line_of(path), None, fault, mend)
        return not isinstance(data, dict) or not isinstance(data.get("scripts"), list)

    def _read_entry(self, name: str, document: MarkedDocument, position: int, entry: Any) -> None:
        given = entry.get("id") if isinstance(entry, dict) else None
        script_id = given if isinstance(given, str) else None
        outcome = read_entry(entry)
        refused = outcome if isinstance(outcome, list) else []
        script = outcome if isinstance(outcome, Script) else salvage(entry, refused)
        for finding in (*refused, *self._check(script)):
            self._note_finding(name, document, position, script_id, finding)
        if script is not None and script.id == script_id:
            source = Source(name, document.line_of(("scripts", position, "id")))
            self._add(script, source, complete=not refused)

    def _check(self, script: Script | None) -> Iterator[Finding]:
        if script is not None:
            yield from check_script(script, self._vocabulary, assets=self._root)

    def _add(self, script: Script, source: Source, *, complete: bool) -> None:
        first = self._sources.get(script.id)
        if first is None:
            self._sources[script.id] = source
            if complete:
                self._scripts.append(script)
            return
        fault = f"编号与 {first} 的话术重复"
        self._note(source.file, source.line, script.id, fault, "给其中一条换一个编号")

    def _note_finding(
        self,
        name: str,
        document: MarkedDocument,
        position: int,
        script_id: str | None,
        finding: Finding,
    ) -> None:
        own, shared = ("scripts", position, *finding.path), ("defaults", *finding.path)
        if own not in document.lines and shared in document.lines:
            line = document.lines[shared]
            self._note(name, line, None, finding.fault, finding.mend)
        else:
            self._note(name, document.line_of(own), script_id, finding.fault, finding.mend)

    def _note(
        self, file: str, line: int | None, script_id: str | None, fault: str, mend: str
    ) -> None:
        self._noted[Problem(file, line, script_id, fault, mend)] = None


def _file_faults(data: Any) -> Iterator[tuple[tuple[str, ...], str, str]]:
    if not isinstance(data, dict):
        yield (), "文件不是话术目录", "最外层写 version: 1 和 scripts:"
        return
    for key in data:
        if key not in FILE_KEYS:
            yield (key,), f"不认识的键「{key}」", suggestion(key, FILE_KEYS)
    if data.get("version") != FORMAT_VERSION:
        yield ("version",), "格式版本不对", f"第一行写 version: {FORMAT_VERSION}"
    if not isinstance(data.get("scripts"), list):
        yield ("scripts",), "缺少话术列表 scripts", "写 scripts: 并在下面用「- 」逐条列出话术"
    defaults = data.get("defaults")
    if defaults is not None and not isinstance(defaults, dict):
        yield (
            ("defaults",),
            "defaults 不是带键的一组内容",
            "写成「键: 值」，例如 tags: {tone: 亲切}",
        )
    elif defaults and "id" in defaults:
        yield ("defaults", "id"), "defaults 里不能写编号", "把 id 写到每条话术里"


def _merged(defaults: Any, entry: Any) -> Any:
    if not isinstance(defaults, dict) or not isinstance(entry, dict):
        return entry
    merged = dict(defaults)
    for key, value in entry.items():
        merged[key] = _merged(defaults[key], value) if key in defaults else value
    return merged
