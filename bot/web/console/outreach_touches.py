"""The list of touches: what was planned, sent and left out, with the rule that did it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import func, select, tuple_

from bot.outreach.plans import Plans
from bot.outreach.posts_missed import Missed, posts_missed, standing_of
from bot.outreach.touches_of_customer import touches_of_customer
from bot.store.outreach_tables import TouchRow, TouchState
from bot.store.tables import Customer
from bot.web.api.cursors import read_cursor, write_cursor
from bot.web.console.desk import Desk, desk
from bot.web.console.outreach_desk import (
    ROOT,
    TONES,
    Names,
    TouchLine,
    current_plans,
    names_of,
    outreach_page,
    touch_line,
    why,
)
from scheduler import Rule, StepKind

TOUCHES = f"{ROOT}/touches"
_LIMIT = 50
_FILTERS = ("status", "journey", "kind", "rule", "from", "to", "who")


async def show_touches(request: web.Request) -> web.Response:
    """The latest first, those to come on top."""
    here, plans = desk(request), await current_plans(request)
    kept = _kept(request)
    async with here.database.read() as session:
        missed = await posts_missed(session, kept["who"]) if "who" in kept else {}
        status: Any = standing_of(missed, here.now) if missed else TouchRow.status
        condition = select(TouchRow, status.label("stands")).where(*_where(here, kept, status))
        total = await session.scalar(select(func.count()).select_from(condition.subquery()))
        place = tuple_(TouchRow.due_at, TouchRow.id)
        if after := read_cursor(request.query.get("cursor", ""), datetime, str):
            condition = condition.where(place < cast("Any", tuple(after)))
        found = (
            await session.execute(
                condition.order_by(TouchRow.due_at.desc(), TouchRow.id.desc()).limit(_LIMIT + 1)
            )
        ).all()
        rows = found[:_LIMIT]
        names = await names_of(session, [row for row, _ in rows])
        person = await session.get(Customer, kept["who"]) if "who" in kept else None
    more = rows[-1][0] if len(found) > _LIMIT else None
    return await outreach_page(
        request,
        "outreach_touches.html",
        tab="touches",
        total=total or 0,
        kept=kept,
        lines=[_line(here, plans, names, row, missed.get(row.id)) for row, _ in rows],
        statuses=list(TouchState),
        kinds=list(StepKind),
        rules={rule.value: why(here.words, rule) for rule in Rule},
        journeys={one.id: one.name for one in plans.journeys.values()},
        person=here.person(person).name if person else kept.get("who", ""),
        start=f"{TOUCHES}?{urlencode(kept)}" if kept else TOUCHES,
        first=not request.query.get("cursor"),
        following=_following(kept, more) if more else "",
    )


def _kept(request: web.Request) -> dict[str, str]:
    given = {name: request.query.get(name, "").strip()[:64] for name in _FILTERS}
    return {name: value.replace("\x00", "") for name, value in given.items() if value}


def _line(
    here: Desk, plans: Plans, names: Names, row: TouchRow, missed: Missed | None
) -> TouchLine:
    """A post that was sent to others stands otherwise for the customer who missed it."""
    at = (row.sent_at or row.due_at).astimezone(here.zone)
    line = touch_line(here, plans, names, row, at)
    if missed is None:
        return line
    stands, left = missed.standing(here.now), missed.rule is not Rule.TOO_LATE
    said = why(here.words, missed.rule) if left else here.words(f"touches.unpublished.{stands}")
    return replace(line, status=stands, tone=TONES.get(stands, ""), why=said)


def _where(here: Desk, kept: dict[str, str], status: Any) -> list[Any]:
    columns = {
        "status": status,
        "journey": TouchRow.journey,
        "kind": TouchRow.kind,
        "rule": TouchRow.rule,
    }
    where = [columns[name] == value for name, value in kept.items() if name in columns]
    if who := kept.get("who"):
        where.append(TouchRow.id.in_(touches_of_customer(who)))
    if since := _midnight(here, kept.get("from")):
        where.append(TouchRow.due_at >= since)
    if until := _midnight(here, kept.get("to"), days=1):
        where.append(TouchRow.due_at < until)
    return where


def _midnight(here: Desk, text: str | None, *, days: int = 0) -> datetime | None:
    try:
        day = date.fromisoformat(text or "") + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return datetime.combine(day, time(0), tzinfo=here.zone)


def _following(kept: dict[str, str], last: TouchRow) -> str:
    return f"{TOUCHES}?{urlencode(kept | {'cursor': write_cursor(last.due_at, last.id)})}"


ROUTES = (web.get(TOUCHES, show_touches),)
