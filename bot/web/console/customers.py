"""The customers' page: filters, the segment builder, and the list page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlencode

from aiohttp import web
from pydantic import ValidationError
from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.directory import Wanted, guides_of, matching
from bot.customers.segments import (
    MOST_CONDITIONS,
    MOST_DEPTH,
    MOST_GROUPS,
    About,
    Rule,
    delete_segment,
    holds,
    save_segment,
    saved_rule,
    saved_segments,
)
from bot.errors import BadRequest
from bot.store.channel_tables import Channel
from bot.store.contact_tables import CorpTag
from bot.store.tables import Conversation, Customer
from bot.web.api.cursors import read_cursor, write_cursor
from bot.web.api.endpoint import path_id
from bot.web.console.answers import is_htmx
from bot.web.console.desk import Desk, Person, desk
from bot.web.console.keys import SIGNED
from bot.web.console.segment_form import changed, read_rule, write_rule
from bot.web.console.shell import form_of, guide_names, shown, went
from bot.web.keys import CLOCK, DATABASE

CUSTOMERS = "/console/customers"
_LIMIT = 40
_PLAIN = ("q", "stage", "tag", "channel", "guide", "out")


@dataclass(frozen=True, slots=True)
class Options:
    """What the filters offer, each by value with its label."""

    stages: dict[str, str]
    tags: dict[str, str]
    channels: dict[str, str]
    guides: dict[str, str]

    def of_conditions(self) -> dict[About, dict[str, str]]:
        return {
            About.STAGE: self.stages,
            About.TAG: self.tags,
            About.CHANNEL: self.channels,
        }


@dataclass(frozen=True, slots=True)
class Row:
    """One customer of the list."""

    person: Person
    guides: list[str]
    channel: str
    spoke: str
    since: str


async def show_customers(request: web.Request) -> web.Response:
    """The whole page, or with htmx only what depends on the filters."""
    here = desk(request)
    options = await read_options(here)
    plain = _plain(request)
    segment_id = _number(request.query.get("segment"))
    name, rule = await _rule(request, here, options, segment_id)
    kept = plain | ({"segment": str(segment_id)} if segment_id else {}) | write_rule(rule)
    url = f"{CUSTOMERS}?{urlencode(kept)}" if kept else CUSTOMERS
    if "do" in request.query and not is_htmx(request):
        raise web.HTTPSeeOther(url)
    found = await _found(request, options, _described(plain, rule, here.now), kept)
    response = shown(
        request,
        "_customers.html" if is_htmx(request) else "customers.html",
        at="customers",
        options=options,
        plain=plain,
        rule=rule,
        whole=rule.completed(),
        segment_id=segment_id,
        segment_name=name,
        about=list(About),
        most=(MOST_GROUPS, MOST_CONDITIONS, MOST_DEPTH),
        filtered=bool(plain or rule.completed().groups),
        first=not request.query.get("cursor"),
        start=url,
        **found,
    )
    if is_htmx(request):
        response.headers["HX-Push-Url"] = url
    return response


async def _found(
    request: web.Request, options: Options, condition: Any, kept: dict[str, str]
) -> dict[str, Any]:
    """One page of the customers described, how many there are, and the saved segments."""
    here = desk(request)
    async with here.database.read() as session:
        found = await _page(session, condition, request.query.get("cursor", ""))
        total = await session.scalar(select(func.count()).select_from(condition.subquery()))
        rows = await _rows(session, here, found[:_LIMIT], options)
        saved = await saved_segments(session)
    last = found[_LIMIT - 1] if len(found) > _LIMIT else None
    return {
        "rows": rows,
        "total": total or 0,
        "saved": saved,
        "following": _following(kept, last) if last else "",
    }


async def save(request: web.Request) -> web.Response:
    """Keep the rule of the page under a name."""
    form = await form_of(request)
    try:
        rule = Rule.model_validate_json(form.get("rule", ""))
    except ValidationError:
        raise BadRequest("条件没有读懂，请刷新页面后重试") from None
    async with request.app[DATABASE].write() as session:
        segment_id = await save_segment(
            session,
            form.get("name", ""),
            rule,
            by=request[SIGNED].user,
            now=request.app[CLOCK].now(),
        )
    return went(request, f"{CUSTOMERS}?segment={segment_id}", "saved")


async def drop(request: web.Request) -> web.Response:
    async with request.app[DATABASE].write() as session:
        await delete_segment(session, path_id(request))
    return went(request, CUSTOMERS, "deleted")


async def read_options(here: Desk) -> Options:
    """Everything that there is to choose from."""
    async with here.database.read() as session:
        tags = await session.scalars(
            select(CorpTag.name)
            .where(CorpTag.deleted_at.is_(None))
            .distinct()
            .order_by(CorpTag.name)
        )
        channels = await session.execute(select(Channel.state, Channel.name).order_by(Channel.id))
        return Options(
            stages={name: here.stage(name) for name in here.funnel.names},
            tags={tag: tag for tag in tags},
            channels=dict(channels.all()),
            guides=await guide_names(here.database),
        )


def _plain(request: web.Request) -> dict[str, str]:
    given = {name: request.query.get(name, "").strip()[:64] for name in _PLAIN}
    return {name: value.replace("\x00", "") for name, value in given.items() if value}


async def _rule(
    request: web.Request, here: Desk, options: Options, segment_id: int | None
) -> tuple[str, Rule]:
    name, saved = "", Rule()
    if segment_id:
        async with here.database.read() as session:
            name, saved = await saved_rule(session, segment_id)
    built = "built" in request.query
    rule = read_rule(request.query, options.of_conditions()) if built else saved
    return name, changed(rule, request.query.get("do", ""))


def _described(plain: dict[str, str], rule: Rule, now: datetime) -> Any:
    out = plain.get("out")
    wanted = Wanted(
        stage=plain.get("stage"),
        tag=plain.get("tag"),
        channel=plain.get("channel"),
        guide=plain.get("guide"),
        opted_out=None if out is None else out == "1",
        text=plain.get("q"),
    )
    return matching(wanted).where(holds(rule, now=now))


async def _page(session: AsyncSession, condition: Any, cursor: str) -> Sequence[Customer]:
    after = cast("Any", read_cursor(cursor, datetime, str))
    place = tuple_(Customer.first_seen_at, Customer.external_userid)
    if after:
        condition = condition.where(place < tuple(after))
    rows = await session.scalars(
        condition.order_by(Customer.first_seen_at.desc(), Customer.external_userid.desc()).limit(
            _LIMIT + 1
        )
    )
    return cast("Sequence[Customer]", rows.all())


async def _rows(
    session: AsyncSession, here: Desk, customers: Sequence[Customer], options: Options
) -> list[Row]:
    ids = [one.external_userid for one in customers]
    guides = await guides_of(session, ids)
    spoke = dict(
        (
            await session.execute(
                select(Conversation.external_userid, func.max(Conversation.last_inbound_at))
                .where(Conversation.external_userid.in_(ids))
                .group_by(Conversation.external_userid)
            )
        ).all()
    )
    return [
        Row(
            person=here.person(one),
            guides=[
                options.guides.get(guide, guide) for guide in guides.get(one.external_userid, [])
            ],
            channel=options.channels.get(one.channel or "", one.channel or ""),
            spoke=here.since(moment) if (moment := spoke.get(one.external_userid)) else "",
            since=here.time(one.first_seen_at),
        )
        for one in customers
    ]


def _following(kept: dict[str, str], last: Customer) -> str:
    cursor = write_cursor(last.first_seen_at, last.external_userid)
    return f"{CUSTOMERS}?{urlencode(kept | {'cursor': cursor})}"


def _number(raw: str | None) -> int | None:
    return int(raw) if raw and raw.isascii() and raw.isdigit() and len(raw) < 19 else None


ROUTES = (
    web.get(CUSTOMERS, show_customers),
    web.post("/console/segments", save),
    web.post("/console/segments/{id}/delete", drop),
)
