"""Whatever order events come in and whenever a group is read, members and history come right."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.clock import ManualClock
from bot.groups.changes import GroupEvents
from bot.groups.history import GroupHistory
from bot.groups.quiet import DigestTimes
from bot.groups.roster import Roster
from bot.store.database import Database
from bot.store.group_tables import CustomerGroup, GroupMember, GroupMove
from bot.wecom.events import typed_event
from bot.wecom.group_chats import GroupInfo, MemberInfo

START = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
TIMES = DigestTimes(timedelta(minutes=30), time(21, 30), time(8, 30), ZONE)
PEOPLE = ("wmA", "wmB", "wmC")


@dataclass
class Truth:
    """What really happened in one group, at every version."""

    joined: dict[str, datetime] = field(default_factory=dict)
    states: list[dict[str, datetime]] = field(default_factory=lambda: [{}])
    events: list[dict[str, Any]] = field(default_factory=list)
    moves: set[tuple[str, str, datetime]] = field(default_factory=set)

    def toggle(self, userid: str) -> None:
        at = START + timedelta(seconds=20 * len(self.states))
        leaves = userid in self.joined
        if leaves:
            del self.joined[userid]
        else:
            self.joined[userid] = at
        self.moves.add((userid, "left" if leaves else "joined", at))
        self.events.append(
            {
                "Event": "change_external_chat",
                "ChatId": "wrA",
                "ChangeType": "update",
                "UpdateDetail": "del_member" if leaves else "add_member",
                "MemChangeCnt": "1",
                "MemChangeList": {"Item": userid},
                "LastMemVer": f"v{len(self.states) - 1}",
                "CurMemVer": f"v{len(self.states)}",
                "CreateTime": str(int(at.timestamp())),
            }
        )
        self.states.append(dict(self.joined))

    def reading(self, version: int) -> GroupInfo:
        members = tuple(
            MemberInfo(userid, 2, at, name=userid) for userid, at in self.states[version].items()
        )
        return GroupInfo("wrA", "群", "qing", "", START, (), f"v{version}", members)


@st.composite
def happenings(draw: st.DrawFn) -> tuple[Truth, list[tuple[str, int]]]:
    """A truth, and its events in any order, some twice, with readings of any version between."""
    truth = Truth()
    for userid in draw(st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=7)):
        truth.toggle(userid)
    numbers = range(len(truth.events))
    again = draw(st.lists(st.sampled_from(numbers), max_size=3))
    steps = [("event", number) for number in (*numbers, *again)]
    readings = draw(st.lists(st.integers(0, len(truth.events)), max_size=3))
    steps += [("reading", version) for version in readings]
    return truth, draw(st.permutations(steps))


@pytest.fixture
def fresh(empty_file: Path, tmp_path: Path) -> Any:
    made = 0

    def database() -> Database:
        nonlocal made
        made += 1
        path = tmp_path / f"{made}.db"
        shutil.copyfile(empty_file, path)
        return Database(f"sqlite+aiosqlite:///{path}")

    return database


@pytest.mark.long
@given(case=happenings())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_members_and_history_come_right(
    fresh: Any, case: tuple[Truth, list[tuple[str, int]]]
) -> None:
    truth, steps = case
    clock = ManualClock(START + timedelta(hours=1))
    history = GroupHistory(ZONE)
    events, roster = GroupEvents(clock, history, TIMES), Roster(history, TIMES)
    database = fresh()
    try:
        newest = 0
        for kind, number in steps:
            clock.turn(seconds=1)
            async with database.write() as session:
                if kind == "event":
                    await events.apply(typed_event(truth.events[number]), session)
                elif number >= newest:  # WeCom never goes back behind what it has told
                    newest = number
                    await roster.store(session, truth.reading(number), now=clock.now())
        async with database.write() as session:
            last = truth.reading(len(truth.events))
            stored = await roster.store(session, last, now=clock.now(), insist=True)
        assert not stored.stale
        async with database.read() as session:
            group = await session.get_one(CustomerGroup, "wrA")
            members = (await session.scalars(select(GroupMember))).all()
            moves = (await session.scalars(select(GroupMove))).all()
    finally:
        await database.close()
    assert group.member_version == last.member_version
    present = {row.userid: row.joined_at for row in members if row.left_at is None}
    assert present == truth.joined
    assert group.customers == len(truth.joined)
    told = [(row.userid, row.kind, row.at) for row in moves]
    assert sorted(told) == sorted(truth.moves)
