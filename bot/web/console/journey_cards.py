"""A journey and its steps in a few words, as lists and cards show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from bot.errors import BadRequest
from bot.outreach.journey_shelf import Shelved
from bot.web.api.endpoint import is_keepable
from bot.web.console.desk import Desk
from bot.web.console.journey_content_fields import Piece, pieces_of
from bot.web.console.journey_step_fields import SIGNALS, step_fields
from bot.web.console.journey_words import exit_words, trigger_words
from bot.web.console.outreach_desk import ROOT, segment_label
from bot.web.console.plain_fields import Fields, split_words
from scheduler import Audience
from scheduler.journey import DEFAULT_SEGMENT, CatchUp, Days

LIST = f"{ROOT}/journeys"


@dataclass(frozen=True, slots=True)
class JourneyCard:
    """One journey of the list."""

    id: str
    path: str
    name: str
    enabled: bool
    broken: bool
    triggers: str
    exits: str
    segments: list[str]
    kinds: list[tuple[str, int]]
    steps: int
    priority: int | None
    walking: int
    cohorts: int
    version: int | None
    file: str
    changed: str


@dataclass(frozen=True, slots=True)
class Written:
    """What one segment gets in one arm of an experiment."""

    segment: str
    arm: str
    text: str
    images: list[str]
    extras: list[tuple[str, str]]
    todo: str
    note: str


@dataclass(frozen=True, slots=True)
class StepCard:
    """One step of a journey's page; `day` heads it, `limits` are its conditions in words."""

    id: str
    path: str
    kind: str
    purpose: str
    head: str
    time: str
    fields: Fields
    limits: list[str]
    written: list[Written]
    movable: bool


def journey_id(request: web.Request) -> str:
    journey = request.match_info["journey"]
    if not is_keepable(journey) or len(journey) > 64:
        raise BadRequest("旅程编号不对")
    return journey


def journey_path(journey: str) -> str:
    return f"{LIST}/{quote(journey, safe='')}"


def step_path(journey: str, step: str) -> str:
    return f"{journey_path(journey)}/steps/{quote(step, safe='')}"


def version_asked(request: web.Request) -> int | None:
    """The version that the page is asked for, None for the one in use."""
    raw = request.query.get("version", "")
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 7 else None


def card_of(here: Desk, one: Shelved, walking: Mapping[tuple[str, str], int]) -> JourneyCard:
    journey = one.journey
    kinds: dict[str, int] = {}
    for step in journey.steps if journey else ():
        kinds[step.kind] = kinds.get(step.kind, 0) + 1
    labels = [
        segment_label(journey, each.name, here.words)
        for each in (journey.segments if journey else ())
    ]
    return JourneyCard(
        id=one.id,
        path=journey_path(one.id),
        name=journey.name if journey else one.id,
        enabled=one.enabled,
        broken=journey is None,
        triggers=trigger_words(here, journey) if journey else "",
        exits=exit_words(here, journey) if journey else "",
        segments=[label for label in labels if label],
        kinds=list(kinds.items()),
        steps=len(journey.steps) if journey else 0,
        priority=journey.priority if journey else None,
        walking=walking.get((one.id, Audience.CUSTOMER), 0),
        cohorts=walking.get((one.id, Audience.COHORT), 0),
        version=one.number,
        file=one.file or "",
        changed=here.words("journeys.by", by=one.changed_by, time=here.time(one.changed_at))
        if one.changed_at
        else "",
    )


def step_card(
    here: Desk,
    journey: str,
    step: Mapping[str, object],
    segments: Mapping[str, str],
    purposes: Mapping[str, str],
) -> StepCard:
    """`segments` are labels by name, `purposes` those of all steps by id."""
    fields = step_fields(step, list(segments))
    step_id = str(step.get("id", ""))
    head, time = when_words(here, fields, purposes)
    return StepCard(
        id=step_id,
        path=step_path(journey, step_id),
        kind=fields["kind"],
        purpose=fields["purpose"],
        head=head,
        time=time,
        fields=fields,
        limits=_limits(here, fields),
        written=[
            _written(piece, fields, segments)
            for piece in pieces_of(fields, list(segments))
            if piece.of(fields, "says") != "none"
        ],
        movable=fields["base"] == "trigger" and fields["by"] == "day",
    )


def when_words(here: Desk, fields: Fields, purposes: Mapping[str, str]) -> tuple[str, str]:
    """On which day or after what, and at what time or after how long."""
    say = here.words
    base, time = "", fields["time"]
    if fields["base"] == "step":
        name = purposes.get(fields["base_step"], fields["base_step"])
        base = say("step.when.after", what=name)
    elif fields["base"] == "event":
        base = say("step.when.after", what=event_label(here, fields["base_event"]))
    if fields["by"] == "hours":
        return base, span(here, fields)
    day = fields["day"] or "0"
    if base:
        return base, (say("step.when.days", n=day, time=time) if day != "0" else time)
    return (say("journey.day", n=day) if day != "0" else say("journey.day0")), time


def span(here: Desk, fields: Fields) -> str:
    hours, minutes = fields["hours"] or "0", fields["minutes"]
    if minutes and hours == "0":
        return here.words("step.when.minutes", n=minutes)
    if hours == "0":
        return here.words("step.when.once")
    return here.words("step.when.hours", n=hours)


def event_label(here: Desk, name: str) -> str:
    """What happened, in words where there are any."""
    texts = here.words.texts
    for key in (f"exit.{name}" if name in SIGNALS else "", f"story.did.{name}"):
        if key in texts:
            return here.words(key)
    return here.intent(name) if name in here.taxonomy.names else name


def _limits(here: Desk, fields: Fields) -> list[str]:
    say, found = here.words, []
    if fields["within"]:
        found.append(say("step.limit.within", n=fields["within"]))
    if fields["from"]:
        found.append(f"{fields['from']}–{fields['to']}")
    if fields["days"] != Days.ANY:
        found.append(say(f"step.days.{fields['days']}"))
    if fields["catch"] != CatchUp.SKIP:
        found.append(say(f"step.limit.{fields['catch']}", n=fields["late"]))
    comma = say("comma")
    stages = [here.stage(name[6:]) for name in fields if name.startswith("stage.")]
    if stages:
        found.append(say("step.limit.stages", what=comma.join(stages)))
    found += [
        say(f"step.limit.{name}", what=fields[name])
        for name in ("tags", "without_tags")
        if fields[name]
    ]
    for short in ("with", "without"):
        names = [one for one in SIGNALS if fields.get(f"{short}.{one}")]
        names += split_words(fields[f"{short}.more"])
        if names:
            what = comma.join(event_label(here, one) for one in names)
            found.append(say(f"step.limit.{short}", what=what))
    return found


def _written(piece: Piece, fields: Fields, segments: Mapping[str, str]) -> Written:
    extras = [("link", piece.of(fields, "link.title"))] if piece.of(fields, "link.title") else []
    extras += [("app", piece.of(fields, "app.title"))] if piece.of(fields, "app.title") else []
    for name in ("script", "script_tags"):
        if piece.of(fields, name):
            extras.append(("file", piece.of(fields, name)))
    only = len(segments) == 1 and piece.segment == DEFAULT_SEGMENT
    return Written(
        segment="" if only else segments[piece.segment],
        arm=fields.get(f"a{piece.arm}.name", ""),
        text=piece.of(fields, "text"),
        images=[picture_address(one) for one in piece.images(fields)],
        extras=extras,
        todo=piece.of(fields, "todo"),
        note=piece.of(fields, "note"),
    )


def picture_address(source: str) -> str:
    """Where a page finds a picture; those of other sites are shown by name only."""
    return source if _is_far(source) else f"/console/uploads?source={quote(source, safe='')}"


def _is_far(source: str) -> bool:
    return source.startswith("https://")


def segment_labels(
    here: Desk, entry: Mapping[str, object], names: Sequence[str]
) -> dict[str, str]:
    """Segments by the names that people read."""
    written = entry.get("segments")
    given = written if isinstance(written, dict) else {}
    labels = {}
    for name in names:
        one = given.get(name)
        zh = str(one.get("zh") or name) if isinstance(one, dict) else ""
        if not zh:
            labels[name] = here.words("step.everybody" if len(names) == 1 else "step.others")
        else:
            labels[name] = zh if here.words.language == "zh" else here.words.name(name, zh)
    return labels
