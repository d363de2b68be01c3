"""`/touches/calendar`: what goes to whom on which day, with limits, conflicts and skips."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from aiohttp import web
from pydantic import BaseModel, Field

from bot.errors import BadRequest, Conflict
from bot.outreach.calendar_loads import Load
from bot.outreach.calendar_view import FURTHEST, Day, Line, touch_calendar
from bot.web.api.endpoint import Body, Endpoint
from bot.web.keys import CLOCK, DATABASE, OUTREACH, SETTINGS


class CalendarQuery(Body):
    """`from` is a day of the shop, today if left out; at most a year away."""

    since: date | None = Field(None, alias="from")
    days: int = Field(7, ge=1, le=31)
    journey: str | None = Field(None, max_length=64)


class LineView(BaseModel):
    journey: str
    journey_name: str
    step: str
    purpose: str
    kind: str
    segment: str
    status: str
    rule: str | None
    rule_zh: str | None
    people: int
    first_at: datetime
    last_at: datetime


class LoadView(BaseModel):
    used: int
    limit: int


class DayView(BaseModel):
    day: date
    silent: str | None
    begins: list[str]
    lines: list[LineView]
    going_out: int
    skips: dict[str, int]
    conflicts: dict[str, int]
    customers: int
    mass_messages: int
    moments: LoadView
    fullest_customer: LoadView
    fullest_guide: LoadView


class CalendarView(BaseModel):
    """Up to `expected_from` it is planned, after that expected.

    Unless `whole`, what is expected is an estimate from `looked_at` of `under_way` customers.
    """

    expected_from: datetime
    whole: bool
    looked_at: int
    under_way: int
    days: list[DayView]


async def show_calendar(request: web.Request, query: CalendarQuery, body: None) -> CalendarView:
    outreach = request.app[OUTREACH]
    if outreach is None:
        raise Conflict("触达没有开启：请把 outreach.enabled 设为 true 后重启")
    now, zone = request.app[CLOCK].now(), request.app[SETTINGS].shop.zone
    today = now.astimezone(zone).date()
    first = query.since or today
    if abs(first - today) > FURTHEST:
        raise BadRequest("from 离今天太远，日历只看前后一年")
    async with request.app[DATABASE].read() as session:
        found = await touch_calendar(
            session,
            outreach.plans,
            now,
            first=first,
            days=query.days,
            journey=query.journey,
        )
    return CalendarView(
        expected_from=found.expected_from.astimezone(zone),
        whole=found.whole,
        looked_at=found.looked_at,
        under_way=found.under_way,
        days=[_day(one, zone) for one in found.days],
    )


def _day(one: Day, zone: ZoneInfo) -> DayView:
    return DayView(
        day=one.day,
        silent=one.silent,
        begins=one.begins,
        lines=[_line(line, zone) for line in one.lines],
        going_out=one.going_out,
        skips={rule.value: count for rule, count in one.skips.most_common()},
        conflicts={rule.value: count for rule, count in one.conflicts.most_common()},
        customers=one.customers,
        mass_messages=one.mass_messages,
        moments=_load(one.moments),
        fullest_customer=_load(one.fullest_customer),
        fullest_guide=_load(one.fullest_guide),
    )


def _line(line: Line, zone: ZoneInfo) -> LineView:
    return LineView(
        journey=line.journey,
        journey_name=line.journey_name,
        step=line.step,
        purpose=line.purpose,
        kind=line.kind.value,
        segment=line.segment,
        status=line.status,
        rule=line.rule.value if line.rule else None,
        rule_zh=line.rule.zh if line.rule else None,
        people=line.people,
        first_at=line.first_at.astimezone(zone),
        last_at=line.last_at.astimezone(zone),
    )


def _load(one: Load) -> LoadView:
    return LoadView(used=one.used, limit=one.limit)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/touches/calendar",
        show_calendar,
        "触达日历：每天发什么、给多少人、占多少额度、哪些让路或跳过；还没计划的按现状预计",
        CalendarView,
        query=CalendarQuery,
        errors=(BadRequest, Conflict),
    ),
)
