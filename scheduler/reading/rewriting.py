"""The text of one journey changed in place: what stays the same keeps its lines and comments."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from .faults import KEYS
from .writing import written_entry, written_item, written_value
from .yaml_marks import parse_marked

_HEAD = "version: 1\njourneys:\n"
_ORDER = {key: place for place, key in enumerate((*KEYS["journey"], *KEYS["steps"]))}


class _Unplaced(Exception):
    """A change that cannot be made in place."""


def entry_of(text: str) -> dict[str, Any] | None:
    """The plain data of the one journey in `text`; None if there is not just one."""
    data = parse_marked(text).data
    entries = data.get("journeys") if isinstance(data, dict) else None
    if isinstance(entries, list) and len(entries) == 1 and isinstance(entries[0], dict):
        return entries[0]
    return None


def rewritten(text: str, entry: Mapping[str, Any]) -> str:
    """`text` so that its journey reads as `entry`; steps are known by their ids.

    Comments go where the thing below or beside them goes. What cannot be changed in place is
    written anew, so the outcome always reads as `entry`.
    """
    wanted = dict(entry)
    try:
        changed = _in_place(text, wanted)
    except (_Unplaced, yaml.YAMLError):
        changed = ""
    return changed if _reads_as(entry_of(changed), wanted) else written(wanted)


def _reads_as(entry: dict[str, Any] | None, wanted: dict[str, Any]) -> bool:
    """Whether both say the same; of segments the order counts, too."""
    return entry == wanted and list(entry.get("segments") or ()) == list(
        wanted.get("segments") or ()
    )


def written(entry: Mapping[str, Any]) -> str:
    """A journey's text without any of its earlier writing."""
    return f"{_HEAD}{written_item(dict(entry), 0)}\n"


def _in_place(text: str, wanted: dict[str, Any]) -> str:
    old = entry_of(text)
    if old is None:
        raise _Unplaced
    text = text if text.endswith("\n") else text + "\n"
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return _Patch(text).apply(_journey_node(root), old, wanted)


def _journey_node(root: Any) -> yaml.Node:
    for key, value in root.value:
        if key.value == "journeys" and isinstance(value, yaml.SequenceNode):
            node: yaml.Node = value.value[0]
            return node
    raise _Unplaced


class _Patch:
    """Collects replacements of pieces of a text, which never overlap."""

    def __init__(self, text: str) -> None:
        self._text = text

    def apply(self, node: yaml.Node, old: Any, new: Any) -> str:
        return self._patched(0, len(self._text), self._changes(node, old, new))

    def _patched(self, start: int, end: int, changes: Iterator[tuple[int, int, str]]) -> str:
        pieces, at = [], start
        for begins, ends, put in sorted(changes):
            pieces += [self._text[at:begins], put]
            at = ends
        return "".join([*pieces, self._text[at:end]])

    def _changes(self, node: yaml.Node, old: Any, new: Any) -> Iterator[tuple[int, int, str]]:
        if isinstance(node, yaml.MappingNode) and not node.flow_style and isinstance(new, dict):
            yield from self._mapping(node, old, new)
        elif isinstance(node, yaml.SequenceNode) and not node.flow_style and isinstance(new, list):
            yield from self._sequence(node, old, new)
        else:
            raise _Unplaced

    def _mapping(
        self, node: yaml.MappingNode, old: dict[str, Any], new: dict[str, Any]
    ) -> Iterator[tuple[int, int, str]]:
        keys = [key.value for key, _ in node.value]
        indent = node.value[0][0].start_mark.column
        for name, (key, value) in zip(keys, node.value, strict=True):
            if name not in new:
                yield self._without(key, value)
            elif old[name] != new[name]:
                yield from self._entry(key, value, old[name], new[name], indent)
        for before, group in itertools.groupby(
            (name for name in new if name not in old), lambda name: _before(name, keys, list(new))
        ):
            _, value = node.value[before]
            lines = (written_entry(name, new[name], indent) for name in group)
            put = "".join(f"{' ' * indent}{line}\n" for line in lines)
            end = self._line_after(_end(value, self._text))
            yield end, end, put

    def _entry(
        self, key: yaml.Node, value: yaml.Node, old: Any, new: Any, indent: int
    ) -> Iterator[tuple[int, int, str]]:
        if type(old) is type(new) and old and new:
            try:
                yield from list(self._changes(value, old, new))
                return
            except _Unplaced:
                pass
        yield self._replaced(key, value, written_value(new, indent))

    def _replaced(self, key: yaml.Node, value: yaml.Node, put: str) -> tuple[int, int, str]:
        """A new value after `key:`; a remark behind the old one stays on the first line."""
        colon = self._text.index(":", key.end_mark.index) + 1
        end = _end(value, self._text)
        first, broken, rest = put.partition("\n")
        if not broken:
            return colon, end, put
        line_end = self._line_after(end) - 1
        remark = self._text[end:line_end].rstrip()
        return colon, line_end, f"{first}{remark}{broken}{rest}"

    def _without(self, key: yaml.Node, value: yaml.Node) -> tuple[int, int, str]:
        start = self._line_of(key)
        if self._text[start : key.start_mark.index].strip():
            raise _Unplaced
        return start, self._line_after(_end(value, self._text)), ""

    def _sequence(
        self, node: yaml.SequenceNode, old: list[Any], new: list[Any]
    ) -> Iterator[tuple[int, int, str]]:
        names, wanted = _ids(old), _ids(new)
        if names is None or wanted is None:
            if len(old) != len(new):
                raise _Unplaced
            for item, before, after in zip(node.value, old, new, strict=True):
                if before != after:
                    yield from self._item(node, item, before, after)
            return
        starts = [self._with_remarks(self._line_of(item)) for item in node.value]
        end = self._line_after(_end(node, self._text))
        places = dict(zip(names, range(len(names)), strict=True))
        put = []
        for name, one in zip(wanted, new, strict=True):
            if (place := places.get(name)) is None:
                put.append(f"{' ' * self._dash(node)}{written_item(one, self._dash(node))}\n")
                continue
            changes = self._changes(node.value[place], old[place], one)
            until = starts[place + 1] if place + 1 < len(starts) else end
            put.append(self._patched(starts[place], until, changes))
        yield starts[0], end, "".join(put)

    def _item(
        self, node: yaml.SequenceNode, item: yaml.Node, old: Any, new: Any
    ) -> Iterator[tuple[int, int, str]]:
        if isinstance(old, dict) and isinstance(new, dict):
            try:
                yield from list(self._changes(item, old, new))
                return
            except _Unplaced:
                pass
        put = written_item(new, self._dash(node))[2:]
        if "\n" in put and not isinstance(item, yaml.MappingNode):
            raise _Unplaced
        yield item.start_mark.index, _end(item, self._text), put

    def _dash(self, node: yaml.SequenceNode) -> int:
        column: int = node.start_mark.column
        return column

    def _line_of(self, node: yaml.Node) -> int:
        start: int = node.start_mark.index - node.start_mark.column
        return start

    def _line_after(self, index: int) -> int:
        return self._text.index("\n", index) + 1

    def _with_remarks(self, start: int) -> int:
        """From the comments that stand right above a line."""
        while start:
            above = self._text.rfind("\n", 0, start - 1) + 1
            if not self._text[above:start].lstrip().startswith("#"):
                break
            start = above
        return start


def _end(node: yaml.Node, text: str) -> int:
    """Where the last sign of a value stands; PyYAML's own mark lies behind comments."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(node, yaml.MappingNode) else last, text)
    end: int = node.end_mark.index
    while end > node.start_mark.index and text[end - 1] in " \t\r\n":
        end -= 1
    return end


def _before(name: str, keys: Sequence[str], wanted: Sequence[str]) -> int:
    """Behind which key a new one goes: the last of those that are usually written before it.

    Names that are the shop's own, as those of segments are, follow the order that is wanted.
    """
    if name in _ORDER:
        usual = [n for n, key in enumerate(keys) if _ORDER.get(key, len(_ORDER)) < _ORDER[name]]
        return usual[-1] if usual else len(keys) - 1
    ahead = [key for key in wanted[: wanted.index(name)] if key in keys]
    if not ahead:
        raise _Unplaced
    return keys.index(ahead[-1])


def _ids(items: list[Any]) -> list[str] | None:
    """The ids of a list of steps; None for other lists."""
    ids = [one.get("id") if isinstance(one, dict) else None for one in items]
    known = [one for one in ids if isinstance(one, str)]
    return known if len(known) == len(items) == len(set(known)) and items else None
