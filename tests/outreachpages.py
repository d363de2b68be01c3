"""A shop whose newcomers are on their seven days: what the pages about outreach begin with."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from pagesshop import HE, SU, PagesShop, open_pages

from bot.store.outreach_tables import CohortMember, JourneyWalk, OutreachTask, TouchEcho, TouchRow
from scheduler import Audience

JOURNEY = "newcomer"
COHORT = "newcomer:mothers:20261119"
_numbers = itertools.count(1)


@asynccontextmanager
async def open_outreach(
    url: str, model: dict[str, Any], *, enabled: bool = True
) -> AsyncIterator[PagesShop]:
    async with open_pages(url, model, outreach={"enabled": enabled}) as shop:
        await shop.furnish()
        yield shop


def touch(shop: PagesShop, step: str, *, hours: float = 0.0, **more: Any) -> TouchRow:
    """Due so many hours from now, to the mothers who joined yesterday unless told otherwise."""
    due = shop.clock.now() + timedelta(hours=hours)
    row: dict[str, Any] = {
        "id": f"{next(_numbers):032x}",
        "journey": JOURNEY,
        "step": step,
        "kind": "moment",
        "audience": Audience.COHORT,
        "subject": COHORT,
        "segment": "mothers",
        "guides": [SU],
        "way": "moment",
        "due_at": due,
        "look_at": due,
        "status": "planned",
        "explanation": "按计划发出",
        "created_at": due,
    }
    return TouchRow(**(row | more))


def echo(of: TouchRow, what: str, count: int = 1, by: str = "") -> TouchEcho:
    """What came back of a touch."""
    named = {name: getattr(of, name) for name in ("journey", "step", "variant", "due_at")}
    return TouchEcho(touch_id=of.id, what=what, by=by, count=count, **named)


def to(who: str, **more: Any) -> dict[str, Any]:
    """A word to one customer instead of a post."""
    row: dict[str, Any] = {
        "kind": "nudge",
        "audience": Audience.CUSTOMER,
        "subject": who,
        "external_userid": who,
        "way": "guide_card",
    }
    return row | more


def task(shop: PagesShop, **more: Any) -> OutreachTask:
    now = shop.clock.now()
    row: dict[str, Any] = {
        "lane": "wecom",
        "state": "done",
        "due_at": now,
        "kind": "mass_send",
        "phase": "asked",
        "body": {},
        "sender": SU,
        "summary": "新款到了，给您留了一件",
        "called_at": now,
        "asked_at": now,
        "remote_id": f"msg{next(_numbers)}",
        "created_at": now,
        "valid_until": now + timedelta(hours=4),
        "guides": {SU: False},
    }
    return OutreachTask(**(row | more))


async def add(shop: PagesShop, *rows: Any) -> None:
    async with shop.database.write() as session:
        session.add_all(rows)


async def newcomers(shop: PagesShop) -> None:
    """Three mothers in a cohort of yesterday whose second day is tomorrow."""
    now = shop.clock.now()
    began = now - timedelta(days=1)
    members = [
        CohortMember(
            external_userid=f"wmMother{number}",
            journey=JOURNEY,
            cohort=COHORT,
            userid=SU if number else HE,
            joined_at=began,
        )
        for number in range(3)
    ]
    walk = JourneyWalk(
        audience=Audience.COHORT,
        subject=COHORT,
        journey=JOURNEY,
        segment="mothers",
        started_at=_midnight(began),
        since=_midnight(began),
        cycle="20261119",
        guides=[SU, HE],
        position=1,
        settled=[["day1", now.isoformat()]],
        next_due=now + timedelta(days=1),
    )
    await add(shop, *members, walk)


def _midnight(moment: datetime) -> datetime:
    """Of the shop's day."""
    return moment.replace(hour=16, minute=0) - timedelta(days=1)
