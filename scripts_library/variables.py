"""Texts with variables: ``{name}``, ``{name|fallback}``, literal braces doubled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from .errors import MissingVariable, TemplateError

STANDARD_VARIABLES = ("customer_name", "guide_name", "shop_name")

_BIDI_CONTROLS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_UNPRINTABLE = {
    code: None for code in (*range(32), *range(127, 160), *map(ord, _BIDI_CONTROLS)) if code != 10
}


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A place for a variable; without a fallback the variable must have a value."""

    name: str
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text: literal pieces and placeholders, in order."""

    pieces: tuple[str | Placeholder, ...]

    @property
    def placeholders(self) -> tuple[Placeholder, ...]:
        return tuple(piece for piece in self.pieces if isinstance(piece, Placeholder))

    @property
    def required(self) -> frozenset[str]:
        """Variables that must have a value, because one of their places has no fallback."""
        return frozenset(place.name for place in self.placeholders if place.fallback is None)

    def render(self, variables: Mapping[str, object], *, script_id: str | None = None) -> str:
        return "".join(
            piece if isinstance(piece, str) else _fill(piece, variables, script_id)
            for piece in self.pieces
        )


@lru_cache(maxsize=20_000)
def parse_template(text: str) -> Template:
    """Read a text with variables; raises `TemplateError` where the braces make no sense."""
    pieces: list[str | Placeholder] = []
    literal: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        if text.startswith(("{{", "}}"), position):
            literal.append(character)
            position += 2
        elif character == "{":
            end = _closing_brace(text, position)
            _flush(literal, pieces)
            pieces.append(_placeholder(text[position + 1 : end], position))
            position = end + 1
        elif character == "}":
            raise TemplateError("多了一个 }", "补上前面的 {，或写成 }} 表示大括号本身", position)
        else:
            literal.append(character)
            position += 1
    _flush(literal, pieces)
    return Template(tuple(pieces))


def render(text: str, variables: Mapping[str, object], *, script_id: str | None = None) -> str:
    """Fill in the variables: the value, else the fallback, else `MissingVariable`.

    Values are plain text: braces in them are never expanded again.
    """
    return parse_template(text).render(variables, script_id=script_id)


def has_value(value: object) -> bool:
    """Whether a variable is filled: nothing and blank text are not values."""
    return value is not None and bool(plain_value(value).strip())


def plain_value(value: object) -> str:
    """The value as it may stand in a message: without control and text-direction characters."""
    return str(value).replace("\r\n", "\n").translate(_UNPRINTABLE)


def escape_braces(text: str) -> str:
    """The template that renders to exactly `text`."""
    return text.replace("{", "{{").replace("}", "}}")


def _fill(place: Placeholder, variables: Mapping[str, object], script_id: str | None) -> str:
    value = variables.get(place.name)
    if has_value(value):
        return plain_value(value)
    if place.fallback is None:
        raise MissingVariable(place.name, script_id)
    return place.fallback


def _flush(literal: list[str], pieces: list[str | Placeholder]) -> None:
    if literal:
        pieces.append("".join(literal))
        literal.clear()


def _closing_brace(text: str, start: int) -> int:
    end = text.find("}", start)
    opened_again = text.find("{", start + 1)
    if end == -1 or start < opened_again < end:
        raise TemplateError("的 { 没有配对的 }", "补上 }，或写成 {{ 表示大括号本身", start)
    return end


def _placeholder(inside: str, position: int) -> Placeholder:
    name, bar, fallback = inside.partition("|")
    if not name.strip().isidentifier():
        raise TemplateError(
            f"的变量名「{name}」写法不对", "写成 {customer_name} 或 {customer_name|亲}", position
        )
    return Placeholder(name.strip(), fallback if bar else None)
