"""Who stands behind a code: shifts, caps, backups and the limit of a hundred."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.customers.channel_draft import ChannelDraft, Shift
from bot.customers.duty import Roster

ZONE = ZoneInfo("Asia/Shanghai")
FRIDAY_TEN = datetime(2026, 11, 20, 10, 0, tzinfo=ZONE)


def shift(start: str, end: str, *guides: str, days: list[int] | None = None) -> Shift:
    body = {"from": start, "to": end, "guides": list(guides)}
    return Shift.model_validate(body | ({"days": days} if days else {}))


def at(hour: int, minute: int = 0, *, day: int = 20) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=ZONE)


def test_without_shifts_everybody_is_on_duty() -> None:
    assert Roster(["a", "b"]).on_duty(FRIDAY_TEN, {}) == ("a", "b")
    assert Roster(["a", "b"]).next_change(FRIDAY_TEN) is None


def test_shifts_change_by_the_hour() -> None:
    day, late = shift("09:00", "18:00", "a"), shift("18:00", "24:00", "b", "c")
    roster = Roster(["a"], backups=["z"], shifts=[day, late])
    assert roster.on_duty(at(9), {}) == ("a",)
    assert roster.on_duty(at(17, 59), {}) == ("a",)
    assert roster.on_duty(at(18), {}) == ("b", "c")
    assert roster.on_duty(at(3), {}) == ("z",)
    assert roster.next_change(at(10)) == at(18)
    assert roster.next_change(at(18)) == at(0, day=21)


def test_a_night_shift_ends_on_the_next_day() -> None:
    roster = Roster(["z"], shifts=[shift("22:00", "06:00", "night", days=[5])])
    assert roster.on_duty(at(23), {}) == ("night",)
    assert roster.on_duty(at(5, 59, day=21), {}) == ("night",)
    assert roster.on_duty(at(6, day=21), {}) == ("z",)
    assert roster.on_duty(at(23, day=21), {}) == ("z",)
    assert roster.next_change(at(23)) == at(6, day=21)


def test_weekdays_count_from_monday() -> None:
    weekend = Roster(["z"], shifts=[shift("00:00", "24:00", "w", days=[6, 7])])
    assert weekend.on_duty(at(12, day=20), {}) == ("z",)
    assert weekend.on_duty(at(12, day=21), {}) == ("w",)
    assert weekend.next_change(at(12, day=20)) == at(0, day=21)


def test_whoever_is_full_steps_back_for_the_day() -> None:
    roster = Roster(["a", "b"], backups=["z"], daily_cap=10, caps={"b": 20})
    assert roster.on_duty(FRIDAY_TEN, {"a": 9, "b": 19}) == ("a", "b")
    assert roster.on_duty(FRIDAY_TEN, {"a": 10, "b": 19}) == ("b",)
    assert roster.on_duty(FRIDAY_TEN, {"a": 10, "b": 20}) == ("z",)
    assert roster.next_change(FRIDAY_TEN) == at(0, day=21)


def test_a_printed_code_never_leads_nowhere() -> None:
    roster = Roster(["a"], backups=["z"], daily_cap=1)
    assert roster.on_duty(FRIDAY_TEN, {"a": 5, "z": 5}) == ("a",)


def test_a_hundred_take_turns() -> None:
    guides = [f"g{number:03d}" for number in range(250)]
    roster = Roster(guides)
    seen: set[str] = set()
    for day in range(5):
        today = roster.on_duty(FRIDAY_TEN + timedelta(days=day), {})
        assert len(today) == 100
        seen |= set(today)
    assert seen == set(guides)
    busy = dict.fromkeys(guides[:150], 3)
    assert set(roster.on_duty(FRIDAY_TEN, busy)) == set(guides[150:])


names = st.sampled_from([f"g{number}" for number in range(8)])
hours = st.integers(0, 23).map(lambda hour: f"{hour:02d}:00")


@st.composite
def rosters(draw: st.DrawFn) -> Roster:
    shifts = []
    for _ in range(draw(st.integers(0, 3))):
        start, end = draw(hours), draw(hours)
        if start != end:
            days = draw(st.lists(st.integers(1, 7), min_size=1))
            shifts.append(shift(start, end, draw(names), days=days))
    return Roster(
        guides=draw(st.lists(names, min_size=1, unique=True)),
        backups=draw(st.lists(names, unique=True)),
        shifts=shifts,
        daily_cap=draw(st.none() | st.integers(1, 3)),
    )


@given(
    roster=rosters(),
    added=st.dictionaries(names, st.integers(0, 5)),
    minutes=st.integers(0, 14 * 24 * 60),
)
def test_nothing_changes_before_the_next_change(
    roster: Roster, added: dict[str, int], minutes: int
) -> None:
    now = FRIDAY_TEN + timedelta(minutes=minutes)
    on_duty = roster.on_duty(now, added)
    assert 1 <= len(on_duty) <= 100
    change = roster.next_change(now)
    if change is None:
        assert roster.on_duty(now + timedelta(days=3, hours=7), added) == on_duty
        return
    assert change > now
    just_before = change - timedelta(minutes=1)
    if just_before > now:
        assert roster.on_duty(just_before, added) == on_duty


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"guides": []}, "guides"),
        ({"guides": ["a", " "]}, "空白"),
        ({"shifts": [{"from": "9:00", "to": "18:00", "guides": ["a"]}]}, "09:00"),
        ({"shifts": [{"from": "09:00", "to": "09:00", "guides": ["a"]}]}, "不能相同"),
        ({"shifts": [{"days": [8], "guides": ["a"]}]}, "days"),
        ({"shifts": [{"days": [], "guides": ["a"]}]}, "至少选一天"),
        ({"kind": "link", "daily_cap": 3}, "获客链接"),
        ({"greeting": {"shared_text": "只有这一句"}}, "也要写 text"),
        ({"greeting": {"text": "长" * 1300}}, "太长"),
        ({"greeting": {"attachments": [{"image": "a.png"}] * 10}}, "attachments"),
        ({"greeting": {"attachments": [{"picture": "a.png"}]}}, "picture"),
        ({"greeting": {"attachments": [{"link": {"title": "只有标题"}}]}}, "url"),
        ({"remark": "长" * 31}, "remark"),
        ({"nobody_knows": 1}, "nobody_knows"),
    ],
)
def test_a_wrong_draft_says_where(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        ChannelDraft.model_validate({"name": "海报", "guides": ["a"], **changes})
    assert words in str(refusal.value)


def test_a_draft_is_tidied() -> None:
    draft = ChannelDraft.model_validate(
        {"name": " 海报 ", "guides": ["a ", "b", "a"], "tags": ["新客", "新客"]}
    )
    assert (draft.name, draft.guides, draft.tags) == ("海报", ["a", "b"], ["新客"])
