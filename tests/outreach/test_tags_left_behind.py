"""Tags of journeys that are no more: deleted at WeCom once nobody can wait for their posts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from outreach_shop import Shop
from sqlalchemy import select
from test_standing_cohorts import CLUB, _wears
from test_tags_of_newcomers import WEEK

from bot.outreach.plans import plans_of
from bot.settings import Settings
from bot.store.database import Database
from bot.store.outreach_tables import CohortMember, CohortTag, JourneyWalk
from bot.wecom.contacts import tag_groups
from scheduler import Journey, parse_journeys


@pytest.fixture
def database(ledger: Database) -> Database:
    """None of this depends on the engine."""
    return ledger


async def _joined(shop: Shop) -> dict[str, Journey]:
    """One newcomer bears a tag; gives the journeys as they run."""
    await shop.step()
    await shop.customer("wmOne")
    await shop.added("wmOne")
    await shop.step()
    return dict(shop.outreach.plans.journeys)


def _runs(
    shop: Shop, journeys: dict[str, Journey], *, paused: frozenset[str] = frozenset()
) -> None:
    shop.outreach.plans.adopt(journeys, paused)


async def _tags(shop: Shop) -> set[str]:
    listed = tag_groups(await shop.client.contacts.corp_tags())
    names = {one.name for group in listed for one in group.tags}
    return {name for name in names if name.startswith(("新客·", "会员日·"))}


async def _cohorts(shop: Shop) -> dict[str, bool]:
    """Whether each is retired."""
    async with shop.database.read() as session:
        rows = (await session.scalars(select(CohortTag))).all()
    return {row.cohort: row.retired_at is not None for row in rows}


async def _run(shop: Shop) -> None:
    """A run begins within the week, and members bear their tags."""
    for _ in range(8):
        await shop.step(days=1)


async def _wait(shop: Shop, days: int) -> None:
    """Nothing goes on meanwhile but the care for tags."""
    for later in (0, days):
        shop.clock.turn(days=later)
        await shop.outreach.cohorts.tick()


async def test_the_tags_of_a_deleted_journey_are_deleted_two_weeks_later(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(WEEK)
    await _joined(shop)
    assert len(await _tags(shop)) == 1
    _runs(shop, {})
    await _wait(shop, 13)
    assert len(await _tags(shop)) == 1, "it may only be away"
    await _wait(shop, 1)
    assert await _tags(shop) == set()
    assert all((await _cohorts(shop)).values())
    async with shop.database.read() as session:
        [member] = (await session.scalars(select(CohortMember))).all()
        [walk] = (await session.scalars(select(JourneyWalk))).all()
    assert member.left_at is not None
    assert (walk.next_due, walk.ended_by) == (None, "journey_removed")


async def test_a_journey_that_comes_back_in_time_keeps_its_tags(
    outreach_shop: Callable[..., Shop],
) -> None:
    """Standing ones; those of a day are over by then, and retire by their own rule."""
    shop = outreach_shop(CLUB % 3)
    await shop.customer("wmGold", tags=["金卡"])
    await _run(shop)
    journeys = dict(shop.outreach.plans.journeys)
    assert len(await _tags(shop)) == 1
    for _ in range(2):
        _runs(shop, {})
        await _wait(shop, 9)
        _runs(shop, journeys, paused=frozenset(journeys))
        await _wait(shop, 20)
    assert len(await _tags(shop)) == 1, "neither twice away for days nor switched off is gone"


async def test_a_standing_tag_is_made_anew_when_its_journey_returns_late(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(CLUB % 3)
    await shop.customer("wmGold", tags=["金卡"])
    await _run(shop)
    journeys = dict(shop.outreach.plans.journeys)
    _runs(shop, {})
    await _wait(shop, 14)
    assert await _tags(shop) == set()
    _runs(shop, journeys)
    await _wears(shop, "wmGold", "金卡")
    await _run(shop)
    assert await _tags(shop) == {"会员日·金卡·常设"}
    assert await _cohorts(shop) == {"club:gold:all": False}
    _runs(shop, {})
    await _wait(shop, 14)
    assert await _tags(shop) == set(), "and it retires again"


async def test_a_tag_that_another_journey_goes_by_stays(
    outreach_shop: Callable[..., Shop],
) -> None:
    """A file deleted and written anew under another id aims at tags of the same names."""
    shop = outreach_shop(CLUB % 3)
    await shop.customer("wmGold", tags=["金卡"])
    await _run(shop)
    renamed = parse_journeys((CLUB % 3).replace("id: club", "id: members"))
    plans = plans_of(Settings.model_validate({}), renamed)
    _runs(shop, dict(plans.journeys))
    await _wears(shop, "wmGold", "金卡")
    await _run(shop)
    await _wait(shop, 7)
    assert await _tags(shop) == {"会员日·金卡·常设"}
    assert await _cohorts(shop) == {"club:gold:all": True, "members:gold:all": False}
