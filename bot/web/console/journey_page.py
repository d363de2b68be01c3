"""One journey as cards, one a step: read at a glance, steps moved and taken out."""

from __future__ import annotations

import itertools

from aiohttp import web

from bot.errors import Conflict, NotFound, Unprocessable
from bot.outreach.journey_shelf import JourneyRefused
from bot.web.console.desk import Desk, desk
from bot.web.console.journey_cards import (
    LIST,
    StepCard,
    card_of,
    journey_id,
    journey_path,
    segment_labels,
    step_card,
    version_asked,
)
from bot.web.console.journey_drafts import (
    Draft,
    Step,
    Unreadable,
    fault_of,
    keep,
    minutes_of,
    open_draft,
)
from bot.web.console.journey_frame_fields import frame_fields
from bot.web.console.journey_old_words import old_steps
from bot.web.console.journey_step_fields import segments_of
from bot.web.console.outreach_desk import outreach_page
from bot.web.console.plain_fields import number_or_text
from bot.web.console.shell import form_of, went
from bot.web.keys import JOURNEYS


async def show_journey(request: web.Request) -> web.StreamResponse:
    """Its steps as cards; `?version=` shows an earlier one, which cannot be edited."""
    journey, here = journey_id(request), desk(request)
    looked = version_asked(request)
    try:
        draft = await open_draft(request, journey, looked)
    except Unreadable:
        raise web.HTTPSeeOther(f"{journey_path(journey)}/yaml") from None
    versions = await request.app[JOURNEYS].versions(journey)
    seen = draft.shelved.number or 0
    return await outreach_page(
        request,
        "outreach_journey.html",
        tab="journeys",
        card=card_of(here, draft.shelved, {}),
        name=str(draft.entry.get("name", journey)),
        note=frame_fields(draft.entry)["note"],
        days=days_of(cards_of(here, draft)),
        segments=_told_apart(here, draft),
        looked=looked if looked != seen else None,
        seen=seen,
        view="cards",
        versions=[(one, here.time(one.saved_at)) for one in versions],
        list_path=LIST,
        old_words=await old_steps(request, journey),
    )


def _told_apart(here: Desk, draft: Draft) -> list[tuple[str, str]]:
    """Segments with the tags that tell them."""
    fields = frame_fields(draft.entry)
    labels = segment_labels(here, draft.entry, segments_of(draft.entry))
    return [
        (labels[name], fields.get(f"s.{name}.tags", ""))
        for name in labels
        if f"s.{name}.zh" in fields
    ]


def cards_of(here: Desk, draft: Draft) -> list[StepCard]:
    labels = segment_labels(here, draft.entry, segments_of(draft.entry))
    return [
        step_card(here, draft.id, step, labels, purposes_of(draft.steps))
        for step in in_time(draft.steps)
    ]


def in_time(steps: list[Step]) -> list[Step]:
    """Steps of all audiences by their day; what waits for another stays right behind it."""
    ranks: dict[str, float] = {}
    for place, step in enumerate(steps):
        base = minutes_of(step)
        waits_for = str((step.get("after") or {}).get("step", ""))
        known = ranks.get(waits_for, max(ranks.values(), default=0.0))
        ranks[str(step.get("id"))] = (known if base is None else base) + place / 1_000
    return sorted(steps, key=lambda step: ranks[str(step.get("id"))])


def days_of(cards: list[StepCard]) -> list[tuple[str, list[StepCard]]]:
    """Steps that follow each other on one day stand under one heading."""
    return [(head, list(group)) for head, group in itertools.groupby(cards, lambda one: one.head)]


def purposes_of(steps: list[Step]) -> dict[str, str]:
    return {str(one.get("id")): str(one.get("purpose", "")) for one in steps}


async def remove(request: web.Request) -> web.Response:
    """Take a step out; whoever waited for it is moved on by the planner."""
    draft, step, form = await _touched(request)
    steps = [one for one in draft.steps if one is not step]
    if not steps:
        raise Unprocessable("旅程至少要有一步；不想再发，请把旅程停用")
    words = desk(request).words("step.note.removed", what=str(step.get("purpose", "")))
    return await _kept(request, draft, draft.entry | {"steps": steps}, form, words)


async def move(request: web.Request) -> web.Response:
    """Put a step on another day or time; the order of steps follows."""
    draft, step, form = await _touched(request)
    if not isinstance(step.get("at"), dict) or "hours" in step["at"] or "minutes" in step["at"]:
        raise Unprocessable("这一步不是按第几天几点发的，请打开编辑")
    moved = step | {"at": {"day": number_or_text(form.get("day", "")), "time": _clock(form)}}
    words = desk(request).words("step.note.moved", what=str(step.get("purpose", "")))
    return await _kept(request, draft, draft.with_step(moved), form, words)


def _clock(form: dict[str, str]) -> str:
    return form.get("time", "").strip()[:5]


async def _touched(request: web.Request) -> tuple[Draft, Step, dict[str, str]]:
    """The journey and the step that a button of its card is about."""
    form = await form_of(request)
    try:
        draft = await open_draft(request, journey_id(request))
    except Unreadable:
        raise Unprocessable("这个旅程现在读不了，请先在 YAML 里改好") from None
    step = draft.step(request.match_info["step"])
    if step is None:
        raise NotFound("没有这一步，可能刚被别人删掉了，请刷新")
    return draft, step, form


async def _kept(
    request: web.Request, draft: Draft, entry: Step, form: dict[str, str], note: str
) -> web.Response:
    if form.get("seen", "") != str(draft.number):
        raise Conflict("别人刚保存了新的一版，请刷新看看再改")
    try:
        await keep(request, draft, entry, note=note)
    except JourneyRefused as error:
        raise Unprocessable("；".join(fault_of(one) for one in error.problems[:3])) from None
    return went(request, journey_path(draft.id), "saved")


ROUTES = (
    web.get(LIST + "/{journey}", show_journey),
    web.post(LIST + "/{journey}/steps/{step}/remove", remove),
    web.post(LIST + "/{journey}/steps/{step}/move", move),
)
