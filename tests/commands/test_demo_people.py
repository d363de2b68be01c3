from __future__ import annotations

from datetime import date, datetime, timedelta

from bot.commands import demo_people
from bot.commands.demo_people import Turn
from scheduler.calendars import SHANGHAI

NOON = datetime(2026, 11, 20, 12, tzinfo=SHANGHAI)
NIGHT = datetime(2026, 11, 20, 22, 30, tzinfo=SHANGHAI)


def _turns(words: str, at: datetime = NOON) -> list[list[Turn]]:
    return [list(demo_people.of_message(f"客{number}", words, at)) for number in range(400)]


def test_people_come_every_day_while_the_shop_is_open() -> None:
    days = [list(demo_people.newcomers(date(2026, 11, 20 + number))) for number in range(10)]
    assert days[0] == list(demo_people.newcomers(date(2026, 11, 20)))
    for day in days:
        assert len(day) == demo_people.COMING_A_DAY
        assert sorted(day, key=lambda one: one.at) == day
        assert all(10 <= one.at.hour < 21 for one in day)
    assert len({one.nickname for day in days for one in day}) == 10 * demo_people.COMING_A_DAY


def test_what_is_easy_to_answer_is_answered_more_often_and_some_buy() -> None:
    hard, easy = _turns("您平时上班穿得正式些，还是舒服为主？"), _turns("要的话回个 1，我发您。")
    assert sum(map(bool, hard)) < sum(map(bool, easy)) < 300
    said = {turn.text for turns in easy for turn in turns if turn.text}
    assert "1" in said
    orders = [turns for turns in easy if any(turn.event == "order_paid" for turn in turns)]
    assert 20 < len(orders) < 150
    for turns in orders:
        reply, paid, parcel = turns
        assert reply.at < paid.at < parcel.at - timedelta(days=1)


def test_nobody_does_anything_at_night() -> None:
    for turns in _turns("回个 1", NIGHT):
        assert all(8 <= turn.at.astimezone(SHANGHAI).hour < 23 for turn in turns)
