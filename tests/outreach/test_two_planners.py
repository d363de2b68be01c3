"""Two replicas plan and dispatch at once: they share every counter, and nothing goes out twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta, timezone

import pytest
from outreach_shop import Shop

from bot.store.database import Database
from bot.store.outreach_tables import TouchRow, TouchState
from scheduler import Way

pytestmark = [pytest.mark.postgres, pytest.mark.long]

PEOPLE = tuple(f"wmPerson{number:02d}" for number in range(9))
SHOP = timezone(timedelta(hours=8))
_OUT = {TouchState.SENDING, TouchState.SENT, TouchState.ASKED}


def _journeys() -> str:
    """Far more for everybody than any limit allows, all at the same hour."""
    lines = ["version: 1", "journeys:"]
    for kind, ways, count in (
        ("nudge", "kf", 4),
        ("nudge", "guide_card", 2),
        ("mass_send", "mass_send", 2),
    ):
        for number in range(count):
            name = f"{ways}{number}"
            steps = [
                f"  - {{id: s{day}, purpose: 问候, kind: {kind}, ways: [{ways}], "
                f"at: {{day: {day}, time: '14:00'}}, content: {{text: {name} 第{day}天}}}}"
                for day in range(1, 4)
            ]
            lines += [
                f"- id: {name}",
                f"  name: {name}",
                "  triggers: [{event: came}]",
                "  steps:",
            ]
            lines += steps
    for number in range(2):
        lines += [
            f"- id: posts{number}",
            f"  name: posts{number}",
            "  triggers: [{added: any}]",
            f"  cohort: {{by: joining_day, tag_group: 批次, tag_prefix: 批{number}}}",
            "  steps:",
        ]
        lines += [
            f"  - {{id: p{day}, purpose: 发圈, kind: moment, at: {{day: {day}, time: '10:00'}},"
            f" content: {{text: 圈{number} 第{day}天}}}}"
            for day in range(1, 4)
        ]
    return "\n".join(lines)


@pytest.fixture
async def replica(database: Database, kept_postgres_url: str) -> AsyncIterator[Database]:
    other = Database(kept_postgres_url)
    yield other
    await other.close()


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_limits_hold_for_two_planners_and_dispatchers(
    outreach_shop: Callable[..., Shop], database: Database, replica: Database
) -> None:
    own = {
        "gap_minutes": 0,
        "spread_minutes": 5,
        "fatigue_per_day": 6,
        "guide_cards_per_day": 7,
        "mass_send_rule": "1_per_day",
        "moments_per_day": 1,
        "kf_reserve": 0,
    }
    shops = [
        outreach_shop(_journeys(), **own),
        outreach_shop(_journeys(), replica=replica, **own),
    ]
    first = shops[0]
    await _both(shops)
    for who in PEOPLE:
        await first.customer(who)
        await first.added(who)
        await first.writes(who)
        await first.behaves(who, "came")
    await _both(shops, minutes=1)
    for _ in range(2):
        await _to(shops, 9.5)
        for hour in (10, 10.2, 13.5, 14.1, 14.3, 15):
            await _to(shops, hour)
    touches = await first.touches()
    _check_people(touches)
    cards = Counter(_day(one) for one in touches if _is_out(one, Way.GUIDE_CARD))
    assert cards and max(cards.values()) == own["guide_cards_per_day"]
    posts = Counter(_day(one) for one in touches if _is_out(one, Way.MOMENT))
    assert set(posts.values()) == {own["moments_per_day"]}
    sent = Counter(
        (call.body["touser"], call.body["text"]["content"])
        for call in first.platform.calls
        if call.api == "kf/send_msg" and call.errcode == 0
    )
    assert sent and set(sent.values()) == {1}
    assert max(Counter(who for who, _ in sent).values()) <= 5


def _check_people(touches: list[TouchRow]) -> None:
    contacts = [one for one in touches if one.audience == "customer" and one.status in _OUT]
    a_day = Counter((one.subject, _day(one)) for one in contacts)
    posts_a_day, weight = 1, 2
    assert max(a_day.values()) * weight + posts_a_day <= 6
    mass = Counter((one.subject, _day(one)) for one in contacts if one.way == Way.MASS_SEND)
    assert mass and set(mass.values()) == {1}
    skipped = [one for one in touches if one.status == TouchState.SKIPPED]
    assert skipped and all(one.rule for one in skipped)


def _is_out(touch: TouchRow, way: Way) -> bool:
    return touch.status in _OUT and touch.way == way


def _day(touch: TouchRow) -> str:
    return f"{(touch.sent_at or touch.due_at).astimezone(SHOP):%m-%d}"


async def _to(shops: list[Shop], hour: float) -> None:
    """Work on until this hour of the shop's day has come."""
    now = shops[0].clock.now().astimezone(SHOP)
    at = now.replace(hour=0, minute=0, second=0) + timedelta(hours=hour)
    await _both(shops, seconds=((at - now) % timedelta(days=1)).total_seconds())


async def _both(shops: list[Shop], **later: float) -> None:
    """All parts of both replicas at the same time."""
    shops[0].clock.turn(**later)
    await asyncio.gather(*(shop.step() for shop in shops))
