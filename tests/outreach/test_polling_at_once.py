"""Many open tasks are asked about side by side: within the room, each once, none held up."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from corp import until, wecom_settings
from sqlalchemy import select

from bot.clock import ManualClock
from bot.delivery.tokens import StoredTokens
from bot.outreach import task_polling
from bot.outreach.old_words import take_back
from bot.outreach.open_tasks import OpenTasks
from bot.outreach.plans import plans_of
from bot.outreach.task_polling import TaskPoller
from bot.settings import Settings
from bot.store.channel_tables import GuideNotice
from bot.store.database import Database
from bot.store.outreach_tables import OutreachTask, TaskPhase, TouchRow, TouchState
from bot.store.tables import WorkState
from bot.wecom.client import WeComClient
from scheduler import parse_journeys

Answer = dict[str, Any]
JOURNEY = """
version: 1
journeys:
- id: news
  name: 上新
  triggers: [{event: wants_news}]
  steps:
  - {id: tell, purpose: 告诉上新, kind: mass_send, at: {hours: 1}, content: {text: 新款到店了}}
"""
REFUSED = {"blocked": 45009, "gone": 41093}
MEMBERS, SEEN = "get_groupmsg_task", "get_moment_send_result"


@dataclass
class Corp:
    """Answers by the id of a task: `open/1` is unconfirmed, `post/1/9` is out by nine guides."""

    crowd: int = 1_000
    meanwhile: Callable[[str], Awaitable[None]] | None = None
    calls: list[tuple[str, str]] = field(default_factory=list)
    under_way: int = 0
    most: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        api = request.match_info["api"].rsplit("/", 1)[-1]
        if api == "gettoken":
            return web.json_response({"access_token": "t", "expires_in": 7200})
        body = await request.json() if request.can_read_body else dict(request.query)
        about = str(body.get("msgid") or body.get("moment_id") or body.get("jobid"))
        self.calls.append((api, about))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        too_many = self.under_way > self.crowd
        await asyncio.sleep(0.005)
        if self.meanwhile is not None:
            await self.meanwhile(about)
        self.under_way -= 1
        refused = REFUSED.get(about.split("/")[0], 45033 if too_many else 0)
        return web.json_response({"errcode": refused} if refused else _told(api, about))

    def asked(self, api: str) -> Counter[str]:
        return Counter(about for called, about in self.calls if called == api)


def _told(api: str, about: str) -> Answer:
    match api:
        case "get_groupmsg_task":
            return {"task_list": [{"userid": "g0", "status": 0}]}
        case "get_moment_task":
            _, _, guides = about.split("/")
            rows = [{"userid": f"g{n}", "publish_status": 1} for n in range(int(guides))]
            return {"task_list": rows}
        case "get_moment_send_result":
            return {"customer_list": [{"external_userid": "wmOne"}]}
        case "get_moment_task_result":
            return {"status": 3, "result": {"errcode": "no number"}}
        case _:
            return {}


@pytest.fixture
def database(ledger: Database) -> Database:
    """Most of this does not depend on the engine."""
    return ledger


@pytest.fixture
def corp() -> Corp:
    return Corp()


@pytest.fixture
async def poller(
    corp: Corp, http: aiohttp.ClientSession, clock: ManualClock
) -> AsyncIterator[Callable[..., TaskPoller]]:
    app = web.Application()
    app.router.add_route("*", "/cgi-bin/{api:.+}", corp.answer)
    settings = Settings.model_validate({"outreach": {"enabled": True}})
    journeys = parse_journeys(JOURNEY)
    async with TestServer(app) as server:
        wecom = wecom_settings(str(server.make_url("/cgi-bin/")), timeout_seconds=20)

        def made(database: Database, *, calls_at_once: int = 4) -> TaskPoller:
            client = WeComClient(wecom, http, shared=StoredTokens(database), clock=clock)
            return TaskPoller(
                database,
                client,
                clock,
                plans_of(settings, journeys),
                remind_after=timedelta(days=9),
                calls_at_once=calls_at_once,
            )

        yield made


async def _open(database: Database, clock: ManualClock, *remote_ids: str, **more: Any) -> None:
    """Tasks with a touch each, which are due in this order."""
    now = clock.now()
    async with database.write() as session:
        for place, remote_id in enumerate(remote_ids):
            task = OutreachTask(
                lane=remote_id,
                state=WorkState.DONE,
                due_at=now,
                attempts=1,
                kind="moment" if remote_id.startswith(("post", "job")) else "mass_send",
                phase=TaskPhase.CREATING if remote_id.startswith("job") else TaskPhase.ASKED,
                body={},
                sender="g0",
                job_id=remote_id,
                remote_id=remote_id,
                created_at=now,
                asked_at=now,
                valid_until=now + more.get("valid_for", timedelta(hours=5)),
                poll_at=now - timedelta(minutes=1) + timedelta(seconds=place / 100),
            )
            session.add(task)
            await session.flush()
            session.add(
                TouchRow(
                    id=f"t{task.id}",
                    journey="news",
                    step="tell",
                    kind=task.kind,
                    audience="customer",
                    subject=f"wm{task.id}",
                    segment="default",
                    due_at=now,
                    look_at=now,
                    status=TouchState.ASKED,
                    task_id=task.id,
                    created_at=now,
                )
            )


async def _all(database: Database, table: Any) -> list[Any]:
    async with database.read() as session:
        return list(await session.scalars(select(table).order_by(table.id)))


SENDS = tuple(f"open/{number}" for number in range(24))


async def test_so_many_calls_as_are_allowed_go_out_at_a_time(
    poller: Callable[..., TaskPoller], database: Database, clock: ManualClock, corp: Corp
) -> None:
    await _open(database, clock, *SENDS, "post/1/9", "post/2/9", "post/3/9")
    assert await poller(database, calls_at_once=4).tick() == 27
    assert corp.most == 4
    assert corp.asked(MEMBERS) == Counter(SENDS)
    assert set(corp.asked(SEEN).values()) == {9}
    assert await poller(database).tick() == 0


async def test_a_fault_of_one_leaves_the_others_alone(
    poller: Callable[..., TaskPoller], database: Database, clock: ManualClock, corp: Corp
) -> None:
    await _open(database, clock, "job/1", *SENDS[:5])
    assert await poller(database).tick() == 5
    assert corp.asked(MEMBERS) == Counter(SENDS[:5])
    broken, *_ = await _all(database, OutreachTask)
    assert broken.poll_at > clock.now(), "looked at again later"


async def test_a_post_of_many_guides_holds_up_nobody(
    poller: Callable[..., TaskPoller], database: Database, clock: ManualClock, corp: Corp
) -> None:
    await _open(database, clock, "post/1/60", "post/2/60", *SENDS)
    await poller(database, calls_at_once=2).tick()
    apis = [api for api, _ in corp.calls]
    before_the_last = apis[: len(apis) - apis[::-1].index(MEMBERS)]
    assert before_the_last.count(SEEN) <= 4
    assert corp.asked(SEEN) == Counter({"post/1/60": 60, "post/2/60": 60})
    assert corp.most == 2


async def test_a_crowded_platform_is_asked_by_fewer_and_hears_of_everybody_once(
    poller: Callable[..., TaskPoller], database: Database, clock: ManualClock, corp: Corp
) -> None:
    """WeCom: 45033 says that too many calls are under way; a guide given back is asked again."""
    corp.crowd = 5
    asks = poller(database, calls_at_once=8)
    await _open(database, clock, "post/1/40")
    await asks.tick()
    [post] = [row for row in await _all(database, TouchRow) if row.kind == "moment"]
    assert (post.status, post.outcome["reached"]) == (TouchState.SENT, 40)
    corp.most = 0
    await _open(database, clock, *SENDS)
    for _ in range(12):
        await asks.tick()
        clock.turn(seconds=20)
    assert corp.most <= corp.crowd
    assert set(corp.asked(MEMBERS)) == set(SENDS)


async def test_a_look_that_came_too_late_does_not_change_what_a_person_decided(
    poller: Callable[..., TaskPoller], database: Database, clock: ManualClock, corp: Corp
) -> None:
    await _open(database, clock, "open/1", valid_for=timedelta(0))
    asks = poller(database)
    [task] = await _all(database, OutreachTask)
    first = deque(["the look has read that nobody confirmed, and will cancel for being late"])

    async def cancelled(_: str) -> None:
        if first:
            first.clear()
            await asks.cancel(task, by="li")

    corp.meanwhile = cancelled
    await asks.tick()
    [task], [touch] = await _all(database, OutreachTask), await _all(database, TouchRow)
    assert (task.phase, task.error, task.poll_at) == (TaskPhase.CANCELLED, "由 li 取消", None)
    assert (touch.status, touch.explanation) == (TouchState.CANCELLED, "由 li 取消")


async def test_a_post_that_takes_long_is_looked_at_by_one_replica(
    poller: Callable[..., TaskPoller], database: Database, clock: ManualClock, corp: Corp
) -> None:
    await _open(database, clock, "post/1/6")
    [task] = await _all(database, OutreachTask)
    taken = []

    async def slowly(about: str) -> None:
        clock.turn(minutes=2)
        taken.append(await OpenTasks(database, clock).take(task.id))

    corp.meanwhile = slowly
    await poller(database, calls_at_once=1).tick()
    assert len(taken) == 13 and set(taken) == {None}


async def test_guides_of_a_post_are_reminded_in_short_transactions_and_once(
    poller: Callable[..., TaskPoller],
    database: Database,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unpublished(api: str, about: str) -> Answer:
        return {"task_list": [{"userid": f"g{n}", "publish_status": 0} for n in range(250)]}

    monkeypatch.setitem(globals(), "_told", unpublished)
    await _open(database, clock, "post/1/250")
    [task] = await _all(database, OutreachTask)
    asks = poller(database)
    await asyncio.gather(*(asks.remind(task) for _ in range(3)))
    told = Counter(row.userid for row in await _all(database, GuideNotice))
    assert len(told) == 250 and set(told.values()) == {1}


@pytest.mark.postgres
async def test_two_replicas_ask_about_each_task_once(
    poller: Callable[..., TaskPoller], kept_postgres_url: str, clock: ManualClock, corp: Corp
) -> None:
    mine, theirs = Database(kept_postgres_url), Database(kept_postgres_url)
    try:
        await _open(mine, clock, *SENDS, "post/1/9")
        counts = await asyncio.gather(*(poller(one).tick() for one in (mine, theirs)))
        assert sum(counts) == 25
        assert corp.asked(MEMBERS) == Counter(SENDS)
        assert corp.asked(SEEN) == Counter({"post/1/9": 9})
    finally:
        await mine.close()
        await theirs.close()


async def test_what_was_decided_during_a_look_is_done_at_once(
    poller: Callable[..., TaskPoller], database: Database, clock: ManualClock, corp: Corp
) -> None:
    """The console has tasks asked for again in new words; the looks would put that off, or end
    what another replica has cancelled at WeCom already."""
    await _open(database, clock, "gone/1", "post/2/1", "blocked/3")
    ids = [task.id for task in await _all(database, OutreachTask)]

    async def taken_back(_: str) -> None:
        async with database.write() as session:
            await take_back(session, ids, clock.now())

    corp.meanwhile = taken_back
    await poller(database).tick()
    tasks = await _all(database, OutreachTask)
    assert {(task.phase, task.poll_at) for task in tasks} == {(TaskPhase.RENEWING, clock.now())}
    gone, _, blocked = await _all(database, TouchRow)
    assert {gone.status, blocked.status} == {TouchState.ASKED}


async def test_what_falls_due_beside_a_long_look_is_begun(
    poller: Callable[..., TaskPoller],
    database: Database,
    clock: ManualClock,
    corp: Corp,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(task_polling, "_LOOK_ROUND", 0.01)
    await _open(database, clock, "post/1/1")
    later = deque(["open/2"])

    async def until_the_other_was_asked(about: str) -> None:
        if about.startswith("post"):
            while later:
                await _open(database, clock, later.pop())
            await until(lambda: corp.asked(MEMBERS)["open/2"] == 1, seconds=10)

    corp.meanwhile = until_the_other_was_asked
    assert await poller(database).tick() == 2
