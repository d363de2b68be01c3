"""Journeys: the list with switches, one put back to an earlier version, one made from another."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import func, select

from bot.errors import BadRequest, Conflict
from bot.outreach.journey_shelf import JourneyRefused
from bot.store.outreach_tables import JourneyWalk
from bot.web.console.desk import desk
from bot.web.console.journey_cards import LIST, card_of, journey_id, journey_path
from bot.web.console.journey_drafts import Unreadable, fault_of, open_draft
from bot.web.console.keys import SIGNED
from bot.web.console.outreach_desk import ROOT, outreach_page
from bot.web.console.shell import form_of, went
from bot.web.keys import JOURNEYS
from scheduler.journey import CohortSettings
from scheduler.reading.rewriting import rewritten

COPY = f"{ROOT}/copy-journey"
_NUMBERED = re.compile(r"_\d+$")


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
    cards = [card_of(here, one, walking) for one in await request.app[JOURNEYS].all()]
    return await outreach_page(request, "outreach_journeys.html", tab="journeys", cards=cards)


async def show_copy(request: web.Request) -> web.Response:
    """From which journey to make a new one, and what it is to be called."""
    return await _copying(request, {"from": request.query.get("from", "")})


async def copy(request: web.Request) -> web.Response:
    """A new journey with the steps of another; it waits for its switch."""
    form = await form_of(request)
    try:
        draft = await open_draft(request, form.get("from", ""))
    except Unreadable:
        return await _copying(request, form, "from", desk(request).words("journeys.broken"))
    own, name = form.get("id", "").strip() or await _free(request, draft.id), form.get("name", "")
    entry = draft.entry | {"id": own, "name": name.strip()}
    if isinstance(entry.get("cohort"), dict):
        entry["cohort"] = entry["cohort"] | {"tag_prefix": await _free_prefix(request, entry)}
    text = await asyncio.to_thread(rewritten, draft.text, entry)
    try:
        note = desk(request).words("copy.note", name=draft.entry.get("name", draft.id))
        made = await request.app[JOURNEYS].save(text, by=request[SIGNED].user, note=note)
    except Conflict as error:
        return await _copying(request, form, "id", error.message)
    except JourneyRefused as error:
        first = error.problems[0]
        field = str(first.path[0]) if first.path and first.path[0] in ("id", "name") else "from"
        return await _copying(request, form, field, fault_of(first))
    return went(request, journey_path(made.id), "created")


async def _copying(
    request: web.Request, form: dict[str, str], field: str = "", fault: str = ""
) -> web.Response:
    shelved = [one for one in await request.app[JOURNEYS].all() if one.journey is not None]
    known = [one.id for one in shelved]
    source = form.get("from", "")
    chosen = source if source in known else (known[0] if known else "")
    fields = {"from": chosen, "name": form.get("name", ""), "id": form.get("id", "")}
    return await outreach_page(
        request,
        "outreach_journey_copy.html",
        tab="journeys",
        journeys=[(one.id, one.journey.name) for one in shelved if one.journey],
        f=fields,
        errors={field: fault} if field else {},
        theirs={},
        suggested=await _free(request, chosen or "journey"),
        list_path=LIST,
    )


async def _free(request: web.Request, source: str) -> str:
    """The next id that no journey has: `parcel`, `parcel_2`, `parcel_3`."""
    taken = {one.id for one in await request.app[JOURNEYS].all()}
    stem = _NUMBERED.sub("", source)[:58]
    return next(name for n in range(2, 10_000) if (name := f"{stem}_{n}") not in taken)


async def _free_prefix(request: web.Request, entry: Mapping[str, Any]) -> str:
    """A prefix of cohort tags of its own: posts are aimed by the tags' names."""
    journeys = [one.journey for one in await request.app[JOURNEYS].all() if one.journey]
    taken = {one.cohort.tag_prefix for one in journeys if one.cohort}
    stem = str(entry["cohort"].get("tag_prefix") or CohortSettings().tag_prefix)[:10]
    return next(name for n in range(2, 100) if (name := f"{stem}{n}") not in taken)


async def switch(request: web.Request) -> web.Response:
    journey, form = journey_id(request), await form_of(request)
    enabled = form.get("on") == "1"
    await request.app[JOURNEYS].switch(journey, enabled=enabled, by=request[SIGNED].user)
    back = journey_path(journey) if form.get("back") == "one" else LIST
    return went(request, back, "switched_on" if enabled else "switched_off")


async def restore(request: web.Request) -> web.Response:
    journey, form = journey_id(request), await form_of(request)
    number = form.get("version", "")
    if not (number.isascii() and number.isdigit() and len(number) < 7):
        raise BadRequest("请从版本列表里选一版")
    await request.app[JOURNEYS].restore(journey, int(number), by=request[SIGNED].user)
    return went(request, journey_path(journey), "reverted")


ROUTES = (
    web.get(LIST, show_journeys),
    web.get(COPY, show_copy),
    web.post(COPY, copy),
    web.post(LIST + "/{journey}/switch", switch),
    web.post(LIST + "/{journey}/restore", restore),
)
