"""What begins and ends a journey, its rank and its segments, in a form."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.errors import Conflict
from bot.outreach.journey_shelf import JourneyRefused
from bot.web.console.desk import desk
from bot.web.console.journey_cards import LIST, journey_id, journey_path
from bot.web.console.journey_drafts import Draft, Unreadable, fault_of, keep, open_draft
from bot.web.console.journey_frame_fields import (
    DATES,
    frame_field_of,
    frame_fields,
    frame_of,
    segments_in,
    triggers_in,
    with_triggers,
)
from bot.web.console.journey_rehearsal import DAYS, Rehearsed, rehearsed
from bot.web.console.journey_segments import new_fields, with_segments
from bot.web.console.known_names import KnownNames, known_names
from bot.web.console.outreach_desk import outreach_page
from bot.web.console.plain_fields import Fields
from bot.web.console.shell import form_of, went
from scheduler import Problem, TriggerKind

_UNFINISHED = ("redraw", "trigger.add")  # what was just begun is not yet wrong
_UNSAVED = ("csrf", "do", "seen", "change", "segment", "preview_days", "with_others")


@dataclass(slots=True)
class Sheet:
    """The form as it is to be shown, with faults by field and what somebody else did."""

    draft: Draft
    fields: Fields
    form: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    theirs: dict[str, str] = field(default_factory=dict)
    told: str = ""
    preview: Rehearsed | None = None


async def show_frame(request: web.Request) -> web.StreamResponse:
    draft = await _open(request)
    sheet = Sheet(draft, frame_fields(draft.entry))
    await _check(request, sheet)
    return await _page(request, sheet)


async def post_frame(request: web.Request) -> web.StreamResponse:
    """Any button of the form: save, check, a trigger more or less."""
    draft, form = await _open(request), await form_of(request)
    given = {name: value for name, value in form.items() if name not in _UNSAVED}
    given = (await known_names(desk(request))).named(given, _event_fields(given))
    sheet = Sheet(draft, given, form)
    act = form.get("do", "check")
    if act == "save" and await _save(request, sheet):
        return went(request, journey_path(draft.id), "saved")
    sheet.fields = with_triggers(sheet.fields, act)
    if not sheet.errors and not sheet.others:
        await _check(request, sheet)
    if act in _UNFINISHED:
        sheet.errors, sheet.others = {}, []
    return await _page(request, sheet)


async def _save(request: web.Request, sheet: Sheet) -> bool:
    seen = sheet.form.get("seen", "")
    if seen != str(sheet.draft.number):
        await _meet(request, sheet, int(seen) if seen.isdigit() and len(seen) < 7 else 0)
        return False
    note = sheet.form.get("change", "").strip() or desk(request).words("frame.note")
    try:
        await keep(request, sheet.draft, _edited(request, sheet), note=note)
    except JourneyRefused as error:
        _refused(sheet, error)
        return False
    except Conflict:
        sheet.draft = await _open(request)
        await _meet(request, sheet, int(seen))
        return False
    return True


async def _meet(request: web.Request, sheet: Sheet, seen: int) -> None:
    """Keep what either changed since version `seen`, and show where both did."""
    shelved = sheet.draft.shelved
    sheet.told = desk(request).words(
        "step.met", by=shelved.changed_by or "—", n=sheet.draft.number
    )
    try:
        before = frame_fields((await open_draft(request, sheet.draft.id, seen)).entry)
    except Unreadable:
        return
    now = frame_fields(sheet.draft.entry)
    for name in {**before, **now}:
        old, theirs, mine = before.get(name, ""), now.get(name, ""), sheet.fields.get(name, "")
        if theirs not in (old, mine):
            target = sheet.fields if mine == old else sheet.theirs
            target[name] = theirs


def _edited(request: web.Request, sheet: Sheet) -> dict[str, Any]:
    everybody = desk(request).words("step.others.name")
    return with_segments(sheet.fields, frame_of(sheet.fields, sheet.draft.entry), everybody)


async def _check(request: web.Request, sheet: Sheet) -> None:
    text = await asyncio.to_thread(sheet.draft.rewritten, _edited(request, sheet))
    asked = sheet.form | {"days": sheet.form.get("preview_days", "")}
    if asked.get("segment") not in segments_in(sheet.draft.entry):
        asked["segment"] = ""
    try:
        sheet.preview = await rehearsed(request, asked, text=text, journey=sheet.draft.id)
    except JourneyRefused as error:
        _refused(sheet, error)


def _refused(sheet: Sheet, error: JourneyRefused) -> None:
    for problem in error.problems:
        name = frame_field_of(problem.path)
        if name and name not in sheet.errors:
            sheet.errors[name] = fault_of(problem)
        else:
            sheet.others.append(_where(sheet, problem) + fault_of(problem))


def _where(sheet: Sheet, problem: Problem) -> str:
    """The step that a fault is about."""
    match problem.path:
        case ("steps", int(place), *_) if place < len(sheet.draft.steps):
            return f"「{sheet.draft.steps[place].get('purpose', '')}」"
    return ""


async def _page(request: web.Request, sheet: Sheet) -> web.Response:
    here, draft = desk(request), sheet.draft
    known, say = await known_names(here), here.words
    return await outreach_page(
        request,
        "outreach_frame.html",
        tab="journeys",
        f=new_fields(sheet.fields) | known.labelled(sheet.fields, _event_fields(sheet.fields)),
        errors=sheet.errors,
        others=sheet.others,
        theirs=known.labelled(sheet.theirs, _event_fields(sheet.fields)),
        told=sheet.told,
        preview=sheet.preview,
        problems=[],
        own="",
        days=DAYS,
        asked_days=sheet.form.get("preview_days", ""),
        asked_others=sheet.form.get("with_others", ""),
        journey=str(draft.entry.get("name", draft.id)),
        back=journey_path(draft.id),
        path=f"{journey_path(draft.id)}/frame",
        seen=draft.number,
        enabled=draft.shelved.enabled,
        triggers=triggers_in(sheet.fields),
        trigger_kinds=[(str(one), say(f"trigger.kind.{one}")) for one in TriggerKind],
        date_kinds=[(one, say(f"date.{one}")) for one in DATES],
        weekdays=[
            (str(day), say("calendar.weekday", day=say(f"day.{day}"))) for day in range(1, 8)
        ],
        segments={
            name: str(one.get("zh", name)) for name, one in segments_in(draft.entry).items()
        },
        stages_of=lambda prefix: _stages(known, f"{prefix}stage."),
        exit_stages=_stages(known, "exit.stage."),
        tag_picks=[(name, name) for name in known.tags],
        channel_picks=[(name, name) for name in known.channels],
        event_picks=known.event_picks,
        change=sheet.form.get("change", ""),
    )


def _event_fields(fields: Mapping[str, str]) -> list[str]:
    """Where events are named, among channels and tags."""
    kinds = (TriggerKind.EVENT, TriggerKind.SILENCE)
    return [
        f"t{n}.values" for n in range(triggers_in(fields)) if fields.get(f"t{n}.kind") in kinds
    ]


def _stages(known: KnownNames, prefix: str) -> list[tuple[str, str]]:
    return [(f"{prefix}{name}", label) for name, label in known.stages.items()]


async def _open(request: web.Request) -> Draft:
    journey = journey_id(request)
    try:
        return await open_draft(request, journey)
    except Unreadable:
        raise web.HTTPSeeOther(f"{journey_path(journey)}/yaml") from None


ROUTES = (
    web.get(LIST + "/{journey}/frame", show_frame),
    web.post(LIST + "/{journey}/frame", post_frame),
)
