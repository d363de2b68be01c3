"""What a step says: words, pictures, a link, a mini-program, or a script of the library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_BRACES = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}|]*)(?:\|[^{}]*)?\}|[{}]")


@dataclass(frozen=True, slots=True)
class Link:
    title: str
    url: str
    desc: str | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class MiniProgram:
    appid: str
    title: str
    page: str
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """One message or post. `script` names a script, `script_tags` lets the library choose.

    Images are files beside the journey's file, or https addresses. `todo` and `note` are for
    the guide and the operator and never reach a customer.
    """

    text: str | None = None
    images: tuple[str, ...] = ()
    link: Link | None = None
    miniprogram: MiniProgram | None = None
    script: str | None = None
    script_tags: tuple[str, ...] = ()
    todo: str | None = None
    note: str | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables in all texts that a customer sees, each once."""
        names = (name for text in self.texts() for name in variables_of(text))
        return tuple(dict.fromkeys(names))

    @property
    def messages(self) -> int:
        """How many messages this makes in a chat; a script counts as one here."""
        cards = (self.link, self.miniprogram, self.text or self.script or self.script_tags)
        return max(1, len(self.images) + sum(1 for card in cards if card))

    def texts(self) -> Iterator[str]:
        if self.text is not None:
            yield self.text
        if self.link is not None:
            yield from filter(None, (self.link.title, self.link.desc, self.link.url))
        if self.miniprogram is not None:
            yield self.miniprogram.title

    def summary(self) -> str:
        """One line for lists: the words, else what is attached."""
        if self.text:
            return " ".join(self.text.split())
        if self.script is not None:
            return f"话术 {self.script}"
        if self.script_tags:
            return f"按标签选话术：{'、'.join(self.script_tags)}"
        card = self.link or self.miniprogram
        return f"［{card.title}］" if card is not None else f"［{len(self.images)} 张图］"

    def as_dict(self) -> dict[str, Any]:
        """JSON of what is set, for pages and the outbox."""
        fields: dict[str, Any] = {
            "text": self.text,
            "images": list(self.images),
            "link": _card(self.link),
            "miniprogram": _card(self.miniprogram),
            "script": self.script,
            "script_tags": list(self.script_tags),
            "todo": self.todo,
            "note": self.note,
        }
        return {name: value for name, value in fields.items() if value}


def variables_of(text: str) -> tuple[str, ...]:
    """Names in ``{name}`` and ``{name|fallback}``; raises `ValueError` at a stray brace."""
    names = []
    for match in _BRACES.finditer(text):
        if match.group() in ("{{", "}}"):
            continue
        name = (match.group("name") or "").strip()
        if not name.isidentifier():
            raise ValueError(f"第 {match.start() + 1} 个字处的大括号写法不对")
        names.append(name)
    return tuple(names)


def _card(card: Link | MiniProgram | None) -> dict[str, str] | None:
    if card is None:
        return None
    names = ("appid", "title", "desc", "url", "page", "image")
    return {name: value for name in names if (value := getattr(card, name, None))}
