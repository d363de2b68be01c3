from __future__ import annotations

import re
import string
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from consoleshop import NOON

from bot.web.console.assets import STATIC
from bot.web.console.routes import TEMPLATES
from bot.web.console.spoken_time import clock_time, lateness, since
from bot.web.console.wording import EN, LANGUAGES, ZH


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_say_the_same_things() -> None:
    assert list(ZH) == list(EN)
    assert {key: fields(text) for key, text in ZH.items()} == {
        key: fields(text) for key, text in EN.items()
    }


def test_every_key_in_the_templates_has_words() -> None:
    used = set()
    for template in (TEMPLATES / "console").glob("*.html"):
        used |= set(re.findall(r"\bt\('([^']+)'(?=[,)])", template.read_text(encoding="utf-8")))
    assert used
    assert not used - set(ZH)


def test_templates_and_scripts_hold_no_chinese_of_their_own() -> None:
    files = [*(TEMPLATES / "console").glob("*.html"), *(STATIC / "console").glob("*.js")]
    for file in files:
        text = file.read_text(encoding="utf-8").replace('"？"', "")
        assert not re.search(r"[\u4e00-\u9fff]", text), file.name


@pytest.mark.parametrize(
    ("ago", "words", "urgency"),
    [
        (timedelta(seconds=59), "刚刚", "fresh"),
        (timedelta(seconds=-30), "刚刚", "fresh"),
        (timedelta(minutes=5), "5 分钟", "late"),
        (timedelta(minutes=59), "59 分钟", "overdue"),
        (timedelta(hours=23), "23 小时", "overdue"),
        (timedelta(days=3), "3 天", "overdue"),
    ],
)
def test_waiting_is_said_in_one_unit(ago: timedelta, words: str, urgency: str) -> None:
    assert since(NOON - ago, NOON, LANGUAGES["zh"]) == words
    assert lateness(NOON - ago, NOON) == urgency


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(hours=1), "11:00"),
        (timedelta(hours=13), "昨天 23:00"),
        (timedelta(days=30), "10-21 12:00"),
        (timedelta(days=400), "2025-10-16 12:00"),
    ],
)
def test_times_are_the_shops(ago: timedelta, words: str) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    assert clock_time(NOON - ago, NOON, zone, LANGUAGES["zh"]) == words
