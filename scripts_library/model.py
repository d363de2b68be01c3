from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar


class Occasion(StrEnum):
    """When a script speaks: in answer to an intent, or on one of these other occasions.

    `MEDIA` is for any message without words; `IMAGE` to `STICKER` are for that kind only.
    """

    REPLY = "reply"
    UNCLEAR = "unclear"
    MEDIA = "media"
    IMAGE = "image"
    VOICE = "voice"
    VIDEO = "video"
    FILE = "file"
    LOCATION = "location"
    CARD = "card"
    STICKER = "sticker"
    OFF_HOURS = "off_hours"
    HANDOVER = "handover"
    OPENER = "opener"
    CARE = "care"
    WIN_BACK = "win_back"


WORDLESS = frozenset(
    {
        Occasion.IMAGE,
        Occasion.VOICE,
        Occasion.VIDEO,
        Occasion.FILE,
        Occasion.LOCATION,
        Occasion.CARD,
        Occasion.STICKER,
    }
)

OCCASION_LABELS = {
    Occasion.REPLY: "回复",
    Occasion.UNCLEAR: "没听懂",
    Occasion.MEDIA: "收到图文语音",
    Occasion.IMAGE: "收到图片",
    Occasion.VOICE: "收到语音",
    Occasion.VIDEO: "收到视频",
    Occasion.FILE: "收到文件",
    Occasion.LOCATION: "收到位置",
    Occasion.CARD: "收到名片或链接",
    Occasion.STICKER: "收到表情",
    Occasion.OFF_HOURS: "非营业时间",
    Occasion.HANDOVER: "转人工",
    Occasion.OPENER: "主动开场",
    Occasion.CARE: "售后关怀",
    Occasion.WIN_BACK: "唤回老客",
}


@dataclass(frozen=True, slots=True)
class TextPart:
    text: str

    kind: ClassVar[str] = "text"

    def as_dict(self) -> dict[str, Any]:
        return {"text": self.text}


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image: a file relative to the catalogue folder, or an https address."""

    source: str

    kind: ClassVar[str] = "image"

    def as_dict(self) -> dict[str, Any]:
        return {"image": self.source}


@dataclass(frozen=True, slots=True)
class LinkPart:
    title: str
    url: str
    desc: str | None = None
    image: str | None = None

    kind: ClassVar[str] = "link"

    def as_dict(self) -> dict[str, Any]:
        fields = {"title": self.title, "desc": self.desc, "url": self.url, "image": self.image}
        return {"link": _present(fields)}


@dataclass(frozen=True, slots=True)
class MiniProgramPart:
    appid: str
    title: str
    page: str
    image: str | None = None

    kind: ClassVar[str] = "miniprogram"

    def as_dict(self) -> dict[str, Any]:
        fields = {
            "appid": self.appid,
            "title": self.title,
            "page": self.page,
            "image": self.image,
        }
        return {"miniprogram": _present(fields)}


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file relative to the catalogue folder."""

    path: str

    kind: ClassVar[str] = "file"

    def as_dict(self) -> dict[str, Any]:
        return {"file": self.path}


Part = TextPart | ImagePart | LinkPart | MiniProgramPart | FilePart


@dataclass(frozen=True, slots=True)
class Tags:
    product: tuple[str, ...] = ()
    customer: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    tone: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, list[str]]:
        names = ("product", "customer", "channel", "tone")
        return {name: list(values) for name in names if (values := getattr(self, name))}


@dataclass(frozen=True, slots=True)
class Validity:
    """First and last day of use, both inclusive, in the shop's time zone."""

    first: date | None = None
    last: date | None = None

    def covers(self, day: date) -> bool:
        after_start = self.first is None or self.first <= day
        return after_start and (self.last is None or day <= self.last)

    def as_dict(self) -> dict[str, str]:
        dates = {"from": self.first, "until": self.last}
        return {name: day.isoformat() for name, day in dates.items() if day is not None}


@dataclass(frozen=True, slots=True)
class Script:
    """A tagged reply of one or more parts, approved by the shop."""

    id: str
    title: str
    parts: tuple[Part, ...]
    intents: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    occasion: Occasion = Occasion.REPLY
    tags: Tags = Tags()
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    valid: Validity = Validity()
    auto: bool = False
    weight: float = 1.0
    note: str | None = None
    version: int = 1

    @property
    def text(self) -> str:
        """All text parts, unrendered, one below the other."""
        return "\n".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def fingerprint(self) -> str:
        """A digest of the content; the version stays out, so equal content needs no new one."""
        content = self.as_dict()
        del content["version"]
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """JSON of the script; `script_from_dict` reads it back to an equal script."""
        return {"version": self.version, **self.as_entry()}

    def as_entry(self) -> dict[str, Any]:
        """The script as it is written in a catalogue file, defaults left out."""
        implied = Occasion.REPLY if self.intents else Occasion.UNCLEAR
        fields: dict[str, Any] = {
            "id": self.id,
            "title": self.title,
            "intents": list(self.intents),
            "stages": list(self.stages),
            "occasion": self.occasion.value if self.occasion is not implied else None,
            "tags": self.tags.as_dict(),
            "parts": [part.as_dict() for part in self.parts],
            "variables": dict(self.variables),
            "valid": self.valid.as_dict(),
            "auto": self.auto or None,
            "weight": self.weight if self.weight != 1.0 else None,
            "note": self.note,
        }
        return {name: value for name, value in fields.items() if value not in (None, [], {})}


def _present(fields: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}
