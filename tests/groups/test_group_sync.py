"""Reading all groups: figures, refusals, groups that are gone, and going on after a crash."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from corp import Naps, Script
from group_fixtures import LIN, MAY, QING, TANG, Shop
from group_fixtures import shop as shop
from group_fixtures import small_shop as small_shop

from bot.clock import ManualClock
from bot.customers.tally import Tally
from bot.errors import WeComError
from bot.groups.history import GroupHistory
from bot.groups.quiet import DigestTimes
from bot.groups.roster import Roster
from bot.groups.sweep import GroupSync
from bot.sandbox import gatherings
from bot.store.database import Database
from bot.store.group_tables import CustomerGroup, GroupDigest, GroupMove, GroupSweep
from bot.wecom.client import WeComClient


async def test_first_and_second_reading(shop: Shop) -> None:
    mothers = shop.open("宝妈群", LIN, MAY)
    vip = shop.open("VIP 群", LIN, owner=TANG)
    over = shop.open("活动群", MAY)
    shop.told.clear()
    shop.clock.turn(seconds=5)
    assert await shop.groups.sync.read_all() == Tally(seen=3, added=3)
    assert await shop.inside(mothers) == {QING, LIN, MAY}
    assert await shop.count(GroupMove) == 7
    assert await shop.count(GroupDigest) == 0  # those who were there before are no newcomers
    shop.clock.turn(hours=20)
    gatherings.change(shop.platform, vip, name="VIP 一群")
    gatherings.dismiss(shop.platform, over)
    shop.clock.turn(seconds=5)
    assert await shop.groups.sync.read_all() == Tally(seen=2, changed=1, removed=1)
    assert (await shop.group(over)).state == "dismissed"
    assert (await shop.group(vip)).name == "VIP 一群"
    shop.clock.turn(hours=20)
    assert await shop.groups.sync.read_all() == Tally(seen=2)
    filters = shop.calls("groupchat/list")
    assert all(set(body["owner_filter"]["userid_list"]) == {QING, TANG} for body in filters)


async def test_what_a_sync_finds_missed_is_history_too(small_shop: Shop) -> None:
    shop = small_shop
    chat = shop.open("福利群", LIN)
    await shop.settle()
    gatherings.leave(shop.platform, chat, [LIN])
    gatherings.join(shop.platform, chat, [MAY])
    shop.told.clear()  # the callbacks got lost
    shop.clock.turn(seconds=5)
    assert (await shop.groups.sync.read_all()).changed == 1
    assert await shop.inside(chat) == {QING, MAY}
    moves = await shop.rows(GroupMove, GroupMove.source == "reading")
    assert {(move.userid, move.kind) for move in moves} >= {(LIN, "left"), (MAY, "joined")}
    [digest] = await shop.rows(GroupDigest)
    assert digest.chat_id == chat


async def test_a_vanished_list_ends_no_group(small_shop: Shop) -> None:
    """The app lost its view of the owner: only the group itself can say that it is over."""
    shop = small_shop
    chat = shop.open("福利群", LIN)
    await shop.settle()
    shop.clock.turn(hours=1)
    listing = shop.platform.groups.all
    shop.platform.groups.all = list  # type: ignore[method-assign]
    try:
        assert await shop.groups.sync.read_all() == Tally(seen=1)
    finally:
        shop.platform.groups.all = listing  # type: ignore[method-assign]
    assert (await shop.group(chat)).state == "active"


class Corp:
    """Many owners with one group each, some of whom WeCom refuses to hear of."""

    def __init__(self, owners: int) -> None:
        self.owners = [f"guide{number:03}" for number in range(owners)]
        self.refused: set[str] = set()
        self.asked: list[str] = []

    def follow_users(self) -> dict[str, object]:
        return {"follow_user": self.owners}

    def listed(self, body: dict[str, object]) -> dict[str, object]:
        wanted = body["owner_filter"]["userid_list"]  # type: ignore[index]
        assert len(wanted) <= 100
        if self.refused & set(wanted):
            return {"errcode": 60111, "errmsg": "userid not found"}
        start = int(str(body.get("cursor") or 0))
        page = wanted[start : start + 30]
        more = str(start + 30) if start + 30 < len(wanted) else ""
        rows = [{"chat_id": f"wr{owner}", "status": 0} for owner in page]
        return {"group_chat_list": rows, "next_cursor": more}

    def group(self, chat_id: str) -> dict[str, object]:
        self.asked.append(chat_id)
        owner = chat_id.removeprefix("wr")
        members = [{"userid": owner, "type": 1, "join_time": 1_790_000_000, "join_scene": 1}]
        return {
            "group_chat": {
                "chat_id": chat_id,
                "name": owner,
                "owner": owner,
                "create_time": 1_790_000_000,
                "member_list": members,
                "admin_list": [],
                "member_version": "v1",
            }
        }

    async def answer(self, request: web.Request) -> web.StreamResponse:
        api = request.match_info["api"].removeprefix("externalcontact/")
        body = await request.json() if request.can_read_body else {}
        answers: dict[str, Callable[[], dict[str, object]]] = {
            "gettoken": lambda: {"access_token": "t", "expires_in": 7200},
            "get_follow_user_list": self.follow_users,
            "groupchat/list": lambda: self.listed(body),
            "groupchat/get": lambda: self.group(body["chat_id"]),
        }
        return web.json_response({"errcode": 0, "errmsg": "ok"} | answers[api]())


@pytest.fixture
def corp(script: Script) -> Corp:
    corp = Corp(250)
    script.answer = corp.answer  # type: ignore[method-assign]
    return corp


@pytest.fixture
def sync(
    corp: Corp,
    scripted: Callable[..., WeComClient],
    ledger: Database,
    clock: ManualClock,
    naps: Naps,
) -> Callable[[], GroupSync]:
    zone = ZoneInfo("Asia/Shanghai")
    times = DigestTimes(timedelta(minutes=30), time(22), time(8), zone)
    roster = Roster(GroupHistory(zone), times)
    client = scripted(timeout_seconds=10)
    return lambda: GroupSync(ledger, client, clock, roster, side_by_side=1, sleep=naps)


async def test_owners_are_asked_for_a_hundred_at_a_time(
    corp: Corp, sync: Callable[[], GroupSync], ledger: Database
) -> None:
    corp.refused = {"guide007", "guide142"}
    counts = await sync().read_all()
    assert counts == Tally(seen=248, added=248)
    assert len(corp.asked) == len(set(corp.asked)) == 248
    async with ledger.read() as session:
        sweep = await session.get_one(GroupSweep, 1)
    assert sweep.refused == ["guide007", "guide142"]
    assert sweep.finished_at is not None


@pytest.mark.long
async def test_a_sweep_that_died_goes_on_where_it_was(
    corp: Corp, sync: Callable[[], GroupSync], ledger: Database
) -> None:
    first = sync()
    read = first._store

    async def until_killed(*given: object) -> None:
        if len(corp.asked) >= 120:
            raise RuntimeError("killed")
        await read(*given)  # type: ignore[arg-type]

    first._store = until_killed  # type: ignore[method-assign,assignment]
    with pytest.raises(RuntimeError):
        await first.read_all()
    assert len(corp.asked) == 120
    counts = await sync().read_all()
    assert counts == Tally(seen=250, added=250)
    assert len(corp.asked) == 251  # the one that was under way is asked for once more
    async with ledger.read() as session:
        assert await session.get(CustomerGroup, "wrguide249") is not None


async def test_a_missing_permission_stops_with_its_reason(
    corp: Corp, script: Script, sync: Callable[[], GroupSync]
) -> None:
    corp.listed = lambda body: {"errcode": 48002, "errmsg": "forbidden"}  # type: ignore[method-assign]
    with pytest.raises(WeComError) as caught:
        await sync().read_all()
    assert caught.value.errcode == 48002
