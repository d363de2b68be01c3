"""`/customers/{id}/timeline`, `/portrait` and `/tags`: what happened and what is known."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from bot.customers.contact_events import open_relations
from bot.customers.portrait import LABELS
from bot.customers.tagging import want_tags
from bot.customers.timeline import SOURCES, Entry, Place, timeline
from bot.errors import BadRequest, NotFound, Unprocessable, WeComError
from bot.store.contact_tables import PortraitFact
from bot.web.api.cursors import read_cursor, write_cursor
from bot.web.api.customers import BY_API, known_customer, path_customer
from bot.web.api.endpoint import Body, Endpoint
from bot.web.keys import CLOCK, CONTACTS, DATABASE, SETTINGS


class TimelineQuery(Body):
    """`kind` is one of the entries' kinds, or several joined by commas."""

    kind: str = Field("", max_length=200)
    cursor: str = ""
    limit: int = Field(50, ge=1, le=200)


class EntryView(BaseModel):
    kind: str
    id: int
    at: datetime
    text: str
    data: dict[str, Any]


class TimelinePage(BaseModel):
    items: list[EntryView]
    next_cursor: str | None


class FactView(BaseModel):
    """`state`: guessed, confirmed by a guide, or rejected."""

    field: str
    label: str
    value: str
    confidence: float
    state: str
    times: int
    message_id: int | None
    quote: str
    decided_by: str | None
    first_at: datetime
    last_at: datetime


class PortraitView(BaseModel):
    external_userid: str
    facts: list[FactView]


class FactDecision(Body):
    """Confirm a value; with `right: false` reject it; with `instead_of` correct another."""

    field: str = Field(max_length=32)
    value: str = Field(min_length=1, max_length=64)
    instead_of: str | None = Field(None, max_length=64)
    right: bool = True


class TagWish(Body):
    """Names to put on (created when WeCom has none) and ids to take off; all guides by default."""

    add: list[str] = Field(default_factory=list, max_length=20)
    remove: list[str] = Field(default_factory=list, max_length=20)
    group: str = Field("机器人", min_length=1, max_length=30)
    guide: str | None = Field(None, max_length=64)


class RemarkChange(Body):
    """What is given is set; WeCom allows 20 characters of remark and 150 of description."""

    guide: str = Field(min_length=1, max_length=64)
    remark: str | None = None
    description: str | None = None
    mobiles: list[str] | None = Field(None, max_length=5)


class RemarkDone(BaseModel):
    external_userid: str
    guide: str


class TagsPromised(BaseModel):
    """WeCom is told by a worker; the jobs' ids say which."""

    external_userid: str
    jobs: list[int]


async def show_timeline(request: web.Request, query: TimelineQuery, body: None) -> TimelinePage:
    who = path_customer(request)
    kinds = [kind for kind in query.kind.split(",") if kind]
    known = [kind for kind, _ in SOURCES]
    if unknown := sorted(set(kinds) - set(known)):
        raise Unprocessable(
            f"没有 {'、'.join(unknown)} 这类记录：可用的有 {'、'.join(known)}", kinds=known
        )
    before: Any = read_cursor(query.cursor, datetime, str, int)
    async with request.app[DATABASE].read() as session:
        await known_customer(session, who)
        found = await timeline(
            session,
            who,
            before=Place(*before) if before else None,
            limit=query.limit + 1,
            kinds=kinds,
        )
    shown = found[: query.limit]
    more = len(found) > query.limit
    return TimelinePage(
        items=[_entry(request, entry) for entry in shown],
        next_cursor=_cursor(shown[-1].place) if more else None,
    )


def _cursor(place: Place) -> str:
    return write_cursor(place.at, place.kind, place.id)


def _entry(request: web.Request, entry: Entry) -> EntryView:
    zone = request.app[SETTINGS].shop.zone
    return EntryView(
        kind=entry.place.kind,
        id=entry.place.id,
        at=entry.place.at.astimezone(zone),
        text=entry.text,
        data=entry.data,
    )


async def show_portrait(request: web.Request, query: object, body: None) -> PortraitView:
    who = path_customer(request)
    found = await request.app[CONTACTS].portraits.show(who)
    facts = [_fact(request, fact) for values in found.values() for fact in values]
    return PortraitView(external_userid=who, facts=facts)


async def decide_portrait(request: web.Request, query: object, body: FactDecision) -> FactView:
    fact = await request.app[CONTACTS].portraits.decide(
        path_customer(request),
        body.field,
        body.value.replace("\x00", ""),
        instead_of=body.instead_of,
        right=body.right,
        by=BY_API,
    )
    return _fact(request, fact)


def _fact(request: web.Request, fact: PortraitFact) -> FactView:
    zone = request.app[SETTINGS].shop.zone
    return FactView(
        field=fact.field,
        label=LABELS.get(fact.field, fact.field),
        value=fact.value,
        confidence=round(fact.confidence, 2),
        state=fact.state,
        times=fact.times,
        message_id=fact.message_id,
        quote=fact.quote,
        decided_by=fact.decided_by,
        first_at=fact.first_at.astimezone(zone),
        last_at=fact.last_at.astimezone(zone),
    )


async def change_remark(request: web.Request, query: object, body: RemarkChange) -> RemarkDone:
    who = path_customer(request)
    if "\\u0000" in body.model_dump_json():
        raise Unprocessable("请求体有误：不能含有空字符")
    await request.app[CONTACTS].remarks.change(
        body.guide,
        who,
        remark=body.remark,
        description=body.description,
        mobiles=body.mobiles,
    )
    return RemarkDone(external_userid=who, guide=body.guide)


async def change_tags(request: web.Request, query: object, body: TagWish) -> TagsPromised:
    who, now = path_customer(request), request.app[CLOCK].now()
    names = [name.strip() for name in body.add if name.strip()]
    if any(len(name) > 30 or "\x00" in name for name in names):
        raise Unprocessable("请求体 add 有误：标签名最长 30 个字")
    if not (names or body.remove):
        raise Unprocessable("请求体有误：add 和 remove 至少要有一个")
    async with request.app[DATABASE].write() as session:
        await known_customer(session, who)
        guides = await open_relations(session, who)
        if body.guide is not None and body.guide not in guides:
            raise NotFound(f"导购 {body.guide} 没有跟进这位客户")
        if not guides:
            raise Unprocessable("没有导购跟进这位客户，企业微信不能给他打标签")
        jobs = [
            await want_tags(
                session,
                guide,
                who,
                names=names,
                remove=body.remove,
                group=body.group,
                cause=BY_API,
                now=now,
            )
            for guide in ([body.guide] if body.guide else guides)
        ]
    return TagsPromised(external_userid=who, jobs=[job.id for job in jobs if job])


ENDPOINTS = (
    Endpoint(
        "GET",
        "/customers/{external_userid}/timeline",
        show_timeline,
        "一位客户的全部经过，新的在前",
        TimelinePage,
        query=TimelineQuery,
        errors=(BadRequest, NotFound, Unprocessable),
    ),
    Endpoint(
        "GET",
        "/customers/{external_userid}/portrait",
        show_portrait,
        "画像：从聊天里得知的尺码、预算、喜好……，每一项有出处和把握",
        PortraitView,
        errors=(NotFound,),
    ),
    Endpoint(
        "POST",
        "/customers/{external_userid}/portrait",
        decide_portrait,
        "确认、否定或更正画像里的一项",
        FactView,
        body=FactDecision,
        errors=(NotFound, Unprocessable),
    ),
    Endpoint(
        "PATCH",
        "/customers/{external_userid}/remark",
        change_remark,
        "修改导购对客户的备注、描述和电话，同时写到企业微信",
        RemarkDone,
        body=RemarkChange,
        errors=(NotFound, Unprocessable, WeComError),
    ),
    Endpoint(
        "POST",
        "/customers/{external_userid}/tags",
        change_tags,
        "给客户打上或去掉标签；由后台写到企业微信",
        TagsPromised,
        body=TagWish,
        status=202,
        errors=(NotFound, Unprocessable),
    ),
)
