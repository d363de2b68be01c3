"""`kill -9` in the midst of outreach under a moved clock: nothing twice, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from e2e.campaigns import SHOP, Campaigns, RunningTime
from e2e.conftest import StartBot
from e2e.contacts import Contacts
from e2e.running import Bot
from e2e.standin import Platform

pytestmark = pytest.mark.long

SPEED = 1800
JOURNEYS = """version: 1
journeys:
- id: cart
  name: 购物车
  triggers: [{event: [added_to_cart]}]
  steps:
  - {id: ask, purpose: 问一句, kind: nudge, at: {hours: 1}, catch_up: {send_late: 24},
     content: {text: 还在看吗}}
- id: news
  name: 上新
  triggers: [{event: [viewed_product]}]
  steps:
  - {id: tell, purpose: 上新, kind: mass_send, at: {hours: 1}, catch_up: {send_late: 24},
     content: {text: 上新了}}
"""
CREATE = "externalcontact/add_msg_template"
_PATIENCE = 240.0
"""A row held by who died is free after a minute; if that is at night, a night must pass."""


@pytest.fixture
def campaigns(own_platform: Platform) -> Campaigns:
    """Nine in the morning of a Monday, half an hour each second."""
    start = datetime(2026, 3, 2, 9, 0, tzinfo=SHOP)
    return Campaigns(Contacts(own_platform), RunningTime(start, SPEED), timedelta(minutes=20))


@pytest.fixture
def journeys(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "shop.yml").write_text(JOURNEYS, encoding="utf-8")
    return {
        "BOT_OUTREACH__ENABLED": "true",
        "BOT_OUTREACH__JOURNEYS": str(tmp_path),
        "BOT_OUTREACH__SPREAD_MINUTES": "20",
        "BOT_OUTREACH__GAP_MINUTES": "0",
    }


def _people_come(bot: Bot, campaigns: Campaigns, count: int) -> dict[tuple[str, str], int]:
    """Friends of two guides, who do what begins a journey; returns what each must get, once."""
    expected: dict[tuple[str, str], int] = {}
    for number in range(count):
        who = f"wm_outreach_{number:03d}"
        friend = campaigns.contacts.adds(who, guide=("qing", "tang")[number % 2])
        assert bot.push(campaigns.contacts.push(friend)).status == 200
        kind, text = (("added_to_cart", "还在看吗"), ("viewed_product", "上新了"))[number % 3 == 0]
        body = {"id": f"did-{number}", "type": kind, "external_userid": who}
        assert bot.api("POST", "/events", body).status == 202
        expected[who, text] = 1
    return expected


def _all_asked_once(bot: Bot, campaigns: Campaigns, expected: dict[tuple[str, str], int]) -> None:
    try:
        bot.wait_for(
            lambda: len(campaigns.asked()) >= len(expected),
            "everybody to be asked for",
            patience=_PATIENCE,
        )
    except AssertionError as error:
        touches = bot.api("GET", "/touches?limit=100").json["items"]
        raise AssertionError(f"{campaigns.asked()}\n{touches}") from error
    bot.wait_for(lambda: not _open(bot), "no touch to be under way", patience=_PATIENCE)
    assert campaigns.asked() == expected
    assert campaigns.outside(9, 21.5, {text for _, text in expected}) == []


def _open(bot: Bot) -> list[object]:
    found: list[object] = []
    for status in ("planned", "moved", "sending"):
        found += bot.api("GET", f"/touches?status={status}").json["items"]
    return found


def test_killed_before_the_answer_to_a_task(
    start: StartBot, campaigns: Campaigns, journeys: dict[str, str]
) -> None:
    """WeCom had made the task; who asked for it never knew and died."""
    platform = campaigns.platform
    bot = start(platform, launch=False, **journeys)
    bot.env |= campaigns.clock.settings
    bot.start()
    expected = _people_come(bot, campaigns, 10)
    platform.fails(CREATE, "hang", works=True)
    bot.wait_for(lambda: campaigns.sends, "the first task")
    bot.kill()
    bot.env |= campaigns.clock.settings
    bot.start()
    _all_asked_once(bot, campaigns, expected)


@pytest.mark.postgres
def test_two_replicas_and_one_killed(
    start: StartBot,
    campaigns: Campaigns,
    journeys: dict[str, str],
    make_postgres_url: Callable[[], str],
) -> None:
    shared = {"database": make_postgres_url(), "launch": False, "BOT_API__TOKEN": "one-token"}
    bots = [start(campaigns.platform, **shared, **journeys) for _ in range(2)]
    for bot in bots:
        bot.env |= campaigns.clock.settings
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Bot.start, bots))
    expected = _people_come(bots[0], campaigns, 12)
    bots[0].wait_for(lambda: campaigns.sends, "the first task")
    bots[0].kill()
    _all_asked_once(bots[1], campaigns, expected)
