"""What a step says as fields of a form, and back into the plain data of its YAML.

Each fieldset has a prefix: `c0.1.` is the second segment of the first arm of an experiment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.web.console.plain_fields import (
    Fields,
    fill,
    listed,
    number_or_text,
    split_words,
    spoken,
    words_in,
)
from scheduler.journey import DEFAULT_SEGMENT

MOST_IMAGES, MOST_ARMS = 9, 5
CARDS = {"link": ("title", "url", "desc", "image"), "app": ("title", "appid", "page", "image")}
KEYS = {"link": "link", "app": "miniprogram"}
_KNOWN = {
    "text", "images", "link", "miniprogram", "script", "script_tags", "todo", "note",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """One fieldset of words: for a segment, in an arm if there is an experiment."""

    prefix: str
    arm: int
    segment: str

    def of(self, fields: Mapping[str, str], name: str) -> str:
        return fields.get(f"{self.prefix}{name}", "")

    def images(self, fields: Mapping[str, str]) -> list[str]:
        given = (self.of(fields, f"image.{place}").strip() for place in range(MOST_IMAGES))
        return [one for one in given if one]


def pieces_of(fields: Mapping[str, str], segments: Sequence[str]) -> list[Piece]:
    """All fieldsets that a form has, arm by arm."""
    return [
        Piece(f"c{arm}.{place}.", arm, name)
        for arm in range(max(1, arms_in(fields)))
        for place, name in enumerate(segments)
    ]


def arms_in(fields: Mapping[str, str]) -> int:
    """How many arms the experiment has; 0 is no experiment."""
    raw = fields.get("arms", "")
    number = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 3 else 0
    return min(number, MOST_ARMS) if number > 1 else 0


def content_fields(step: Mapping[str, Any], segments: Sequence[str]) -> Fields:
    """The fields of everything that a step says."""
    variants = [one for one in listed(step.get("variants")) if isinstance(one, dict)]
    fields = {"arms": str(len(variants))}
    for arm, variant in enumerate(variants):
        fields |= {f"a{arm}.name": spoken(variant.get("name"))}
        fields |= {f"a{arm}.weight": spoken(variant.get("weight", 1))}
    sources = [variant.get("content") for variant in variants] or [step.get("content")]
    for arm, source in enumerate(sources):
        contents = _by_segment(source)
        for place, name in enumerate(segments):
            prefix = f"c{arm}.{place}."
            piece = _piece_fields(contents.get(name))
            fields |= {f"{prefix}{field}": value for field, value in piece.items()}
    return fields


def _by_segment(source: Any) -> dict[str, Any]:
    if not isinstance(source, dict):
        return {}
    return {DEFAULT_SEGMENT: source} if source.keys() & _KNOWN else source


def _piece_fields(content: Any) -> Fields:
    if not isinstance(content, dict):
        return {"says": "none"}
    fields = {name: spoken(content.get(name)) for name in ("text", "script", "todo", "note")}
    fields["script_tags"] = words_in(content.get("script_tags"))
    fields["says"] = _says(content)
    for place, image in enumerate(listed(content.get("images"))[:MOST_IMAGES]):
        fields[f"image.{place}"] = spoken(image)
    for card, names in CARDS.items():
        given = content.get(KEYS[card])
        given = given if isinstance(given, dict) else {}
        fields |= {f"{card}.{name}": spoken(given.get(name)) for name in names}
    return fields


def _says(content: Mapping[str, Any]) -> str:
    return "script" if content.get("script") else "tags" if content.get("script_tags") else "own"


def put_content(step: dict[str, Any], fields: Mapping[str, str], segments: Sequence[str]) -> None:
    """Write what the form says into a step; what is the same keeps its shape."""
    if arms := arms_in(fields):
        old = [one for one in listed(step.get("variants")) if isinstance(one, dict)]
        made = [
            _variant(old[arm] if arm < len(old) else {}, fields, segments, arm)
            for arm in range(arms)
        ]
        step.pop("content", None)
        fill(step, "variants", made)
        return
    step.pop("variants", None)
    step["content"] = _contents(step.get("content"), fields, segments, 0)


def _variant(
    old: Mapping[str, Any], fields: Mapping[str, str], segments: Sequence[str], arm: int
) -> dict[str, Any]:
    variant = dict(old)
    variant["name"] = fields.get(f"a{arm}.name", "").strip()
    weight = number_or_text(fields.get(f"a{arm}.weight", ""))
    if weight != variant.get("weight", 1):
        variant["weight"] = weight
    variant["content"] = _contents(old.get("content"), fields, segments, arm)
    return variant


def _contents(
    old: Any, fields: Mapping[str, str], segments: Sequence[str], arm: int
) -> dict[str, Any]:
    before = _by_segment(old)
    straight = isinstance(old, dict) and bool(old.keys() & _KNOWN)
    made: dict[str, Any] = {}
    for place, name in enumerate(segments):
        piece = Piece(f"c{arm}.{place}.", arm, name)
        content = _content(before.get(name), fields, piece)
        if content is not None:
            made[name] = content
    if made.keys() == {DEFAULT_SEGMENT} and (straight or not before):
        return dict(made[DEFAULT_SEGMENT])
    return {name: one for name, one in before.items() if name not in segments} | made


def _content(old: Any, fields: Mapping[str, str], piece: Piece) -> dict[str, Any] | None:
    says = piece.of(fields, "says") or "own"
    if says == "none":
        return None
    content = dict(old) if isinstance(old, dict) else {}
    own = says == "own"
    fill(content, "text", _text(piece.of(fields, "text")) if own else "", str.strip)
    fill(content, "images", piece.images(fields) if own else [], listed)
    for card, names in CARDS.items():
        given = {name: piece.of(fields, f"{card}.{name}").strip() for name in names}
        kept = dict(content.get(KEYS[card]) or {})
        for name, value in given.items():
            fill(kept, name, value if own else "")
        fill(content, KEYS[card], kept)
    script = piece.of(fields, "script").strip() if says == "script" else ""
    fill(content, "script", script)
    tags = split_words(piece.of(fields, "script_tags")) if says == "tags" else []
    fill(content, "script_tags", tags, listed)
    for name in ("todo", "note"):
        fill(content, name, _text(piece.of(fields, name)), str.strip)
    if not content.keys() - {"todo", "note"}:
        content[{"script": "script", "tags": "script_tags"}.get(says, "text")] = ""
    return content


def with_arms(fields: Mapping[str, str], act: str) -> Fields:
    """The fields after a press on a button: `arm.add`, `arm.drop.1`, `image.drop.c0.1..2`."""
    name, _, place = act.partition(".")
    made = dict(fields)
    if name == "image" and place.startswith("drop."):
        made.update(_without_image(fields, place.removeprefix("drop.")))
        return made
    arms = arms_in(fields)
    if name == "arm" and place == "add" and arms < MOST_ARMS:
        source, first = max(arms, 1) - 1, max(arms, 1)
        for field, value in fields.items():
            if field.startswith(f"c{source}."):
                made[f"c{first}.{field.partition('.')[2]}"] = value
        made["arms"] = str(first + 1)
        for arm in range(first + 1):
            made[f"a{arm}.name"] = fields.get(f"a{arm}.name", "") or "ABCDE"[arm]
            made[f"a{arm}.weight"] = fields.get(f"a{arm}.weight", "") or "1"
    if name == "arm" and place.startswith("drop.") and place[5:].isdigit() and arms:
        _drop_arm(made, fields, int(place[5:]), arms)
    return made


def _drop_arm(made: Fields, fields: Mapping[str, str], gone: int, arms: int) -> None:
    for arm in range(gone + 1, arms):
        for field, value in fields.items():
            for mark in (f"c{arm}.", f"a{arm}."):
                if field.startswith(mark):
                    made[f"{mark[0]}{arm - 1}.{field.removeprefix(mark)}"] = value
    made["arms"] = str(arms - 1) if arms > 2 else "0"


def _without_image(fields: Mapping[str, str], place: str) -> Fields:
    """The pictures of one fieldset moved together after one was taken out."""
    prefix, _, number = place.rpartition(".")
    images = [fields.get(f"{prefix}image.{at}", "") for at in range(MOST_IMAGES)]
    if number.isascii() and number.isdigit() and int(number) < MOST_IMAGES:
        del images[int(number)]
    return {f"{prefix}image.{at}": one for at, one in enumerate([*images, ""])}


def _text(value: str) -> str:
    return value.replace("\r\n", "\n").strip()
