"""A journey being edited in forms: opened from its text, put back into it, refused by field."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.errors import NotFound
from bot.outreach.journey_shelf import JourneyShelf, Shelved
from bot.web.console.journey_step_fields import field_of
from bot.web.console.keys import SIGNED
from bot.web.console.plain_fields import listed
from bot.web.console.wording import LANGUAGES
from bot.web.keys import JOURNEYS
from scheduler import Audience, Problem, StepKind
from scheduler.reading.rewriting import entry_of, rewritten

_QUOTED = re.compile(r"「([a-z_]+)」")
_LATIN = re.compile(r"[a-z]{2}|[{}]")
_VERSIONED = re.compile(r"_v\d+$")
_EMPTY = "太少或是空的"
_DAY, _HOUR = 24 * 60, 60

Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """A journey as it is written now; `number` is its version, 0 for the file's."""

    shelved: Shelved
    text: str
    entry: dict[str, Any]
    number: int

    @property
    def id(self) -> str:
        return self.shelved.id

    @property
    def steps(self) -> list[Step]:
        return [one for one in listed(self.entry.get("steps")) if isinstance(one, dict)]

    def step(self, step_id: str) -> Step | None:
        return next((one for one in self.steps if one.get("id") == step_id), None)

    def rewritten(self, entry: Mapping[str, Any]) -> str:
        """The text with what an edited `entry` says."""
        return self.text if entry == self.entry else rewritten(self.text, entry)

    def with_step(self, step: Step) -> dict[str, Any]:
        """The journey with this step in the place that its time gives it."""
        return self.entry | {"steps": placed(self.steps, step)}


class Unreadable(Exception):
    """A saved text that no form can show; it has to be mended as a text."""


async def open_draft(request: web.Request, journey: str, number: int | None = None) -> Draft:
    """As it stands, or as version `number`; raises `NotFound` and `Unreadable`."""
    shelf = request.app[JOURNEYS]
    shelved = await shelf.get(journey)
    text = await shelf.text(journey, number)
    entry = await asyncio.to_thread(entry_of, text)
    if entry is None or (number is None and shelved.journey is None):
        raise Unreadable(journey)
    return Draft(shelved, text, entry, (shelved.number or 0) if number is None else number)


async def step_at(request: web.Request, journey: str, number: int, step_id: str) -> Step | None:
    """A step as an older version had it; None if that cannot be told."""
    try:
        draft = await open_draft(request, journey, number)
    except (NotFound, Unreadable):
        return None
    return draft.step(step_id)


async def keep(
    request: web.Request, draft: Draft, entry: Mapping[str, Any], *, note: str
) -> Shelved | None:
    """Save as the next version; None if nothing changed. Raises what `JourneyShelf.save` does."""
    shelf: JourneyShelf = request.app[JOURNEYS]
    text = await asyncio.to_thread(draft.rewritten, entry)
    if text == draft.text:
        return None
    return await shelf.save(
        text, by=request[SIGNED].user, journey=draft.id, seen=draft.number, note=note
    )


def placed(steps: Sequence[Step], step: Step) -> list[Step]:
    """The steps with this one among them, at its old place as long as time's order allows."""
    others = [one for one in steps if one.get("id") != step.get("id")]
    at = next((n for n, one in enumerate(steps) if one.get("id") == step.get("id")), len(others))
    at = min(max(at, _earliest(others, step)), max(_latest(others, step), 0))
    made = [*others[:at], step, *others[at:]]
    early = [one for one in made[:at] if _base_of(one) == step.get("id")]
    rest = [one for one in made if not any(one is each for each in early)]
    place = next(n for n, one in enumerate(rest) if one is step) + 1
    return [*rest[:place], *early, *rest[place:]]


def _earliest(others: Sequence[Step], step: Step) -> int:
    """Behind the step it waits for and all that go out before it."""
    base, own = _base_of(step), minutes_of(step)
    before = [
        n + 1
        for n, one in enumerate(others)
        if one.get("id") == base or (_walk(one) == _walk(step) and _precedes(one, own))
    ]
    return max(before, default=0)


def _latest(others: Sequence[Step], step: Step) -> int:
    own = minutes_of(step)
    after = [
        n
        for n, one in enumerate(others)
        if _walk(one) == _walk(step) and own is not None and minutes_of(one, own) > own
    ]
    return min(after, default=len(others))


def _precedes(one: Step, own: float | None) -> bool:
    return own is not None and (when := minutes_of(one)) is not None and when < own


def _walk(step: Step) -> tuple[Any, bool]:
    """Steps of one audience that are told by the clock, or by a span, are kept in order."""
    kind = step.get("kind")
    audience = StepKind(kind).audience if kind in set(StepKind) else Audience.CUSTOMER
    offset = step.get("at")
    return audience, isinstance(offset, dict) and "time" in offset


def minutes_of(step: Step, otherwise: float | None = None) -> Any:
    """From the beginning to a step that is told from there; `otherwise` for all others."""
    offset = step.get("at")
    if not isinstance(offset, dict):
        return otherwise
    hour, _, minute = str(offset.get("time", "0:0")).partition(":")
    try:
        clock = int(hour) * _HOUR + int(minute or 0)
        days = int(offset.get("day", 0)) * _DAY
        return days + clock + float(offset.get("hours", 0)) * _HOUR + offset.get("minutes", 0)
    except (TypeError, ValueError):
        return otherwise


def _base_of(step: Step) -> Any:
    after = step.get("after")
    return after.get("step") if isinstance(after, dict) else None


def new_step_id(source: str, number: int) -> str:
    """An id that no version had: people who went past a removed step get the new one, too."""
    return f"{_VERSIONED.sub('', source)[:56]}_v{number}"


def fault_of(problem: Problem) -> str:
    """A fault and its mend in the words of the form; mends that speak of YAML are left out."""
    words = LANGUAGES["zh"].texts

    def label(found: re.Match[str]) -> str:
        return f"「{words.get(f'field.{found[1]}', found[1])}」"

    fault, mend = _QUOTED.sub(label, problem.fault), problem.mend
    if fault.endswith(_EMPTY):
        return f"请填写{fault.removesuffix(_EMPTY)}"
    told = mend.startswith("是不是想写") or not _LATIN.search(mend)
    return f"{fault}：{mend}" if mend and told else fault


def by_field(
    problems: Sequence[Problem], steps: Sequence[Step], step_id: str, segments: Sequence[str]
) -> tuple[dict[str, str], list[str]]:
    """Faults of one step by field, and those of the rest of the journey."""
    errors: dict[str, str] = {}
    others: list[str] = []
    for problem in problems:
        match problem.path:
            case ("steps", int(place), *rest) if place < len(steps):
                own = steps[place].get("id") == step_id
                field = field_of(rest, segments) if own else ""
                if field and field not in errors:
                    errors[field] = fault_of(problem)
                    continue
                name = "" if own else f"「{steps[place].get('purpose', '')}」"
                others.append(f"{name}{fault_of(problem)}")
            case _:
                others.append(fault_of(problem))
    return errors, others
