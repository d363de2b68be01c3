"""Rasa's inline entity notation: `[加大码]{"entity": "size", "value": "XL"}`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

ENTITIES = (
    "product",
    "size",
    "color",
    "quantity",
    "price",
    "phone",
    "order_no",
    "time",
    "courier",
    "city",
    "store",
)
_ANNOTATED = re.compile(r"\[(?P<text>[^\[\]]+)\](?:\((?P<name>[^()]*)\)|(?P<json>\{[^{}]*\}))")


class AnnotationFault(ValueError):
    """An annotation cannot be read; the message is in Chinese and ends with the mend."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A marked phrase of an example, in the coordinates of the plain text."""

    name: str
    value: str
    start: int
    end: int


def parse_annotated(line: str) -> tuple[str, tuple[Annotation, ...]]:
    """Split an annotated example into its plain text and its entities."""
    plain: list[str] = []
    annotations: list[Annotation] = []
    length = position = 0
    for match in _ANNOTATED.finditer(line):
        before, phrase = line[position : match.start()], match["text"]
        name, value = _name_and_value(match)
        start = length + len(before)
        annotations.append(Annotation(name, value, start, start + len(phrase)))
        plain += (before, phrase)
        length, position = start + len(phrase), match.end()
    return "".join(plain) + line[position:], tuple(annotations)


def render_annotated(text: str, annotations: tuple[Annotation, ...]) -> str:
    """The reverse of `parse_annotated`, for exporting."""
    parts: list[str] = []
    position = 0
    for mark in sorted(annotations, key=lambda one: one.start):
        phrase = text[mark.start : mark.end]
        parts += (text[position : mark.start], f"[{phrase}]{_tail(mark, phrase)}")
        position = mark.end
    return "".join(parts) + text[position:]


def _tail(mark: Annotation, phrase: str) -> str:
    if mark.value == phrase:
        return f"({mark.name})"
    return json.dumps({"entity": mark.name, "value": mark.value}, ensure_ascii=False)


def _name_and_value(match: re.Match[str]) -> tuple[str, str]:
    if match["json"] is None:
        name, value = match["name"], match["text"]
    else:
        name, value = _from_json(match["json"], match["text"])
    if name not in ENTITIES:
        raise AnnotationFault(f"不认识的实体 {name}。可用的有：{'、'.join(ENTITIES)}")
    return name, value


def _from_json(source: str, phrase: str) -> tuple[str, str]:
    try:
        marks = json.loads(source)
        return str(marks["entity"]), str(marks.get("value", phrase))
    except (ValueError, KeyError) as error:
        raise AnnotationFault(
            f'实体标注 {source} 读不懂。请写成 {{"entity": "size", "value": "XL"}}'
        ) from error
