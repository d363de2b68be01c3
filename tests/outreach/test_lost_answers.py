"""What became of a call without an answer is told by whom it reaches, not by its words alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from outreach_shop import GUIDE, Shop

from bot.sandbox import Fault, moments
from bot.store.database import Database

ALIKE = """
version: 1
journeys:
- id: week
  name: 新朋友
  triggers:
  - added: any
  segments:
    mothers: {zh: 宝妈, tags: [宝妈]}
    others: {zh: 其他}
  cohort: {by: joining_day, tag_group: 新客批次, tag_prefix: 新客, retire_after_days: 1}
  exits: []
  steps:
  - id: one
    purpose: 知道你
    kind: moment
    at: {day: 1, time: "10:00"}
    content:
      mothers: {text: 新朋友好}
      others: {text: 新朋友好}
"""
ADD = "externalcontact/add_moment_task"


@pytest.fixture
def database(ledger: Database) -> Database:
    """None of this depends on the engine."""
    return ledger


async def test_two_cohorts_with_the_same_words_are_told_apart(
    outreach_shop: Callable[..., Shop],
) -> None:
    shop = outreach_shop(ALIKE)
    await shop.step()
    await shop.customer("wmMother", tags=["宝妈"])
    await shop.customer("wmOther")
    await shop.added("wmMother")
    await shop.added("wmOther")
    shop.platform.faults.set(Fault.BUSY, times=1, api=ADD)
    shop.platform.faults.set(Fault.LOST_ANSWER, times=1, api=ADD)
    for _ in range(40):
        await shop.step(minutes=45)
        for moment_id, userid in moments.waiting(shop.platform):
            moments.publish(shop.platform, moment_id, userid)
    seen = {
        who: [one["text"] for one in moments.feed(shop.platform, who)]
        for who in ("wmMother", "wmOther")
    }
    assert seen == {"wmMother": ["新朋友好"], "wmOther": ["新朋友好"]}
    assert {tuple(task.body["guides"]) for task in await shop.tasks()} == {(GUIDE,)}
