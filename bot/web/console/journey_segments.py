"""Segments of a journey added and taken out, with the words that every step has for them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bot.web.console.journey_frame_fields import segments_in
from bot.web.console.plain_fields import Fields, listed, split_words
from scheduler.journey import DEFAULT_SEGMENT
from scheduler.reading.faults import KEYS

NEW = ("new.zh", "new.tags", "new.like")


def with_segments(
    fields: Mapping[str, str], entry: dict[str, Any], everybody: str
) -> dict[str, Any]:
    """`entry` without the segments ticked to go, and with the one that the form describes.

    A first segment leaves the rest of the customers in one called `everybody`: who fits no
    segment does not walk.
    """
    for name in [one for one in segments_in(entry) if fields.get(f"s.{one}.gone")]:
        entry = _without(entry, name)
    label = fields.get("new.zh", "").strip()
    return _with(entry, fields, label, everybody) if label else entry


def _with(
    entry: dict[str, Any], fields: Mapping[str, str], label: str, everybody: str
) -> dict[str, Any]:
    segments = dict(entry.get("segments") or {"others": {"zh": everybody}})
    name = next(one for n in range(1, 999) if (one := f"segment_{n}") not in segments)
    tags = split_words(fields.get("new.tags", ""))
    added = {"zh": label, **({"tags": tags} if tags else {})}
    like = fields.get("new.like", "")

    def write(contents: dict[str, Any]) -> dict[str, Any]:
        source = contents.get(like) or next(iter(contents.values()), None)
        if DEFAULT_SEGMENT in contents or source is None:
            return contents
        return {**contents, name: copy.deepcopy(source)}

    changed = entry | {"segments": dict(_in_order(segments, name, added))}
    return _rewritten(changed, write)


def _in_order(
    segments: Mapping[str, Any], name: str, added: dict[str, Any]
) -> Iterator[tuple[str, Any]]:
    """The first that fits counts, so the new one stands before whoever takes the rest."""
    placed = False
    for each, one in segments.items():
        if not placed and isinstance(one, dict) and not listed(one.get("tags")):
            placed = True
            yield name, added
        yield each, one
    if not placed:
        yield name, added


def _without(entry: dict[str, Any], name: str) -> dict[str, Any]:
    left = {each: one for each, one in entry["segments"].items() if each != name}
    changed = entry | {"segments": left}
    if not left:
        del changed["segments"]

    def write(contents: dict[str, Any]) -> dict[str, Any]:
        return {each: one for each, one in contents.items() if each != name}

    return _rewritten(changed, write)


def _rewritten(
    entry: dict[str, Any], write: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """With the contents of every step and arm that are told apart by segments written anew."""

    def of(holder: Any) -> Any:
        contents = holder.get("content") if isinstance(holder, dict) else None
        if isinstance(contents, dict) and not contents.keys() & set(KEYS["content"]):
            holder = holder | {"content": write(contents)}
        if isinstance(holder, dict) and "variants" in holder:
            holder = holder | {"variants": [of(one) for one in listed(holder["variants"])]}
        return holder

    return entry | {"steps": [of(step) for step in listed(entry.get("steps"))]}


def new_fields(fields: Mapping[str, str]) -> Fields:
    """What the form holds about a segment that is not there yet."""
    return {name: fields.get(name, "") for name in NEW}
