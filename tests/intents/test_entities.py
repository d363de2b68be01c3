from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from intents.builtin.model import BuiltinModel
from intents.dates import iso_of
from intents.entities import EntityExtractor
from intents.normalize import normalize
from intents.numerals import number_of

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("加大码的还有吗", [("size", "XL")]),
        ("我要两件XXL", [("quantity", "2"), ("size", "2XL")]),
        ("发顺丰快递到北京", [("courier", "顺丰"), ("city", "北京")]),
        ("电话13800138000", [("phone", "13800138000")]),
        ("100块钱能拿下吗", [("price", "100")]),
        ("一百二卖不卖", [("price", "120")]),
        ("羽绒服黑的有吗", [("product", "羽绒服"), ("color", "黑色")]),
        ("后天下午3点到店", [("time", "2026-11-23T15:00")]),
    ],
)
def test_values_are_normal(
    model: BuiltinModel, text: str, expected: list[tuple[str, str]]
) -> None:
    found = EntityExtractor(model.gazetteer).extract(normalize(text), NOW)
    assert [(one.name, one.value) for one in found] == expected


def test_without_now_a_time_stays_as_said(model: BuiltinModel) -> None:
    (found,) = EntityExtractor(model.gazetteer).extract(normalize("后天下午来"))
    assert (found.name, found.value, found.text) == ("time", "后天下午", "后天下午")


def test_places_are_those_of_the_original(model: BuiltinModel) -> None:
    text = "😂😂我要\u200b兩件ＸＬ碼"
    for found in EntityExtractor(model.gazetteer).extract(normalize(text)):
        assert text[found.start : found.end] == found.text
        assert found.text in ("兩件", "ＸＬ碼")


def test_letters_are_not_cut_out_of_words(model: BuiltinModel) -> None:
    found = EntityExtractor(model.gazetteer).extract(normalize("xxlabc"))
    assert not [one for one in found if one.name == "size"]


@pytest.mark.parametrize(
    ("phrase", "iso"),
    [
        ("今天", "2026-11-21"),
        ("明晚8点", "2026-11-22T20:00"),
        ("大后天", "2026-11-24"),
        ("下周三", "2026-11-25"),
        ("周六", "2026-11-21"),
        ("25号", "2026-11-25"),
        ("3号", "2026-12-03"),
        ("12月24日晚上7点半", "2026-12-24T19:30"),
        ("双十一", "2026-11-11"),
        ("元旦", "2027-01-01"),
        ("2026-12-01", "2026-12-01"),
        ("三点一刻", "2026-11-21T03:15"),
        ("下午三点", "2026-11-21T15:00"),
        ("31号", None),
        ("2月30日", None),
        ("25点", None),
        ("下午", None),
        ("羽绒服", None),
    ],
)
def test_times_become_iso(phrase: str, iso: str | None) -> None:
    assert iso_of(phrase, NOW) == iso


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("两", 2),
        ("十", 10),
        ("十二", 12),
        ("二十", 20),
        ("一百二", 120),
        ("一百零二", 102),
        ("三百五十", 350),
        ("两千", 2000),
        ("一万二", 12000),
        ("3万", 30000),
        ("二零二六", 2026),
        ("件", None),
        ("", None),
    ],
)
def test_numerals(text: str, value: float | None) -> None:
    assert number_of(text) == value
