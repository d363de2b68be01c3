"""`/touches` and `/quotas`: what was planned, sent and left out, and what is still allowed."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias

from aiohttp import web
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field
from sqlalchemy import or_, select

from bot.errors import BadRequest, NotFound
from bot.outreach.ledger_view import LedgerView, ledger_view
from bot.outreach.plans import budget_of
from bot.outreach.posts_missed import Missed, posts_missed, standing_of
from bot.outreach.put_off import put_off
from bot.outreach.touches_of_customer import touches_of_customer
from bot.store.outreach_tables import TouchRow, TouchState
from bot.web.api.endpoint import Body, Endpoint, is_keepable
from bot.web.keys import CLOCK, DATABASE, OUTREACH, SETTINGS
from scheduler import Audience, Rule


def _plus(value: object) -> object:
    """A `+` that nobody escaped arrives as a blank."""
    return _ZONE.sub(r"+\1", value) if isinstance(value, str) else value


def _in_utc(value: datetime) -> datetime:
    """The calendar ends in UTC, too: a moment beyond it is refused."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("时间超出了日历的范围") from None


_ZONE = re.compile(r" (\d\d:?\d\d)$")
Moment = Annotated[AwareDatetime, BeforeValidator(_plus), AfterValidator(_in_utc)]


_Standing: TypeAlias = tuple[TouchRow, TouchState]


class TouchQuery(Body):
    """`from` and `to` bound the time at which a touch is or was due.

    `external_userid` finds the customer's own touches and the posts to their cohorts.
    """

    status: TouchState | None = None
    external_userid: str | None = Field(None, max_length=64)
    journey: str | None = Field(None, max_length=64)
    since: Moment | None = Field(None, alias="from")
    until: Moment | None = Field(None, alias="to")
    cursor: str = ""
    limit: int = Field(50, ge=1, le=500)


class TouchView(BaseModel):
    id: str
    journey: str
    step: str
    kind: str
    external_userid: str | None = None
    cohort: str | None = None
    group: str | None = None
    due_at: datetime
    status: str
    way: str | None = None
    skipped_by: str | None = None
    moved_by: str | None = None
    explanation: str
    variant: str | None = None
    guides: list[str]
    sent_at: datetime | None = None
    task_id: int | None = None
    outcome: dict[str, Any] | None = None


class TouchList(BaseModel):
    items: list[TouchView]
    next_cursor: str | None


class QuotaView(BaseModel):
    external_userid: str
    at: datetime
    kf: dict[str, Any]
    mass_send: dict[str, Any]
    moments: dict[str, Any]
    touches: dict[str, Any]


async def list_touches(request: web.Request, query: TouchQuery, body: None) -> TouchList:
    """Steps that wait are read before the touches that they become, lest one be in neither."""
    who, now = query.external_userid, request.app[CLOCK].now()
    waiting: Sequence[TouchRow] = ()
    async with request.app[DATABASE].read() as session:
        if who and (outreach := request.app[OUTREACH]) is not None:
            waiting = await put_off(session, outreach.plans, who, now)
        missed = await posts_missed(session, who) if who else {}
        status: Any = standing_of(missed, now) if missed else TouchRow.status
        rows = [
            (row, TouchState(stands))
            for row, stands in await session.execute(_wanted(query, status))
        ]
    if waiting:
        rows = _merged(rows, [row for row in waiting if _matches(query, row)], query.limit)
    page = rows[: query.limit]
    zone = request.app[SETTINGS].shop.zone
    more = len(rows) > query.limit
    return TouchList(
        items=[_view(row, stands, missed.get(row.id), zone) for row, stands in page],
        next_cursor=_as_cursor(page[-1][0]) if more else None,
    )


def _wanted(query: TouchQuery, status: Any) -> Any:
    wanted = select(TouchRow, status).order_by(TouchRow.due_at, TouchRow.id)
    wanted = wanted.limit(query.limit + 1)
    if query.status:
        wanted = wanted.where(status == query.status)
    if query.external_userid:
        wanted = wanted.where(TouchRow.id.in_(touches_of_customer(query.external_userid)))
    if query.journey:
        wanted = wanted.where(TouchRow.journey == query.journey)
    if query.since:
        wanted = wanted.where(TouchRow.due_at >= query.since)
    if query.until:
        wanted = wanted.where(TouchRow.due_at < query.until)
    if query.cursor:
        at, touch_id = _cursor(query.cursor)
        later = (TouchRow.due_at == at) & (TouchRow.id > touch_id)
        wanted = wanted.where(or_(TouchRow.due_at > at, later))
    return wanted


def _matches(query: TouchQuery, row: TouchRow) -> bool:
    """What `_wanted` asks the database, for a row that is not in it yet."""
    return (
        query.status in (None, TouchState.MOVED)
        and query.journey in (None, row.journey)
        and (query.since is None or row.due_at >= query.since)
        and (query.until is None or row.due_at < query.until)
        and (not query.cursor or (row.due_at, row.id) > _cursor(query.cursor))
    )


def _merged(rows: list[_Standing], more: Sequence[TouchRow], limit: int) -> list[_Standing]:
    known = {row.id for row, _ in rows}
    waiting = [(row, TouchState.MOVED) for row in more if row.id not in known]
    return sorted([*rows, *waiting], key=lambda one: (one[0].due_at, one[0].id))[: limit + 1]


_MISSED = {
    TouchState.ASKED: "这位客户的导购还没有发表",
    TouchState.CANCELLED: "这位客户的导购当天没有发表",
}


def _view(row: TouchRow, status: TouchState, missed: Missed | None, zone: Any) -> TouchView:
    """A post that was sent to others stands otherwise for the customer who missed it."""
    dropped = status in (TouchState.SKIPPED, TouchState.CANCELLED)
    rule, explanation, sent_at = row.rule, row.explanation, row.sent_at
    if missed is not None:
        rule = missed.rule if dropped else None
        left = missed.rule is not Rule.TOO_LATE
        explanation, sent_at = missed.rule.zh if left else _MISSED[status], None
    return TouchView(
        id=row.id,
        journey=row.journey,
        step=row.step,
        kind=row.kind,
        external_userid=row.external_userid,
        cohort=row.subject if row.audience == Audience.COHORT else None,
        group=row.subject if row.audience == Audience.GROUP else None,
        due_at=row.due_at.astimezone(zone),
        status=status,
        way=row.way,
        skipped_by=rule if dropped else None,
        moved_by=None if dropped else rule,
        explanation=explanation,
        variant=row.variant,
        guides=[str(guide) for guide in row.guides],
        sent_at=sent_at and sent_at.astimezone(zone),
        task_id=row.task_id,
        outcome={k: v for k, v in row.outcome.items() if k != "outbound"} or None,
    )


def _as_cursor(row: TouchRow) -> str:
    return base64.urlsafe_b64encode(f"{row.due_at.isoformat()}|{row.id}".encode()).decode()


def _cursor(given: str) -> tuple[datetime, str]:
    try:
        at, _, touch_id = base64.urlsafe_b64decode(given.encode()).decode().partition("|")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or not is_keepable(touch_id):
            raise ValueError("nothing that this page wrote")
        return _in_utc(moment), touch_id
    except (ValueError, binascii.Error):
        raise BadRequest("cursor 不对，请原样使用上一页的 next_cursor") from None


async def show_quotas(request: web.Request, query: object, body: None) -> QuotaView:
    who = request.match_info["external_userid"]
    if not is_keepable(who):
        raise NotFound("没有这位客户")
    settings, now = request.app[SETTINGS], request.app[CLOCK].now()
    async with request.app[DATABASE].read() as session:
        view = await ledger_view(session, request.app[OUTREACH], settings, who, now)
    if view is None:
        raise NotFound(f"没有客户 {who[:64]}")
    return _quotas(view, settings.shop.zone, budget_of(settings.outreach).kf_window_hours)


def _quotas(view: LedgerView, zone: Any, hours: int) -> QuotaView:
    use = view.usage
    closes = use.kf_closes_at.astimezone(zone) if use.kf_closes_at else None
    return QuotaView(
        external_userid=view.external_userid,
        at=view.at.astimezone(zone),
        kf={
            "used": use.kf.used,
            "limit": use.kf.limit,
            "open": closes is not None,
            "closes_at": closes,
            "window_hours": hours,
        },
        mass_send={
            "used": use.mass_send.used,
            "limit": use.mass_send.limit,
            "rule": view.rule,
            "period": use.mass_period,
        },
        moments={
            "used_today": use.moments_day.used,
            "limit_per_day": use.moments_day.limit,
            "used_this_month": use.moments_month.used,
            "limit_per_month": use.moments_month.limit,
        },
        touches={
            "used_today": use.day.used,
            "limit_per_day": use.day.limit,
            "used_this_week": use.week.used,
            "limit_per_week": use.week.limit,
            "opted_out": view.opted_out,
        },
    )


ENDPOINTS = (
    Endpoint(
        "GET",
        "/touches",
        list_touches,
        "触达：计划、已发、跳过（及原因），按应发时间排列；按客户查时含发给其批次的朋友圈",
        TouchList,
        query=TouchQuery,
        errors=(BadRequest,),
    ),
    Endpoint(
        "GET",
        "/quotas/{external_userid}",
        show_quotas,
        "一位客户此刻的各项额度",
        QuotaView,
        errors=(NotFound,),
    ),
)
