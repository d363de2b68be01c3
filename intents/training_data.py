"""Training data in Rasa's NLU YAML: read strictly, so that a slip is named and not learnt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from intents.annotations import ENTITIES, Annotation, AnnotationFault, parse_annotated
from intents.errors import TrainingDataError
from intents.normalize import normal_text
from intents.taxonomy import OUT_OF_SCOPE, Taxonomy, load_taxonomy
from intents.yaml_mends import yaml_mend

DATA_FOLDER = Path(__file__).with_name("data")
_KINDS = ("intent", "synonym", "lookup", "regex")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Example:
    """One utterance with its label and where it was written."""

    text: str
    intent: str
    annotations: tuple[Annotation, ...] = ()
    path: Path | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Everything an engine learns from."""

    examples: tuple[Example, ...]
    synonyms: dict[str, str] = field(default_factory=dict)
    lookups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    regexes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """How many examples each label has."""
        counted: dict[str, int] = {}
        for example in self.examples:
            counted[example.intent] = counted.get(example.intent, 0) + 1
        return counted


def data_files(folder: Path = DATA_FOLDER) -> tuple[Path, ...]:
    """The YAML files of a folder in a fixed order."""
    return tuple(sorted(folder.glob("*.yml")))


def load_training_data(
    paths: Iterable[Path] | None = None, taxonomy: Taxonomy | None = None
) -> TrainingData:
    """Read and check the files (the shipped ones by default); the first fault is raised."""
    reading = _read(paths, taxonomy)
    if reading.faults:
        raise reading.faults[0]
    if not reading.examples:
        raise TrainingDataError("没有任何训练语料", mend="请至少放一个 nlu YAML 文件")
    return reading.result()


def check_training_data(
    paths: Iterable[Path] | None = None, taxonomy: Taxonomy | None = None
) -> tuple[TrainingDataError, ...]:
    """Every fault of the files, for showing them all at once."""
    return tuple(_read(paths, taxonomy).faults)


@dataclass(slots=True)
class _Item:
    kind: str
    name: str
    lines: tuple[tuple[int, str], ...]
    path: Path


class _Reading:
    def __init__(self, taxonomy: Taxonomy) -> None:
        self._labels = {*taxonomy.names, OUT_OF_SCOPE}
        self.faults: list[TrainingDataError] = []
        self.examples: list[Example] = []
        self._seen: dict[str, Example] = {}
        self._synonyms: dict[str, str] = {}
        self._lookups: dict[str, list[str]] = {}
        self._regexes: dict[str, list[str]] = {}

    def result(self) -> TrainingData:
        return TrainingData(
            examples=tuple(self.examples),
            synonyms=self._synonyms,
            lookups={name: tuple(phrases) for name, phrases in self._lookups.items()},
            regexes={name: tuple(patterns) for name, patterns in self._regexes.items()},
        )

    def read(self, path: Path) -> None:
        try:
            for item in _items(path):
                getattr(self, f"_take_{item.kind}")(item)
        except TrainingDataError as fault:
            self.faults.append(fault)

    def _take_intent(self, item: _Item) -> None:
        if item.name not in self._labels:
            self._fault(
                item, f"意图 {item.name} 不在意图表里", mend="请改名，或先加进 intents.yml"
            )
            return
        for line, source in item.lines:
            try:
                text, annotations = parse_annotated(source)
            except AnnotationFault as fault:
                what, _, mend = str(fault).partition("。")
                self._fault(item, what, mend=mend, line=line)
                continue
            self._take_example(Example(text, item.name, annotations, item.path, line), item)

    def _take_example(self, example: Example, item: _Item) -> None:
        key = normal_text(example.text).replace(" ", "")
        known = self._seen.setdefault(key, example)
        if known is example:
            self.examples.append(example)
        elif known.intent != example.intent:
            where = f"{known.path.name if known.path else ''}:{known.line}"
            self._fault(
                item,
                f"“{example.text}”在 {example.intent} 和 {known.intent}（{where}）里各写了一次",
                mend="同一句话只能属于一个意图，请删掉一处",
                line=example.line,
            )

    def _take_synonym(self, item: _Item) -> None:
        self._synonyms.update({phrase: item.name for _, phrase in item.lines})

    def _take_lookup(self, item: _Item) -> None:
        if self._knows_entity(item):
            self._lookups.setdefault(item.name, []).extend(phrase for _, phrase in item.lines)

    def _take_regex(self, item: _Item) -> None:
        if not self._knows_entity(item):
            return
        for line, pattern in item.lines:
            try:
                re.compile(pattern)
            except re.error as error:
                self._fault(item, f"正则写错了（{error}）", mend="请改好这个表达式", line=line)
            else:
                self._regexes.setdefault(item.name, []).append(pattern)

    def _knows_entity(self, item: _Item) -> bool:
        if item.name in ENTITIES:
            return True
        self._fault(item, f"不认识的实体 {item.name}", mend=f"可用的有：{'、'.join(ENTITIES)}")
        return False

    def _fault(self, item: _Item, what: str, *, mend: str, line: int = 0) -> None:
        first = item.lines[0][0] - 1 if item.lines else 0
        self.faults.append(TrainingDataError(what, mend=mend, path=item.path, line=line or first))


def _read(paths: Iterable[Path] | None, taxonomy: Taxonomy | None) -> _Reading:
    reading = _Reading(taxonomy or load_taxonomy())
    for path in data_files() if paths is None else paths:
        reading.read(path)
    return reading


def _items(path: Path) -> Iterator[_Item]:
    root = _compose(path)
    keys = _mapping(root, path)
    for key, node in keys.items():
        if key not in ("version", "nlu"):
            raise _at(node, path, f"不认识的顶层键 {key}", mend="这里只能有 version 和 nlu")
    listed = keys.get("nlu")
    if not isinstance(listed, yaml.SequenceNode):
        raise _at(root, path, "缺少 nlu 列表", mend="请按 nlu: 下面一项项 - intent: … 书写")
    for node in listed.value:
        yield _item(node, path)


def _item(node: yaml.Node, path: Path) -> _Item:
    keys = _mapping(node, path)
    kinds = [kind for kind in _KINDS if kind in keys]
    for key, value in keys.items():
        if key not in (*_KINDS, "examples"):
            raise _at(
                value,
                path,
                f"不认识的键 {key}",
                mend="可用的有：intent、synonym、lookup、regex、examples",
            )
    if len(kinds) != 1:
        raise _at(
            node, path, "一项里要有且只有一种", mend="请写 intent、synonym、lookup、regex 之一"
        )
    name = keys[kinds[0]]
    if not isinstance(name, yaml.ScalarNode) or not name.value:
        raise _at(name, path, f"{kinds[0]} 的名字是空的", mend="请写上名字")
    lines = tuple(_lines(keys.get("examples"), path))
    if not lines:
        raise _at(node, path, f"{name.value} 没有例句", mend="请在 examples: | 下面每行写一句 - …")
    return _Item(kinds[0], str(name.value), lines, path)


def _lines(node: yaml.Node | None, path: Path) -> Iterator[tuple[int, str]]:
    if isinstance(node, yaml.SequenceNode):
        yield from _listed(node.value, path)
    elif isinstance(node, yaml.ScalarNode):
        yield from _block(node, path)


def _block(node: yaml.ScalarNode, path: Path) -> Iterator[tuple[int, str]]:
    first = node.start_mark.line + (2 if node.style == "|" else 1)
    for offset, raw in enumerate(str(node.value).splitlines()):
        text = raw.strip()
        if not text:
            continue
        if not text.startswith("- ") or not text[2:].strip():
            raise TrainingDataError(
                f"例句“{text}”不以 - 开头或是空的",
                mend="请写成“- 例句”",
                path=path,
                line=first + offset,
            )
        yield first + offset, text[2:].strip()


def _listed(nodes: Sequence[yaml.Node], path: Path) -> Iterator[tuple[int, str]]:
    for node in nodes:
        text = _mapping(node, path).get("text") if isinstance(node, yaml.MappingNode) else node
        if not isinstance(text, yaml.ScalarNode) or not str(text.value).strip():
            raise _at(node, path, "例句是空的", mend="请写上例句，或删掉这一行")
        yield text.start_mark.line + 1, str(text.value).strip()


def _compose(path: Path) -> yaml.Node:
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise TrainingDataError("文件读不到", mend="请检查路径和权限", path=path) from error
    except UnicodeDecodeError as error:
        raise TrainingDataError("不是 UTF-8 编码", mend="请另存为 UTF-8", path=path) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise TrainingDataError(
            "不是合法的 YAML", mend=yaml_mend(error), path=path, line=line
        ) from error
    except yaml.YAMLError as error:
        raise TrainingDataError("不是合法的 YAML", mend="请检查特殊字符", path=path) from error
    if root is None:
        raise TrainingDataError("文件是空的", mend="请写上 version 和 nlu", path=path)
    return root


def _mapping(node: yaml.Node, path: Path) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise _at(node, path, "这里要写成键值", mend="例如 intent: ask_price")
    return {str(key.value): value for key, value in node.value}


def _at(node: yaml.Node, path: Path, fault: str, *, mend: str) -> TrainingDataError:
    return TrainingDataError(fault, mend=mend, path=path, line=node.start_mark.line + 1)
