"""`kf/sync_msg` in pages: only `has_more` says where they end."""

from __future__ import annotations

import pytest

from e2e.running import Bot
from e2e.standin import Platform


@pytest.mark.parametrize(("page", "empty_pages"), [(1000, 3), (2, 0), (1, 2)])
def test_all_pages_are_read(
    bot: Bot, platform: Platform, customer: str, page: int, empty_pages: int
) -> None:
    kfid = f"wk_{customer}"
    account = platform.account(kfid)
    account.page, account.empty_pages = page, empty_pages
    people = [f"{customer}_{number}" for number in range(7)]
    for who in people:
        platform.says(who, "太贵了", to=kfid)
    bot.told(kfid)
    for who in people:
        bot.suggestion(who)
    cursors = [
        call.body.get("cursor", "")
        for call in platform.calls_of("kf/sync_msg")
        if call.body["open_kfid"] == kfid
    ]
    assert len(cursors) == len(set(cursors)), "no page is asked for twice"


def test_a_page_of_a_thousand(bot: Bot, platform: Platform, customer: str) -> None:
    """A busy morning: 1,500 rows, nearly all of them events."""
    for _ in range(1500):
        platform.event("wk_busy", "enter_session", external_userid=customer, scene="s")
    platform.says(customer, "什么时候发货", to="wk_busy")
    bot.told("wk_busy")
    assert bot.suggestion(customer)["burst"]["text"] == "什么时候发货"
    stored = bot.rows("SELECT count(*) FROM message WHERE source = 'wk_busy'")
    assert stored == [(1501,)]


def test_a_cursor_that_is_forgotten_starts_over_without_doubling(
    bot: Bot, platform: Platform, customer: str
) -> None:
    kfid = f"wk_{customer}"
    bot.approve(bot.hears(customer, "太贵了", to=kfid)["id"])
    bot.delivered(customer)
    platform.fails("kf/sync_msg", 50100, applies=lambda body: body["open_kfid"] == kfid)
    bot.hears(f"{customer}_b", "什么时候发货", to=kfid)
    assert len(bot.suggestions(customer, status="all")) == 1


def test_a_push_token_that_ran_out_is_left_away(
    bot: Bot, platform: Platform, customer: str
) -> None:
    kfid = f"wk_{customer}"
    platform.says(customer, "太贵了", to=kfid)
    push = platform.notice(kfid)
    platform.account(kfid).push_token = "ENCanother"
    bot.push(push)
    assert bot.suggestion(customer)
