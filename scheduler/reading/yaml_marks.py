"""YAML read together with the line of every key and item, so that errors can point at it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Step = str | int
MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 20
_WIDE_COLON = re.compile(r"\s*(?:- )?[a-z_]+：")
_TIGHT_COLON = re.compile(r"\s*(?:- )?[a-z_]+:[^\s:]")
_WIDE_BRACKET = re.compile("[｛｝［］]")
_SECOND_COLON = re.compile(r"""[{,]\s*[a-z_]+: [^"'{}\[\],]*: """)
_SWALLOWED = re.compile(r"""\{[^}"']*\s#""")
_ODD_START = re.compile(r"(?:: |- |[\[{,]\s*)([@`%*&!])")
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?")
_WORDS = ("text", "title", "desc", "todo", "purpose", "note", "name")
_SENT = ("text", "title", "desc", "todo")

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a YAML file cannot be used; `line` counts from 1."""

    line: int | None
    fault: str
    mend: str


@dataclass(frozen=True, slots=True)
class MarkedDocument:
    """Plain data, the line of each path in it, and what is wrong with the writing."""

    data: Any
    lines: dict[tuple[Step, ...], int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    def line_of(self, path: tuple[Step, ...]) -> int | None:
        """The line of `path`, or of the nearest thing that contains it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def read_marked(path: Path) -> MarkedDocument:
    """Read a YAML file; anything wrong with the writing is a fault, never an exception."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return _refused(None, "没有这个文件", "检查文件名和路径")
    except OSError:
        return _refused(None, "文件打不开", "检查是不是文件、有没有读取权限")
    if len(raw) > MAX_BYTES:
        return _refused(None, f"文件超过 {MAX_BYTES // 1024 // 1024} MB", "拆成几个文件")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _refused(line, "文件不是 UTF-8 编码", "用编辑器另存为 UTF-8")
    return parse_marked(text)


def parse_marked(text: str) -> MarkedDocument:
    if (unprintable := yaml.reader.Reader.NON_PRINTABLE.search(text)) is not None:
        place = text.count("\n", 0, unprintable.start()) + 1
        return _refused(place, "文件里有不可见的控制字符", "删掉这个字符后重新保存")
    loader = None
    try:
        if (line := _too_deep(text)) is not None:
            return _refused(line, "内容嵌套太深", "对照格式说明减少层级")
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return MarkedDocument(None)
        return _Marking(loader, text).document(node)
    except yaml.YAMLError as error:
        return _refused(*_syntax_fault(error, text))
    finally:
        if loader is not None:
            loader.dispose()


def _too_deep(text: str) -> int | None:
    """The line at which nesting passes the limit; composing it would overflow the C stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                return event.start_mark.line + 1 if event.start_mark else 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


class _Marking:
    """Builds plain data from YAML nodes and notes lines and double keys on the way."""

    def __init__(self, loader: Any, text: str) -> None:
        self._loader = loader
        self._text = text.splitlines()
        self._lines: dict[tuple[Step, ...], int] = {}
        self._faults: list[Fault] = []
        self._seen: set[int] = set()

    def document(self, node: yaml.Node) -> MarkedDocument:
        self._lines[()] = node.start_mark.line + 1
        data = self._value(node, ())
        return MarkedDocument(data, self._lines, tuple(self._faults))

    def _value(self, node: yaml.Node, path: tuple[Step, ...]) -> Any:
        if id(node) in self._seen:
            mend = "把内容直接写出来"
            self._fault(node, "不支持 YAML 的引用（*名字）", mend)
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return dict(self._entries(node, path))
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*path, i)) for i, item in enumerate(node.value)]
        return self._scalar(node)

    def _entries(self, node: yaml.MappingNode, path: tuple[Step, ...]) -> Iterator[Any]:
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            if key in seen:
                self._fault(
                    key_node, f"同一条里「{key}」写了两次", "只留一个；要是新的一项，前面写「- 」"
                )
                continue
            seen.add(key)
            self._lines[(*path, key)] = key_node.start_mark.line + 1
            if key in _WORDS and isinstance(value_node, yaml.ScalarNode):
                self._check_words(key, value_node)
            yield key, self._value(value_node, (*path, key))

    def _check_words(self, key: str, node: yaml.ScalarNode) -> None:
        """What YAML takes another way than whoever wrote words without quotes meant."""
        if node.style in ("'", '"', "|", ">"):
            return
        if node.value[:1] in "“”" and node.value[-1:] in "“”" and len(node.value) > 1:
            mend = "改成英文引号；真要中文引号，外面再加一对英文引号"
            self._fault(node, f"「{key}」用了中文引号，会一起发出去", mend)
        rest = self._text[node.end_mark.line][node.end_mark.column :]
        if key in _SENT and rest.lstrip().startswith("#"):
            self._fault(node, "「#」前面有空格，后面的字成了注释，不会发出去", "整段加英文双引号")

    def _item(self, node: yaml.Node, path: tuple[Step, ...]) -> Any:
        self._lines[path] = node.start_mark.line + 1
        return self._value(node, path)

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            return self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError):
            if _DATE.fullmatch(node.value):
                self._fault(node, f"没有 {node.value} 这一天", "改成日历上有的日期")
            else:
                mend = "检查日期或数字的写法，文字加双引号"
                self._fault(node, f"「{node.value}」看不懂", mend)
            return None

    def _fault(self, node: yaml.Node, fault: str, mend: str) -> None:
        self._faults.append(Fault(node.start_mark.line + 1, fault, mend))


def _refused(line: int | None, fault: str, mend: str) -> MarkedDocument:
    return MarkedDocument(None, faults=(Fault(line, fault, mend),))


def _syntax_fault(error: yaml.YAMLError, text: str) -> tuple[int | None, str, str]:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark is not None else None
    detail = str(getattr(error, "problem", None) or error)
    if (seen := _seen_fault(text, line)) is not None:
        return seen
    if "\\t" in repr(detail) or "tab" in detail or "cannot start any token" in detail:
        return line, "这里用了制表符（Tab）或 YAML 不允许的字符", "缩进一律用空格，文字加双引号"
    if "mapping values are not allowed" in detail:
        return line, "冒号的位置不对", "冒号后空一格；文字里带冒号时整段加双引号"
    if "found another document" in detail:
        return line, "一个文件里有两份内容（---）", "拆成两个文件，或删掉 ---"
    if "expected key" in detail or "expected '-'" in detail or "block end" in detail:
        return line, "这一行的缩进和同级的行没有对齐", "同级的行前面空一样多的格"
    if any(one in detail for one in ("end of stream", "stream end", "expected ',' or", "content")):
        return line, "引号或括号没有成对", "检查这一行和上面的引号、{}、[]，都用英文的"
    if "expected ':'" in detail:
        return line, "缺少英文冒号", "键后面写英文冒号再空一格"
    return line, "YAML 写法有误", "检查这一行和上一行的缩进、冒号、引号"


_SIGHTS = (
    (_WIDE_COLON, "键后面用了中文冒号「：」", "改成英文冒号加一个空格「: 」"),
    (_TIGHT_COLON, "冒号后面少一个空格", "键后面写英文冒号再空一格，例如 kind: nudge"),
    (_WIDE_BRACKET, "用了中文括号", "改成英文的 { } 或 [ ]"),
    (_SWALLOWED, "「#」前面有空格，后面的都成了注释", "整段文字加英文双引号"),
    (_SECOND_COLON, "文字里有冒号，被当成了键", "整段文字加英文双引号"),
)
"""What the parser stumbles over only later, or says nothing useful about."""


def _seen_fault(text: str, line: int | None) -> tuple[int, str, str] | None:
    """A well-known slip in the line of an error, or just above it."""
    lines = text.splitlines()
    for place in (line, (line or 1) - 1):
        if not place or place > len(lines):
            continue
        written = lines[place - 1]
        for sight, fault, mend in _SIGHTS:
            if sight.match(written) or (sight in _ANYWHERE and sight.search(written)):
                return place, fault, mend
        if (odd := _ODD_START.search(written)) is not None:
            return place, f"文字以「{odd[1]}」开头", "整段文字加英文双引号"
    return None


_ANYWHERE = (_WIDE_BRACKET, _SWALLOWED, _SECOND_COLON)
