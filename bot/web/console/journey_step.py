"""One step of a journey in a form: written, seen as the customer sees it, rehearsed, saved."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.errors import Conflict, NotFound
from bot.outreach.journey_shelf import JourneyRefused
from bot.web.console.answers import page
from bot.web.console.desk import Desk, desk
from bot.web.console.journey_cards import (
    LIST,
    journey_id,
    journey_path,
    segment_labels,
    step_path,
)
from bot.web.console.journey_content_fields import pieces_of, with_arms
from bot.web.console.journey_drafts import (
    Draft,
    Step,
    Unreadable,
    by_field,
    keep,
    new_step_id,
    open_draft,
    step_at,
)
from bot.web.console.journey_page import purposes_of
from bot.web.console.journey_phone import said_by, scripts_of, variables_for
from bot.web.console.journey_rehearsal import DAYS, Rehearsed, rehearsed
from bot.web.console.journey_step_fields import segments_of, step_fields, step_of
from bot.web.console.known_names import known_names
from bot.web.console.outreach_desk import outreach_page
from bot.web.console.plain_fields import Fields
from bot.web.console.shell import form_of, went
from bot.web.keys import JOURNEYS
from scheduler import StepKind
from scripts_library import Script

EVENT_FIELDS = ("base_event", "with.more", "without.more")
_NEXT_DAY = {"base": "trigger", "by": "day"}
_UNSAVED = ("csrf", "do", "seen", "segment", "preview_days", "with_others", "change", "like")


@dataclass(slots=True)
class Sheet:
    """The form as it is to be shown: its fields, faults by field, and what somebody else did."""

    draft: Draft
    step: Step
    fields: Fields
    new: str = ""
    form: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    theirs: dict[str, str] = field(default_factory=dict)
    told: str = ""
    preview: Rehearsed | None = None

    @property
    def id(self) -> str:
        return str(self.step.get("id", ""))


async def show_step(request: web.Request) -> web.StreamResponse:
    draft = await _open(request)
    step = draft.step(request.match_info["step"])
    if step is None:
        raise NotFound("没有这一步，可能刚被别人删掉了")
    sheet = Sheet(draft, step, step_fields(step, segments_of(draft.entry)))
    await _check(request, sheet)
    return await _page(request, sheet)


async def show_new(request: web.Request) -> web.StreamResponse:
    """A step that begins as a copy of another, a day later; nothing is kept before it is saved."""
    draft = await _open(request)
    source = draft.step(request.query.get("like", "")) or draft.steps[-1]
    sheet = await _copied(request, draft, source)
    await _check(request, sheet)
    return await _page(request, sheet)


async def _copied(request: web.Request, draft: Draft, source: Step) -> Sheet:
    versions = await request.app[JOURNEYS].versions(draft.id)
    number = 1 + max((one.number for one in versions), default=0)
    step = source | {"id": new_step_id(str(source.get("id")), number)}
    fields = step_fields(source, segments_of(draft.entry))
    if _NEXT_DAY.items() <= fields.items() and fields["day"].isdigit():
        fields["day"] = str(int(fields["day"]) + 1)
    return Sheet(draft, step, fields, new=str(source.get("id")))


async def post_step(request: web.Request) -> web.StreamResponse:
    """Any button of the form: check, save, a picture more, an arm less."""
    draft, form = await _open(request), await form_of(request)
    step_id = request.match_info["step"]
    step = draft.step(step_id)
    given = await _given(request, form)
    sheet = Sheet(draft, step or {"id": step_id}, given, form=form)
    if step is None:
        sheet.told = desk(request).words("step.gone")
    return await _answered(request, sheet)


async def post_new(request: web.Request) -> web.StreamResponse:
    draft, form = await _open(request), await form_of(request)
    sheet = await _copied(request, draft, draft.step(form.get("like", "")) or draft.steps[-1])
    sheet.fields, sheet.form = await _given(request, form), form
    return await _answered(request, sheet)


async def _answered(request: web.Request, sheet: Sheet) -> web.StreamResponse:
    act = sheet.form.get("do", "check")
    if sheet.fields.get("kind") not in set(StepKind):
        sheet.fields["kind"] = str(sheet.step.get("kind", StepKind.NUDGE.value))
    if act == "save" and await _save(request, sheet):
        return went(request, journey_path(sheet.draft.id), "saved")
    sheet.fields = with_arms(sheet.fields, act)
    if not sheet.errors and not sheet.others:
        await _check(request, sheet)
    return await _page(request, sheet)


async def _save(request: web.Request, sheet: Sheet) -> bool:
    """Whether it was kept; if not, the sheet says why."""
    seen = sheet.form.get("seen", "")
    if seen != str(sheet.draft.number):
        await _meet(request, sheet, int(seen) if seen.isdigit() and len(seen) < 7 else 0)
        return False
    words = desk(request).words
    kind = "added" if sheet.new else "changed"
    note = words(f"step.note.{kind}", what=sheet.fields.get("purpose", ""))
    try:
        edited = _edited(sheet)
        await keep(request, sheet.draft, edited, note=sheet.form.get("change", "").strip() or note)
    except JourneyRefused as error:
        _refused(sheet, edited, error)
        return False
    except Conflict:
        sheet.draft = await _open(request)
        sheet.step = sheet.draft.step(sheet.id) or sheet.step
        await _meet(request, sheet, int(seen))
        return False
    return True


async def _meet(request: web.Request, sheet: Sheet, seen: int) -> None:
    """Somebody else saved meanwhile: keep what either changed, and show where both did."""
    here, segments = desk(request), segments_of(sheet.draft.entry)
    shelved = sheet.draft.shelved
    sheet.told = sheet.told or here.words(
        "step.met", by=shelved.changed_by or "—", n=sheet.draft.number
    )
    before = None if sheet.new else await step_at(request, sheet.draft.id, seen, sheet.id)
    if before is None or sheet.draft.step(sheet.id) is None:
        return
    base, now = step_fields(before, segments), step_fields(sheet.step, segments)
    for name in {**base, **now}:
        old, theirs, mine = base.get(name, ""), now.get(name, ""), sheet.fields.get(name, "")
        if theirs in (old, mine):
            continue
        if mine == old:
            sheet.fields[name] = theirs
        else:
            sheet.theirs[name] = theirs


def _edited(sheet: Sheet) -> dict[str, Any]:
    step = step_of(sheet.fields, sheet.step, segments_of(sheet.draft.entry))
    return sheet.draft.with_step(step)


async def _check(request: web.Request, sheet: Sheet) -> None:
    """Rehearse what the form says; faults go beside their fields."""
    edited = _edited(sheet)
    text = await asyncio.to_thread(sheet.draft.rewritten, edited)
    asked = sheet.form | {"days": sheet.form.get("preview_days", "")}
    if asked.get("segment") not in segments_of(edited):
        asked["segment"] = ""
    try:
        sheet.preview = await rehearsed(request, asked, text=text, journey=sheet.draft.id)
    except JourneyRefused as error:
        _refused(sheet, edited, error)


def _refused(sheet: Sheet, edited: Mapping[str, Any], error: JourneyRefused) -> None:
    sheet.errors, sheet.others = by_field(
        error.problems, edited["steps"], sheet.id, segments_of(sheet.draft.entry)
    )


async def _page(request: web.Request, sheet: Sheet) -> web.Response:
    here, draft = desk(request), sheet.draft
    segments = segments_of(draft.entry)
    labels = segment_labels(here, draft.entry, segments)
    path, known = step_path(draft.id, sheet.id), await known_names(here)
    scripts = {} if sheet.fields.get("kind") == StepKind.MOMENT else await scripts_of(request)
    return await outreach_page(
        request,
        "outreach_step.html",
        tab="journeys",
        f=known.labelled(sheet.fields, EVENT_FIELDS),
        errors=sheet.errors,
        others=sheet.others,
        theirs=known.labelled(sheet.theirs, EVENT_FIELDS),
        told=sheet.told,
        new=sheet.new,
        own=sheet.id,
        journey=str(draft.entry.get("name", draft.id)),
        back=journey_path(draft.id),
        path=f"{journey_path(draft.id)}/new-step" if sheet.new else path,
        seen=draft.number,
        enabled=draft.shelved.enabled,
        pieces=await _shown_pieces(request, here, sheet, labels, scripts),
        scripts=[(one.id, one.title) for one in scripts.values()],
        labels=labels,
        kinds=_kinds(sheet.fields.get("kind", "")),
        earlier=_earlier(draft, sheet),
        known=known,
        stage_ticks=[(f"stage.{name}", label) for name, label in known.stages.items()],
        tag_picks=[(name, name) for name in known.tags],
        event_picks=known.event_picks,
        limited=any(sheet.fields.get(name) for name in _only_if(sheet.fields)),
        variables=variables_for(request, sheet.fields.get("kind", "")),
        preview=sheet.preview,
        problems=[],
        days=DAYS,
        change=sheet.form.get("change", ""),
        asked_days=sheet.form.get("preview_days", ""),
        asked_others=sheet.form.get("with_others", ""),
    )


async def _shown_pieces(
    request: web.Request,
    here: Desk,
    sheet: Sheet,
    labels: Mapping[str, str],
    scripts: Mapping[str, Script],
) -> list[tuple[Any, str, list[str], Any]]:
    """Each fieldset with its label, its pictures and one row more, and the phone beside it."""
    return [
        (
            piece,
            labels[piece.segment],
            piece.images(sheet.fields),
            await said_by(request, here, sheet.fields, piece, scripts),
        )
        for piece in pieces_of(sheet.fields, list(labels))
    ]


def _kinds(kind: str) -> Sequence[str]:
    """What the step may become; posts to many stay what they are."""
    alike = (StepKind.NUDGE, StepKind.MASS_SEND, StepKind.GUIDE_TASK)
    return alike if kind in alike else (kind,)


def _earlier(draft: Draft, sheet: Sheet) -> dict[str, str]:
    """The steps that this one may wait for: others that go to the same kind of audience."""
    audience = StepKind(sheet.fields["kind"]).audience
    alike = [
        one
        for one in draft.steps
        if one.get("id") != sheet.id and StepKind(one["kind"]).audience is audience
    ]
    return purposes_of(alike)


def _only_if(fields: Fields) -> list[str]:
    """The fields of a step's conditions."""
    heads = ("stage.", "with.", "without.", "tags", "without_tags")
    return [name for name in fields if name.startswith(heads)]


async def _given(request: web.Request, form: Mapping[str, str]) -> Fields:
    given = {name: value for name, value in form.items() if name not in _UNSAVED}
    return (await known_names(desk(request))).named(given, EVENT_FIELDS)


async def _open(request: web.Request) -> Draft:
    journey = journey_id(request)
    try:
        draft = await open_draft(request, journey)
    except Unreadable:
        raise web.HTTPSeeOther(f"{journey_path(journey)}/yaml") from None
    if not draft.steps:
        raise web.HTTPSeeOther(f"{journey_path(journey)}/yaml")
    return draft


async def phone(request: web.Request) -> web.Response:
    """What one fieldset says, as the customer reads it; asked while somebody types."""
    draft, form = await _open(request), await form_of(request)
    fields = await _given(request, form)
    wanted = request.query.get("piece", "")
    for piece in pieces_of(fields, segments_of(draft.entry)):
        if piece.prefix == wanted:
            said = await said_by(request, desk(request), fields, piece)
            return page(request, "_journey_phone.html", said=said)
    raise NotFound("没有这一栏，请刷新")


ROUTES = (
    web.post(LIST + "/{journey}/phone", phone),
    web.get(LIST + "/{journey}/new-step", show_new),
    web.post(LIST + "/{journey}/new-step", post_new),
    web.get(LIST + "/{journey}/steps/{step}", show_step),
    web.post(LIST + "/{journey}/steps/{step}", post_step),
)
