"""One customer: what is known, who knows them, what happened, and what may be done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.contact_events import open_relations
from bot.customers.opt_outs import OptOutSource, opt_in, opt_out
from bot.customers.portrait import LABELS
from bot.customers.tagging import want_tags
from bot.customers.timeline import SOURCES, Place, timeline
from bot.errors import Unprocessable
from bot.store.contact_tables import CorpTag, FollowTag, TagJob
from bot.store.tables import Customer, Suggestion, WorkState
from bot.web.api.cursors import read_cursor, write_cursor
from bot.web.api.customers import known_customer, path_customer, show_customer
from bot.web.console.answers import is_htmx
from bot.web.console.customer_acts import CUSTOMERS, handovers
from bot.web.console.customer_limits import limits_of
from bot.web.console.desk import Desk, desk
from bot.web.console.keys import SIGNED
from bot.web.console.outreach_desk import current_plans
from bot.web.console.shell import form_of, guide_names, noted, shown, went
from bot.web.console.stories import Story, story_of
from bot.web.console.worklist import status_of
from bot.web.keys import CLOCK, CONTACTS, DATABASE

_PAGE = 30
_SUGGESTIONS = 5
_MOST_TAG_NAME = 30
_MOST_TAGS = 200


async def show(request: web.Request) -> web.Response:
    """The whole page."""
    here, who = desk(request), path_customer(request)
    view = await show_customer(request, None, None)
    async with here.database.read() as session:
        customer = await session.get_one(Customer, who)
        tags = await _tags(session, who)
        suggestions = await _suggestions(session, who)
    entries, following = await _stories(request, here)
    return shown(
        request,
        "customer.html",
        at="customers",
        person=here.person(customer),
        view=view,
        guides=await guide_names(here.database),
        handing=await handovers(request, view.follows),
        stages={name: here.stage(name) for name in here.funnel.names},
        suggestions=[_suggestion(here, one) for one in suggestions],
        facts=await _facts(request, who),
        fields=_field_labels(here),
        entries=entries,
        following=following,
        limits=await limits_of(request, here, who),
        kinds=_kinds(here),
        kind=_kind(request),
        path=_path(who),
        **tags,
    )


async def _tags(session: AsyncSession, who: str) -> dict[str, Any]:
    """The tags borne, those to choose from, and whether some are on their way."""
    borne = await session.execute(
        select(CorpTag.tag_id, CorpTag.name)
        .join(FollowTag, FollowTag.tag_id == CorpTag.tag_id)
        .where(FollowTag.external_userid == who, CorpTag.deleted_at.is_(None))
        .distinct()
        .order_by(CorpTag.name)
    )
    waiting = await session.scalar(
        select(TagJob.id)
        .where(TagJob.external_userid == who, TagJob.state == WorkState.READY)
        .limit(1)
    )
    names = await session.scalars(
        select(CorpTag.name).where(CorpTag.deleted_at.is_(None)).distinct().limit(_MOST_TAGS)
    )
    return {"tags": borne.all(), "tagging": waiting is not None, "all_tags": list(names)}


async def _suggestions(session: AsyncSession, who: str) -> Sequence[Suggestion]:
    rows = await session.scalars(
        select(Suggestion)
        .where(Suggestion.external_userid == who)
        .order_by(Suggestion.id.desc())
        .limit(_SUGGESTIONS)
    )
    return rows.all()


async def show_timeline(request: web.Request) -> web.Response:
    """More of what happened, or only one kind of it."""
    who = path_customer(request)
    if not is_htmx(request):
        raise web.HTTPSeeOther(_path(who))
    here = desk(request)
    async with here.database.read() as session:
        await known_customer(session, who)
    entries, following = await _stories(request, here)
    part = "_customer_entries.html" if "cursor" in request.query else "_customer_timeline.html"
    return shown(
        request,
        part,
        at="customers",
        entries=entries,
        following=following,
        kinds=_kinds(here),
        kind=_kind(request),
        path=_path(who),
    )


async def decide(request: web.Request) -> web.Response:
    """Confirm, turn down, correct or add one field of the portrait."""
    who, form = path_customer(request), await form_of(request)
    value = form.get("value", "").strip()
    if not value:
        raise Unprocessable("请填写内容")
    correcting = form.get("act") == "correct" and form.get("old") not in (None, value)
    await request.app[CONTACTS].portraits.decide(
        who,
        form.get("field", ""),
        value,
        instead_of=form.get("old") if correcting else None,
        right=form.get("act") != "reject",
        by=request[SIGNED].user,
    )
    done = "dropped" if form.get("act") == "reject" else "confirmed"
    if not is_htmx(request):
        return went(request, _path(who), done)
    response = shown(
        request,
        "_customer_portrait.html",
        at="customers",
        facts=await _facts(request, who),
        fields=_field_labels(desk(request)),
        path=_path(who),
    )
    return noted(request, response, done)


async def switch(request: web.Request) -> web.Response:
    """Leave this customer alone, or not any more."""
    who, form, now = path_customer(request), await form_of(request), request.app[CLOCK].now()
    out = form.get("out") == "1"
    async with request.app[DATABASE].write() as session:
        await known_customer(session, who)
        await (opt_out if out else opt_in)(
            session,
            who,
            source=OptOutSource.GUIDE,
            by=request[SIGNED].user,
            reason=form.get("reason", "").strip()[:200],
            now=now,
        )
    return went(request, _path(who), "opted_out" if out else "opted_in")


async def tag(request: web.Request) -> web.Response:
    """Put one tag on or take one off, for every guide who knows the customer."""
    who, form, now = path_customer(request), await form_of(request), request.app[CLOCK].now()
    add, remove = form.get("add", "").strip(), form.get("remove", "").strip()
    if not (add or remove) or len(add) > _MOST_TAG_NAME:
        raise Unprocessable(f"请填写标签名，最长 {_MOST_TAG_NAME} 个字")
    async with request.app[DATABASE].write() as session:
        await known_customer(session, who)
        guides = await open_relations(session, who)
        if not guides:
            raise Unprocessable("没有导购跟进这位客户，企业微信不能给他打标签")
        for guide in guides:
            await want_tags(
                session,
                guide,
                who,
                names=[add] if add else [],
                remove=[remove] if remove else [],
                cause=request[SIGNED].user,
                now=now,
            )
    request.app[CONTACTS].tag_jobs.nudge()
    return went(request, _path(who), "tagging")


async def _stories(request: web.Request, here: Desk) -> tuple[list[Story], str]:
    kind, who = _kind(request), path_customer(request)
    before: Any = read_cursor(request.query.get("cursor", ""), datetime, str, int)
    async with here.database.read() as session:
        found = await timeline(
            session,
            who,
            before=Place(*before) if before else None,
            limit=_PAGE + 1,
            kinds=[kind] if kind else [],
        )
    names = await guide_names(here.database)
    page = found[:_PAGE]
    following = ""
    if len(found) > _PAGE:
        place = page[-1].place
        following = write_cursor(place.at, place.kind, place.id)
    journeys = (await current_plans(request)).journeys
    return [story_of(here, entry, names, journeys) for entry in page], following


def _kind(request: web.Request) -> str:
    kind = request.query.get("kind", "")
    return kind if kind in {name for name, _ in SOURCES} else ""


def _kinds(here: Desk) -> dict[str, str]:
    return {
        name: here.words(f"kind.{name}") if f"kind.{name}" in here.words.texts else name
        for name, _ in SOURCES
    }


async def _facts(request: web.Request, who: str) -> list[dict[str, Any]]:
    here = desk(request)
    labels = _field_labels(here)
    found = await request.app[CONTACTS].portraits.show(who)
    return [
        {
            "field": fact.field,
            "label": labels.get(fact.field, fact.field),
            "value": fact.value,
            "percent": round(100 * fact.confidence),
            "sure": fact.state == "confirmed",
            "quote": fact.quote,
            "by": fact.decided_by or "",
            "at": here.time(fact.last_at),
            "times": fact.times,
        }
        for values in found.values()
        for fact in values
    ]


def _field_labels(here: Desk) -> dict[str, str]:
    return {field: here.words.name(field, label) for field, label in LABELS.items()}


def _suggestion(here: Desk, one: Suggestion) -> dict[str, Any]:
    status = status_of(one)
    return {
        "id": one.id,
        "text": one.text,
        "at": here.time(one.said_at),
        "status": status,
        "label": here.words(f"status.{status}"),
        "tab": "pending" if one.status == "pending" else "decided",
        "sent": one.sent_text or "",
    }


def _path(who: str) -> str:
    return f"{CUSTOMERS}/{quote(who, safe='')}"


ROUTES = (
    web.get(CUSTOMERS + "/{external_userid}", show),
    web.get(CUSTOMERS + "/{external_userid}/timeline", show_timeline),
    web.post(CUSTOMERS + "/{external_userid}/portrait", decide),
    web.post(CUSTOMERS + "/{external_userid}/opt-out", switch),
    web.post(CUSTOMERS + "/{external_userid}/tags", tag),
)
