"""WeCom answers late, wrongly or not at all while two replicas reach people on every road."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from e2e.campaigns import SHOP, Campaigns, RunningTime
from e2e.conftest import StartBot
from e2e.contacts import Contacts
from e2e.running import Bot
from e2e.standin import Platform

pytestmark = [pytest.mark.long, pytest.mark.postgres]

JOURNEYS = """version: 1
journeys:
- id: cart
  name: 购物车
  triggers: [{event: [added_to_cart]}]
  steps:
  - {id: ask, purpose: 问一句, kind: nudge, ways: [kf], at: {hours: 1},
     catch_up: {send_late: 30}, content: {text: 还在看吗}}
- id: news
  name: 上新
  triggers: [{event: [viewed_product]}]
  steps:
  - {id: tell, purpose: 上新, kind: mass_send, at: {hours: 1}, catch_up: {send_late: 30},
     content: {text: 上新了}}
- id: call
  name: 回访
  triggers: [{event: [parcel_arrived]}]
  steps:
  - {id: ring, purpose: 回访, kind: guide_task, at: {hours: 1}, catch_up: {send_late: 30},
     content: {todo: 打电话, text: 穿着还合适吗}}
"""
ROADS = (
    ("added_to_cart", "还在看吗", "kf/send_msg"),
    ("viewed_product", "上新了", "externalcontact/add_msg_template"),
    ("parcel_arrived", "穿着还合适吗", "message/send"),
)
TROUBLE: tuple[int | str, ...] = ("close", "hang", "http500", "html", -1, 45009)
PEOPLE = 12
_PATIENCE = 240.0
"""A row held by who died is free after a minute; if that is at night, a night must pass."""


@pytest.fixture
def campaigns(own_platform: Platform) -> Campaigns:
    """Nine in the morning of a Monday, a quarter of an hour each second."""
    start = datetime(2026, 3, 2, 9, 0, tzinfo=SHOP)
    return Campaigns(Contacts(own_platform), RunningTime(start, 900), timedelta(minutes=20))


def test_every_road_once_whatever_wecom_answers(
    start: StartBot,
    campaigns: Campaigns,
    tmp_path: Path,
    make_postgres_url: Callable[[], str],
) -> None:
    (tmp_path / "shop.yml").write_text(JOURNEYS, encoding="utf-8")
    settings = {
        "database": make_postgres_url(),
        "BOT_API__TOKEN": "one-token",
        "BOT_OUTREACH__ENABLED": "true",
        "BOT_OUTREACH__JOURNEYS": str(tmp_path),
        "BOT_OUTREACH__SPREAD_MINUTES": "20",
    }
    bots = [start(campaigns.platform, launch=False, **settings) for _ in range(2)]
    for bot in bots:
        bot.env |= campaigns.clock.settings
        bot.start()
    expected = _come(bots[0], campaigns)
    _trouble(campaigns.platform)
    bots[1].wait_for(lambda: _got(campaigns), "the first to be reached", patience=_PATIENCE)
    bots[0].kill()
    try:
        bots[1].wait_for(
            lambda: sum(_got(campaigns).values()) >= PEOPLE,
            "all to be reached",
            patience=_PATIENCE,
        )
    except AssertionError as error:
        touches = bots[1].api("GET", "/touches?limit=100").json["items"]
        raise AssertionError(f"{expected - _got(campaigns)}\n{touches}") from error
    bots[1].wait_for(lambda: not _open(bots[1]), "nothing to be under way", patience=_PATIENCE)
    assert _got(campaigns) == expected
    words = {text for _, text, _ in ROADS}
    assert campaigns.outside(9, 21.5, words) == []


def _come(bot: Bot, campaigns: Campaigns) -> Counter[tuple[str, str]]:
    """Friends of two guides, a third on each road; who is to be written to has written first."""
    expected: Counter[tuple[str, str]] = Counter()
    for number, (kind, text, _) in zip(range(PEOPLE), itertools.cycle(ROADS), strict=False):
        who = f"wm_trouble_{number:03d}"
        friend = campaigns.contacts.adds(who, guide=("qing", "tang")[number % 2])
        assert bot.push(campaigns.contacts.push(friend)).status == 200
        if kind == "added_to_cart":
            campaigns.platform.says(who, "这件有货吗")
            bot.told()
        body = {"id": f"did-{number}", "type": kind, "external_userid": who}
        assert bot.api("POST", "/events", body).status == 202
        expected[who[-3:], text] = 1
    return expected


def _trouble(platform: Platform) -> None:
    """Each of these calls goes wrong a few times, in each way, done or not."""
    chance = random.Random(5)
    for _, _, api in ROADS:
        for how in chance.sample(TROUBLE, 4):
            works = how != 45009 and chance.random() < 0.5
            platform.fails(api, how, works=works)
    platform.fails("externalcontact/get_groupmsg_list_v2", "http500", times=2)


def _got(campaigns: Campaigns) -> Counter[tuple[str, str]]:
    """By the last digits of a name, as guides' cards may call people by another one."""
    found = Counter({(who[-3:], text): n for (who, text), n in campaigns.asked().items()})
    for (who, text), (_, card) in itertools.product(
        ((f"{number:03d}", ROADS[2][1]) for number in range(2, PEOPLE, 3)),
        list(campaigns.contacts.told),
    ):
        found[who, text] += f"_{who}：" in card and text in card
    return +found


def _open(bot: Bot) -> Sequence[object]:
    return [
        one
        for status in ("planned", "moved", "sending", "asked")
        for one in bot.api("GET", f"/touches?status={status}").json["items"]
    ]
