"""Entries of a customer's timeline in the words of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.customers.stages import BY_HAND
from bot.customers.timeline import Entry
from bot.web.console.desk import Desk
from scheduler import Journey

_ICONS = {
    "message": "chat",
    "reply": "send",
    "stage": "next",
    "tag": "tag",
    "follow": "person",
    "behaviour": "bulb",
    "opt_out": "pause",
    "transfer": "next",
}


@dataclass(frozen=True, slots=True)
class Story:
    """One line of the timeline; `note` says why or by whom."""

    kind: str
    icon: str
    text: str
    note: str
    at: str
    day: str
    bad: bool = False


def story_of(
    here: Desk, entry: Entry, guides: Mapping[str, str], journeys: Mapping[str, Journey]
) -> Story:
    """Guides, stages and steps of journeys go by their names."""
    kind, data = entry.place.kind, entry.data
    local = entry.place.at.astimezone(here.zone)
    text, note = _touch(here, entry, journeys) if kind == "touch" else _words(here, entry, guides)
    return Story(
        kind=kind,
        icon=_ICONS.get(kind, "clock"),
        text=text,
        note=note,
        at=f"{local:%H:%M}",
        day=f"{local:%Y-%m-%d}",
        bad=kind == "reply" and data.get("state") in ("failed", "dead"),
    )


def _touch(here: Desk, entry: Entry, journeys: Mapping[str, Journey]) -> tuple[str, str]:
    journey = journeys.get(str(entry.data.get("journey")))
    step = journey.step(str(entry.data.get("step"))) if journey else None
    if journey is None or step is None:
        return entry.text, ""
    way = str(entry.data.get("way") or step.kind)
    return step.purpose, f"{journey.name} · {here.words(f'way.{way}')}"


def _words(here: Desk, entry: Entry, guides: Mapping[str, str]) -> tuple[str, str]:
    kind, data, say = entry.place.kind, entry.data, here.words
    guide = _named(guides, data.get("guide"))
    match kind:
        case "stage":
            return _stage(here, data)
        case "tag":
            key = "story.tag_on" if data.get("added") else "story.tag_off"
            return say(key, tag=data["tag"]), str(data.get("because") or "") or guide
        case "follow":
            key = f"story.follow.{data.get('change')}"
            text = say(key, guide=guide) if key in say.texts else entry.text
            return text, str(data.get("reason") or "")
        case "transfer":
            return _transfer(here, data, guides)
        case "opt_out":
            key = "story.out" if data.get("out") else "story.in"
            return say(key), str(data.get("reason") or data.get("by") or "")
        case "behaviour":
            key = f"story.did.{data.get('type')}"
            return (say(key) if key in say.texts else entry.text), ""
        case "reply":
            return entry.text, str(data.get("problem") or "")
        case _:
            return entry.text or str(data.get("msgtype", "")), ""


def _stage(here: Desk, data: Mapping[str, Any]) -> tuple[str, str]:
    came, to, say = data.get("from"), here.stage(str(data["to"])), here.words
    text = say("story.stage", a=here.stage(str(came)), b=to) if came else say("story.start", b=to)
    because = (_cause(here, str(data.get("cause", ""))), _by_whom(data))
    return text, " · ".join(filter(None, because))


def _transfer(here: Desk, data: Mapping[str, Any], guides: Mapping[str, str]) -> tuple[str, str]:
    """Who asked for it, or why it ended as it did."""
    event = str(data["event"])
    giver, taker = _named(guides, data["from"]), _named(guides, data["to"])
    note = data.get("reason") or (data.get("by") if event == "asked" else "")
    return here.words(f"story.transfer.{event}", a=giver, b=taker), str(note or "")


def _named(guides: Mapping[str, str], userid: object) -> str:
    return guides.get(str(userid or ""), str(userid or ""))


def _by_whom(data: Mapping[str, Any]) -> str:
    """Who moved a customer by hand, and why; what a customer said stands in the timeline."""
    return str(data.get("detail") or "") if data.get("cause") == BY_HAND else ""


def _cause(here: Desk, cause: str) -> str:
    if cause in here.taxonomy.names:
        return here.intent(cause)
    key = f"story.did.{cause}"
    if key in here.words.texts:
        return here.words(key)
    key = f"story.cause.{cause}"
    return here.words(key) if key in here.words.texts else ""
