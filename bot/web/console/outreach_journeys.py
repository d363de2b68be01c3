"""Journeys: the list with switches, and one journey written, rehearsed, saved, put back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aiohttp import web
from sqlalchemy import func, select

from bot.errors import BadRequest, Conflict
from bot.outreach.journey_preview import Preview, preview
from bot.outreach.journey_shelf import JourneyRefused, Shelved
from bot.store.outreach_tables import JourneyWalk
from bot.web.api.endpoint import is_keepable
from bot.web.console.answers import is_htmx, page
from bot.web.console.desk import Desk, desk
from bot.web.console.journey_words import exit_words, trigger_words
from bot.web.console.keys import SIGNED
from bot.web.console.outreach_desk import ROOT, outreach_page, segment_label, short_day, why
from bot.web.console.shell import form_of, went
from bot.web.keys import CLOCK, JOURNEYS, SETTINGS
from scheduler import Audience, Journey, Problem
from scheduler.preview import Row

LIST = f"{ROOT}/journeys"
NEW = f"{ROOT}/new-journey"
DAYS = (7, 14, 30, 60)
_STARTER = """\
version: 1
journeys:
- id: tea_time                  # 编号：小写字母、数字和 _ . -
  name: 下午茶问候
  priority: 50                  # 0 到 100，抢同一时段时大的先
  triggers:
  - tag_added: [老客]
  exits: [replied, bought]
  steps:
  - id: hello
    purpose: 问候老客
    kind: nudge
    at: {day: 1, time: "15:00"}
    window: "14:00-17:00"
    catch_up: {send_late: 24}
    content:
      default: {text: "{customer_name|您}好，店里这周到了新款，给您留了一杯热茶。"}
"""


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
class Shown:
    """One line of a rehearsal."""

    day: int
    date: str
    time: str
    kind: str
    way: str
    purpose: str
    text: str
    extras: list[tuple[str, str]]
    note: str
    variant: str
    skipped: str
    quota: str


async def show_journeys(request: web.Request) -> web.Response:
    """All journeys, those that run first as the files have them."""
    here = desk(request)
    async with here.database.read() as session:
        counted = await session.execute(
            select(JourneyWalk.journey, JourneyWalk.audience, func.count())
            .where(JourneyWalk.ended_by.is_(None))
            .group_by(JourneyWalk.journey, JourneyWalk.audience)
        )
        walking = {(str(one), str(audience)): int(n) for one, audience, n in counted}
    cards = [_card(here, one, walking) for one in await request.app[JOURNEYS].all()]
    return await outreach_page(request, "outreach_journeys.html", tab="journeys", cards=cards)


async def show_new(request: web.Request) -> web.Response:
    return await _editor(request, None, _STARTER)


async def show_one(request: web.Request) -> web.Response:
    """The text as it stands, or an older version to look at."""
    journey = _id(request)
    shelf = request.app[JOURNEYS]
    shelved = await shelf.get(journey)
    raw = request.query.get("version", "")
    looked = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 7 else None
    text = await shelf.text(journey, looked)
    return await _editor(request, shelved, text, looked=looked)


async def save(request: web.Request) -> web.Response:
    """Keep the text as a new version; every fault is shown with its line."""
    journey, form = _id(request), await form_of(request)
    seen = form.get("seen", "")
    await _save(request, form, journey=journey, seen=int(seen) if seen.isdigit() else None)
    return went(request, _path(journey), "saved")


async def create(request: web.Request) -> web.Response:
    """A new journey waits for its switch."""
    made = await _save(request, await form_of(request), journey=None, seen=None)
    return went(request, _path(made.id), "created")


async def rehearse(request: web.Request) -> web.Response:
    """Check the text and show what one customer of a segment would get; nothing is kept."""
    form = await form_of(request)
    days = form.get("days", "7")
    here, journey = desk(request), form.get("journey") or None
    try:
        shown = await _preview(
            request,
            text=_text(form),
            journey=journey,
            segment=form.get("segment") or None,
            days=int(days) if days in map(str, DAYS) else DAYS[0],
        )
    except JourneyRefused as error:
        return _problems(request, error.problems)
    return page(request, "_outreach_preview.html", preview=_rehearsed(here, shown), problems=[])


async def switch(request: web.Request) -> web.Response:
    journey, form = _id(request), await form_of(request)
    enabled = form.get("on") == "1"
    await request.app[JOURNEYS].switch(journey, enabled=enabled, by=request[SIGNED].user)
    back = _path(journey) if form.get("back") == "one" else LIST
    return went(request, back, "switched_on" if enabled else "switched_off")


async def restore(request: web.Request) -> web.Response:
    journey, form = _id(request), await form_of(request)
    number = form.get("version", "")
    if not (number.isascii() and number.isdigit() and len(number) < 7):
        raise BadRequest("请从版本列表里选一版")
    await request.app[JOURNEYS].restore(journey, int(number), by=request[SIGNED].user)
    return went(request, _path(journey), "reverted")


async def _save(
    request: web.Request, form: dict[str, str], *, journey: str | None, seen: int | None
) -> Shelved:
    try:
        return await request.app[JOURNEYS].save(
            _text(form),
            by=request[SIGNED].user,
            journey=journey,
            seen=seen,
            note=form.get("note", "").strip(),
        )
    except JourneyRefused as error:
        raise _Refused(await _again(request, form, journey, error.problems)) from None
    except Conflict as error:
        words = desk(request).words("journey.conflict") if journey else error.message
        problem = Problem("", None, None, words, "")
        raise _Refused(await _again(request, form, journey, [problem])) from None


class _Refused(Exception):
    """A text was not saved; `answer` shows it again with what is wrong."""

    def __init__(self, answer: web.Response) -> None:
        super().__init__()
        self.answer = answer


def _or_refusal(handler: Any) -> Any:
    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except _Refused as refused:
            return refused.answer
        return response

    return answered


async def _again(
    request: web.Request, form: dict[str, str], journey: str | None, problems: Collection[Problem]
) -> web.Response:
    """With scripts only the list of faults changes; without, the page comes back as it was."""
    if is_htmx(request):
        return _problems(request, problems)
    shelved = await request.app[JOURNEYS].get(journey) if journey else None
    return await _editor(request, shelved, _text(form), problems=problems, note=form.get("note"))


def _problems(request: web.Request, problems: Collection[Problem]) -> web.Response:
    return page(request, "_outreach_preview.html", preview=None, problems=list(problems))


async def _editor(
    request: web.Request,
    shelved: Shelved | None,
    text: str,
    *,
    looked: int | None = None,
    problems: Collection[Problem] = (),
    note: str | None = None,
) -> web.Response:
    here, shelf = desk(request), request.app[JOURNEYS]
    found, faults = None, list(problems or (shelved.problems if shelved else ()))
    if not faults:
        try:
            journey = shelved.id if shelved else None
            found = _rehearsed(here, await _preview(request, text=text, journey=journey))
        except JourneyRefused as error:
            faults = list(error.problems)
    versions = await shelf.versions(shelved.id) if shelved else []
    return await outreach_page(
        request,
        "outreach_journey.html",
        tab="journeys",
        shelved=shelved,
        card=_card(here, shelved, {}) if shelved else None,
        text=text,
        looked=looked,
        seen=(shelved.number or 0) if shelved else 0,
        note=note or "",
        problems=faults,
        preview=found,
        days=DAYS,
        versions=[(one, here.time(one.saved_at)) for one in versions],
        list_path=LIST,
        save_path=_path(shelved.id) if shelved else NEW,
        rehearse_path=f"{ROOT}/rehearse",
    )


async def _preview(request: web.Request, **what: Any) -> Preview:
    return await preview(
        request.app[JOURNEYS], request.app[SETTINGS], request.app[CLOCK].now(), **what
    )


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A rehearsal day by day."""

    journey: Journey
    segment: str
    segments: dict[str, str]
    days: list[tuple[int, str, list[Shown]]]


def _rehearsed(here: Desk, shown: Preview) -> Rehearsed:
    days: dict[int, list[Shown]] = {}
    for row in shown.rows:
        days.setdefault(row.day, []).append(_line(here, row))
    return Rehearsed(
        shown.journey,
        shown.segment,
        {
            one.name: segment_label(shown.journey, one.name, here.words) or one.zh
            for one in shown.journey.segments
        },
        [(day, lines[0].date, lines) for day, lines in sorted(days.items())],
    )


def _line(here: Desk, row: Row) -> Shown:
    touch, content = row.touch, row.content
    way = here.words(f"way.{touch.way}") if touch.way and str(touch.way) != str(touch.kind) else ""
    said = content.as_dict() if content else {}
    extras = [("link", str(said["link"]["title"]))] if "link" in said else []
    extras += [("image", str(image)) for image in said.get("images", ())]
    extras += [("app", str(said["miniprogram"]["title"]))] if "miniprogram" in said else []
    return Shown(
        day=row.day,
        date=short_day(row.at.date()),
        time=f"{row.at:%H:%M}",
        kind=touch.kind,
        way=way,
        purpose=row.purpose,
        text=str(said.get("text") or (content.summary() if content else "")),
        extras=extras,
        note=str(said.get("todo") or said.get("note") or ""),
        variant=touch.variant or "",
        skipped=why(here.words, touch.rule) if row.skipped_by and touch.rule else "",
        quota=row.quota,
    )


def _card(here: Desk, one: Shelved, walking: dict[tuple[str, str], int]) -> JourneyCard:
    journey = one.journey
    kinds: dict[str, int] = {}
    for step in journey.steps if journey else ():
        kinds[step.kind] = kinds.get(step.kind, 0) + 1
    labels = (
        [segment_label(journey, each.name, here.words) for each in journey.segments]
        if (journey)
        else []
    )
    return JourneyCard(
        id=one.id,
        path=_path(one.id),
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


def _text(form: dict[str, str]) -> str:
    return form.get("text", "").replace("\r\n", "\n")


def _id(request: web.Request) -> str:
    journey = request.match_info["journey"]
    if not is_keepable(journey) or len(journey) > 64:
        raise BadRequest("旅程编号不对")
    return journey


def _path(journey: str) -> str:
    return f"{LIST}/{quote(journey, safe='')}"


ROUTES = (
    web.get(LIST, show_journeys),
    web.get(NEW, show_new),
    web.post(NEW, _or_refusal(create)),
    web.post(f"{ROOT}/rehearse", rehearse),
    web.get(LIST + "/{journey}", show_one),
    web.post(LIST + "/{journey}", _or_refusal(save)),
    web.post(LIST + "/{journey}/switch", switch),
    web.post(LIST + "/{journey}/restore", restore),
)
