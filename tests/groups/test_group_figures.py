"""What can be counted, and the API and commands that tell it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from corp import running as running_loops
from corp import until
from group_fixtures import KAI, LIN, MAY, QING, SHANGHAI, TANG, ZHOU, Shop
from group_fixtures import shop as shop
from group_fixtures import small_shop as small_shop

from bot.cli import main
from bot.groups import figures
from bot.groups.listing import GroupFilter, list_groups
from bot.groups.profiles import ProfilePatch
from bot.sandbox import gatherings
from bot.store.group_tables import GroupState


async def test_who_sits_in_three_of_our_groups(shop: Shop) -> None:
    chats = [shop.open(f"{number}群", LIN, MAY) for number in (1, 2, 3)]
    gatherings.join(shop.platform, chats[0], [ZHOU, TANG])
    gatherings.join(shop.platform, chats[1], [ZHOU, TANG])
    gatherings.join(shop.platform, chats[2], [TANG])
    await shop.settle()
    async with shop.database.read() as session:
        three = await figures.duplicates(session, at_least=3)
        two = await figures.duplicates(session, at_least=2)
        second = await figures.duplicates(session, at_least=2, offset=2, limit=5)
    assert [(one.external_userid, len(one.groups)) for one in three] == [(MAY, 3), (LIN, 3)]
    assert {one.name for one in three} == {"小林", "阿May"}
    assert [one.external_userid for one in two][2:] == [ZHOU]
    assert [one.external_userid for one in second] == [ZHOU]
    gatherings.leave(shop.platform, chats[0], [MAY])
    gatherings.dismiss(shop.platform, chats[2])
    await shop.settle()
    async with shop.database.read() as session:
        assert await figures.duplicates(session, at_least=3) == []


async def test_growth_and_loss_by_the_days_of_the_shop(shop: Shop) -> None:
    chat = shop.open("福利群", LIN)  # 10:00 in Shanghai
    await shop.settle()
    gatherings.join(shop.platform, chat, [MAY, TANG])
    shop.clock.turn(hours=15)  # 01:00 of the next day there, still today in UTC
    gatherings.join(shop.platform, chat, [ZHOU])
    gatherings.leave(shop.platform, chat, [LIN])
    await shop.settle()
    async with shop.database.read() as session:
        days = await figures.growth(session, now=shop.clock.now(), zone=SHANGHAI, days=3)
        other = await figures.growth(
            session, now=shop.clock.now(), zone=SHANGHAI, days=1, segment="vip"
        )
    assert [(one.day, one.joined, one.left, one.net) for one in days] == [
        (date(2026, 11, 19), 0, 0, 0),
        (date(2026, 11, 20), 2, 0, 2),
        (date(2026, 11, 21), 1, 1, 0),
    ]
    assert [(one.joined, one.left) for one in other] == [(0, 0)]


async def test_groups_fall_silent_and_wake(shop: Shop) -> None:
    quiet, lively = shop.open("老群", LIN), shop.open("新群", MAY)
    await shop.settle()
    shop.clock.turn(days=20)
    gatherings.join(shop.platform, lively, [KAI])
    await shop.settle()
    silent = GroupFilter(silent_since=shop.clock.now() - timedelta(days=14))
    async with shop.database.read() as session:
        assert [one.group.chat_id for one in await list_groups(session, silent)] == [quiet]
    async with shop.database.write() as session:
        group = await session.get_one(type(await shop.group(quiet)), quiet)
        group.last_message_at = shop.clock.now()
    async with shop.database.read() as session:
        assert await list_groups(session, silent) == []


async def test_a_spoken_in_group_is_not_silent_where_wecom_lets_it_be_known(
    small_shop: Shop,
) -> None:
    shop = small_shop
    first, second = shop.open("1群", LIN), shop.open("2群", LIN)
    alone = shop.open("独群", MAY, owner=TANG)
    await shop.settle()
    shop.clock.turn(days=30)
    gatherings.speak(shop.platform, first)
    gatherings.speak(shop.platform, alone)
    shop.clock.turn(days=1)
    await shop.groups.sync.read_all()
    silent = GroupFilter(silent_since=shop.clock.now() - timedelta(days=14))
    async with shop.database.read() as session:
        found = {one.group.chat_id for one in await list_groups(session, silent)}
    assert found == {first, second}  # of an owner of two groups it is only known that one was
    assert (await shop.group(alone)).last_message_at is not None


async def test_groups_are_found_by_what_they_are_for(shop: Shop) -> None:
    first, second = shop.open("宝妈群"), shop.open("VIP_群", owner=TANG)
    await shop.settle()
    patch = ProfilePatch(segment="mothers", tags=["南京路店", "试点"])
    await shop.groups.profiles.change(first, patch)
    await shop.groups.profiles.change(second, ProfilePatch(purpose="老客专属", tags=["试点"]))

    async def found(**wanted: Any) -> set[str]:
        async with shop.database.read() as session:
            return {one.group.chat_id for one in await list_groups(session, GroupFilter(**wanted))}

    assert await found(segment="mothers") == {first}
    assert await found(tag="试点") == {first, second}
    assert await found(tag="南京路店") == {first}
    assert await found(owner=TANG) == {second}
    assert await found(name="P_") == {second}
    assert await found(state=GroupState.DISMISSED) == set()
    mothers = await shop.group(first)
    assert "亲肤" in mothers.purpose and mothers.rules
    await shop.groups.profiles.change(first, ProfilePatch(tags=[]))
    assert await found(tag="试点") == {second}


async def test_loops_bring_an_event_to_the_members(small_shop: Shop) -> None:
    """The loops as `serve` runs them, with the clock turned by hand."""
    shop = small_shop
    chat = shop.open("福利群", LIN)
    await shop.hear()
    shop.clock.turn(seconds=3)
    loops = shop.groups.loops
    async with running_loops(*(loop() for loop in loops.values())):  # type: ignore[arg-type]
        shop.groups.reader.nudge()

        async def read() -> bool:
            return await shop.inside(chat) == {QING, LIN}

        await until(read)


async def test_commands_read_and_sync(
    small_shop: Shop,
    platform_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shop = small_shop
    chat = shop.open("宝妈群", LIN, MAY)
    corp = shop.platform.settings
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOT_DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path / 'own.db'}")
    monkeypatch.setenv("BOT_WECOM__API_BASE", platform_url)
    monkeypatch.setenv("BOT_WECOM__CORP_ID", corp.corp_id)
    monkeypatch.setenv("BOT_WECOM__SECRET", corp.secret)

    async def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["wecom-bot", *words])
        capsys.readouterr()
        code = await asyncio.to_thread(_exit_code_of, main)
        return code, *capsys.readouterr()

    code, out, err = await run("sync", "--json")
    assert code == 0, err
    assert json.loads(out)["groups"] == {"seen": 1, "added": 1, "changed": 0, "removed": 0}
    assert (await run("groups", "set", chat, "--segment", "mothers", "--tag", "试点"))[0] == 0
    code, out, err = await run("groups", "templates", "add", "mothers", "--json")
    assert code == 0, err
    assert json.loads(out)["status"] == "active"
    [listed] = json.loads((await run("groups", "list", "--json"))[1])
    assert (listed["name"], listed["customers"], listed["greeting"]) == ("宝妈群", 2, "not_picked")
    assert (await run("groups", "picked", chat, "--by", "青青"))[0] == 0
    shown = json.loads((await run("groups", "show", chat, "--json"))[1])
    assert shown["greeting"] == "picked" and len(shown["members"]) == 3
    assert shown["tags"] == ["试点"] and len(shown["history"]) == 3
    code, _, err = await run("groups", "show", "wrNone")
    assert code == 1 and err.startswith("错误：没有客户群")
    code, _, err = await run("groups", "set", chat, "--segment", "cats")
    assert code == 1 and "群分类" in err


def _exit_code_of(command: Callable[[], None]) -> int:
    try:
        command()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
