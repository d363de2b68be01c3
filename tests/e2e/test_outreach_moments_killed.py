"""`kill -9` in the midst of moments: no cohort sees a day twice, none misses one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from e2e.campaigns import SHOP, Campaigns, RunningTime
from e2e.conftest import StartBot
from e2e.contacts import Contacts
from e2e.outreach_newcomers import DAYS, Newcomers, write_journeys
from e2e.outreach_posts import Posts
from e2e.standin import Platform

pytestmark = pytest.mark.long

SPEED = 900  # a busy machine has 45 seconds for the posts of a day
ADD = "externalcontact/add_moment_task"
TROUBLE: tuple[int | str, ...] = ("hang", "close", "http500", -1, 45009, "html")
OTHER_APIS = (
    "externalcontact/mark_tag",
    "externalcontact/add_corp_tag",
    "media/upload_attachment",
    "externalcontact/get_moment_task_result",
    "externalcontact/get_moment_list",
    "externalcontact/get_moment_task",
)


@pytest.fixture
def posts(own_platform: Platform) -> Posts:
    """Nine in the morning of a Monday, a quarter of an hour each second."""
    clock = RunningTime(datetime(2026, 3, 2, 9, 0, tzinfo=SHOP), SPEED)
    return Posts(Campaigns(Contacts(own_platform), clock), after=timedelta(minutes=20))


def test_killed_before_the_answer_to_a_post(start: StartBot, posts: Posts, tmp_path: Path) -> None:
    """Day after day the service dies while WeCom takes a task, or loses it."""
    platform = posts.campaigns.platform
    people = Newcomers([start(platform, launch=False, **write_journeys(tmp_path))], posts)
    [bot] = people.bots
    people.start()
    people.open_channel()
    people.come(8)
    people.until_tagged()
    for day in range(DAYS):
        people.sleep()
        calls = len(platform.calls_of(ADD))
        platform.fails(ADD, "hang", works=day != 1)
        _await_call(platform, calls + 1)
        bot.kill()
        people.start()
        people.until_posted(2 * (day + 1))
    people.check()
    people.sleep()
    people.check_tags_are_gone()


@pytest.mark.postgres
def test_two_replicas_one_killed_and_wecom_in_trouble(
    start: StartBot,
    posts: Posts,
    tmp_path: Path,
    make_postgres_url: Callable[[], str],
) -> None:
    platform, chance = posts.campaigns.platform, random.Random(7)
    shared = {"database": make_postgres_url(), "launch": False, "BOT_API__TOKEN": "one-token"}
    settings = write_journeys(tmp_path)
    people = Newcomers([start(platform, **shared, **settings) for _ in range(2)], posts)
    people.start()
    people.open_channel()
    people.come(6)
    people.until_tagged()
    for day in range(DAYS):
        people.sleep()
        people.bots[day % 2].kill()
        for api in (ADD, chance.choice(OTHER_APIS)):
            how = chance.choice(TROUBLE)
            platform.fails(api, how, works=how != 45009 and chance.random() < 0.5)
        people.until_posted(2 * day + 1)
        people.start([people.bots[day % 2]])
        people.until_posted(2 * (day + 1))
    people.check()


def _await_call(platform: Platform, count: int) -> None:
    end = time.monotonic() + 60
    while len(platform.calls_of(ADD)) < count:
        assert time.monotonic() < end, "no task is made"
        time.sleep(0.002)
